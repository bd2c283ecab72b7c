//! Offers by their `external_id`, for postbacks that do not name our ids.

use domain::id::AccountId;
use postgres::pool::GenericClient;

use crate::error::ApiError;

/// At most two of the offers with this `external_id`: those of the account, or, without an
/// account, those that have the secret with this digest. Archived offers are returned only if
/// all are.
pub async fn list_by_external_id(
    client: &impl GenericClient,
    external_id: &str,
    account_id: Option<AccountId>,
    secret_digest: Option<&str>,
) -> Result<Vec<String>, ApiError> {
    let statement = client
        .prepare_cached(
            "WITH named AS (
                 SELECT id, status
                 FROM offers
                 WHERE external_id = $1
                   AND CASE
                       WHEN $2::bigint IS NOT NULL THEN account_id = $2
                       ELSE $3::text IN (
                           SELECT encode(sha256(convert_to(secret, 'UTF8')), 'hex')
                           FROM unnest(postback_secret || previous_postback_secrets) AS s (secret)
                       )
                   END
             )
             SELECT id
             FROM named
             WHERE status <> 'archived'
                OR NOT EXISTS (SELECT FROM named WHERE status <> 'archived')
             LIMIT 2",
        )
        .await?;
    let account_id = account_id.map(|id| id.0);
    let rows = client
        .query(&statement, &[&external_id, &account_id, &secret_digest])
        .await?;
    Ok(rows.iter().map(|row| row.get("id")).collect())
}
