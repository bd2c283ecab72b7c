//! What the log says of a contact.

use domain::id::AccountId;
use postgres::pool::GenericClient;

use crate::error::ApiError;

/// Deletes the entries of the contact's links, and those that have its number in an id of the
/// sender.
pub async fn erase_contact(
    client: &impl GenericClient,
    account_id: AccountId,
    phone: &str,
    link_keys: &[i64],
) -> Result<u64, ApiError> {
    let statement = client
        .prepare_cached(
            "DELETE FROM postback_log
             WHERE account_id = $1
               AND (link_key = ANY ($2)
                    OR strpos(concat_ws(' ', txn_id, refund_id, click_id), $3) > 0)",
        )
        .await?;
    let digits = phone.trim_start_matches('+');
    let n_deleted = client
        .execute(&statement, &[&account_id.0, &link_keys, &digits])
        .await?;
    Ok(n_deleted)
}
