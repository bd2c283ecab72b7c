//! The tables `former_identities` and `deleted_conversions`: what the ledger still knows of
//! conversions that have another identity now, or were deleted.
//!
//! Postbacks that were received before may be delivered again, and networks go on to report
//! about a transaction. So a former identity stands for the conversion that had it. If that was
//! deleted, nothing brings it back but an import that says so.

use std::collections::{BTreeMap, BTreeSet};

use domain::{conversion::Author, dedupe::order_of_key, id::ConversionId};
use postgres::pool::{GenericClient as _, Transaction};

use super::key_ranges::{KEY_RANGES, KeyRange, KeyRangeColumns};
use crate::unnest::column;

/// Loads the former identities in some ranges, with the keys that their conversions have now.
pub(super) async fn former_identity_load_all(
    transaction: &Transaction<'_>,
    ranges: &BTreeSet<KeyRange>,
) -> Result<BTreeMap<(i64, String), Option<String>>, tokio_postgres::Error> {
    let statement = transaction
        .prepare_cached(&format!(
            "SELECT f.account_id, f.dedupe_key, f.current_key
             FROM {KEY_RANGES}
             CROSS JOIN LATERAL (
                 SELECT *
                 FROM former_identities f
                 WHERE f.account_id = k.account_id
                   AND f.dedupe_key >= k.lowest
                   AND f.dedupe_key <= k.highest
                 ORDER BY f.dedupe_key DESC
                 LIMIT 100
             ) AS f"
        ))
        .await?;
    let ranges = KeyRangeColumns::from_ranges(ranges);
    let rows = transaction.query(&statement, &ranges.parameters()).await?;
    let identity = |row: &tokio_postgres::Row| {
        let former = (row.get("account_id"), row.get("dedupe_key"));
        (former, row.get("current_key"))
    };
    Ok(rows.iter().map(identity).collect())
}

/// Notes that a conversion has another key now, or that it was deleted. All keys that it had
/// stand for the new one.
pub(super) async fn former_identity_move(
    transaction: &Transaction<'_>,
    account_id: i64,
    old_key: &str,
    new_key: Option<&str>,
) -> Result<(), tokio_postgres::Error> {
    let statement = transaction
        .prepare_cached(
            "UPDATE former_identities
             SET current_key = $3, created_at = now()
             WHERE account_id = $1 AND current_key = $2",
        )
        .await?;
    let moved: [&(dyn tokio_postgres::types::ToSql + Sync); 3] = [&account_id, &old_key, &new_key];
    transaction.execute(&statement, &moved).await?;
    let statement = transaction
        .prepare_cached(
            "INSERT INTO former_identities (account_id, dedupe_key, current_key)
             VALUES ($1, $2, $3)
             ON CONFLICT (account_id, dedupe_key) DO UPDATE
             SET current_key = excluded.current_key, created_at = now()",
        )
        .await?;
    transaction.execute(&statement, &moved).await?;
    if let Some(new_key) = new_key {
        former_identity_delete_all(transaction, &[(account_id, new_key.to_owned())]).await?;
    }
    Ok(())
}

/// Deletes former identities, because conversions have them again.
pub(super) async fn former_identity_delete_all(
    transaction: &Transaction<'_>,
    keys: &[(i64, String)],
) -> Result<(), tokio_postgres::Error> {
    if keys.is_empty() {
        return Ok(());
    }
    let statement = transaction
        .prepare_cached(
            "DELETE FROM former_identities
             WHERE (account_id, dedupe_key) IN (SELECT * FROM unnest($1::bigint[], $2::text[]))",
        )
        .await?;
    transaction
        .execute(
            &statement,
            &[
                &column(keys, |(account_id, _)| *account_id),
                &column(keys, |(_, key)| key.as_str()),
            ],
        )
        .await?;
    Ok(())
}

/// Notes that the order of a conversion has changed: it waited for its click, which names the
/// offer. Its former identities are then of the new order, too.
pub(super) async fn former_identity_change_order(
    transaction: &Transaction<'_>,
    account_id: i64,
    old_key: &str,
    conversion_id: ConversionId,
) -> Result<(), tokio_postgres::Error> {
    let statement = transaction
        .prepare_cached("SELECT dedupe_key FROM conversions WHERE conversion_id = $1")
        .await?;
    let row = transaction
        .query_opt(&statement, &[&conversion_id.as_uuid()])
        .await?;
    let Some(new_key) = row.map(|row| row.get::<_, String>("dedupe_key")) else {
        return Ok(());
    };
    let order = order_of_key(&new_key);
    let statement = transaction
        .prepare_cached(
            "WITH moved AS (
                 DELETE FROM former_identities
                 WHERE account_id = $1 AND current_key = $2
                 RETURNING dedupe_key
             )
             INSERT INTO former_identities (account_id, dedupe_key, current_key)
             SELECT $1, $3 || substr(dedupe_key, strpos(dedupe_key, E'\\x1f')), $4
             FROM moved
             ON CONFLICT (account_id, dedupe_key) DO NOTHING",
        )
        .await?;
    transaction
        .execute(&statement, &[&account_id, &old_key, &order, &new_key])
        .await?;
    Ok(())
}

/// Notes which ids belong to a deleted conversion, and who has deleted it.
pub(super) async fn deleted_conversion_insert_all(
    transaction: &Transaction<'_>,
    account_id: i64,
    ids: &BTreeSet<ConversionId>,
    author: Author,
) -> Result<(), tokio_postgres::Error> {
    let statement = transaction
        .prepare_cached(
            "INSERT INTO deleted_conversions (conversion_id, account_id, api_key_id, user_id)
             SELECT id, $2, $3, $4
             FROM unnest($1::uuid[]) AS deleted (id)
             ON CONFLICT (conversion_id) DO NOTHING",
        )
        .await?;
    let ids: Vec<_> = ids.iter().map(ConversionId::as_uuid).collect();
    transaction
        .execute(
            &statement,
            &[&ids, &account_id, &author.api_key_id(), &author.user_id()],
        )
        .await?;
    Ok(())
}
