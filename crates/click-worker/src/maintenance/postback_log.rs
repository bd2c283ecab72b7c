//! Giving entries of the log of postbacks to the accounts of their clicks, which came later.
//!
//! An entry of a postback that names nothing but a click belongs to the account that the sender
//! names, or to none, until the click is stored. It is looked for again soon while the entry is
//! young and seldom when it is old, as that of a pending conversion, and not after a day.

use domain::id::ClickId;
use postgres::pool::{GenericClient, Pool};
use uuid::Uuid;

use super::chunk_size::MAX_CHUNK;
use crate::ingest::StoreError;

/// Seconds between two looks for the click of an entry: the least, and the most.
const WAIT_SECONDS: (f64, f64) = (1.0, 3600.0);
/// Seconds after which the click of an entry is not looked for any more: its conversion is not
/// kept for longer.
const MAX_AGE_SECONDS: f64 = 24.0 * 3600.0;

/// Looks for the clicks of entries that are due, until none is due.
pub async fn assign_due(pool: &Pool) -> Result<(), StoreError> {
    let client = pool.get().await?;
    loop {
        let due = entry_find_due(&client).await?;
        entry_assign_all(&client, &due).await?;
        entry_postpone_all(&client, &due).await?;
        if due.len() < MAX_CHUNK {
            return Ok(());
        }
    }
}

/// An entry that is due, and its click.
struct DueEntry {
    postback_id: Uuid,
    click_id: Option<ClickId>,
}

async fn entry_find_due(client: &impl GenericClient) -> Result<Vec<DueEntry>, StoreError> {
    let statement = client
        .prepare_cached(
            "SELECT postback_id, click_id
             FROM postback_log
             WHERE check_at <= now()
             ORDER BY check_at
             LIMIT $1",
        )
        .await?;
    let limit = i64::try_from(MAX_CHUNK).unwrap_or(i64::MAX);
    let rows = client.query(&statement, &[&limit]).await?;
    let due = rows.iter().map(|row| {
        let click_id: Option<&str> = row.get("click_id");
        DueEntry {
            postback_id: row.get("postback_id"),
            click_id: click_id.and_then(|id| ClickId::parse(id).ok()),
        }
    });
    Ok(due.collect())
}

/// Gives entries to the accounts of their clicks, where those are stored. Of the address they
/// have the network, which the account may not want either.
async fn entry_assign_all(client: &impl GenericClient, due: &[DueEntry]) -> Result<(), StoreError> {
    let statement = client
        .prepare_cached(
            "UPDATE postback_log p
             SET account_id = c.account_id,
                 link_key = c.link_key,
                 link_id = c.link_id,
                 offer_id = c.offer_id,
                 address = CASE WHEN a.ip_storage = 'none' THEN NULL ELSE p.address END,
                 check_at = NULL
             FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[])
                  AS due (postback_id, click_id, clicked_at)
             CROSS JOIN LATERAL (
                 SELECT account_id, link_key, link_id, offer_id
                 FROM clicks
                 WHERE clicked_at = due.clicked_at AND click_id = due.click_id
                 OFFSET 0
             ) AS c
             JOIN accounts a ON a.id = c.account_id
             WHERE p.postback_id = due.postback_id",
        )
        .await?;
    let with_click = || {
        let due = due.iter();
        due.filter_map(|entry| Some((entry.postback_id, entry.click_id?)))
    };
    let postback_ids: Vec<_> = with_click().map(|(id, _)| id).collect();
    let click_ids: Vec<_> = with_click().map(|(_, click)| click.as_uuid()).collect();
    let times: Vec<_> = with_click().map(|(_, click)| click.time()).collect();
    client
        .execute(&statement, &[&postback_ids, &click_ids, &times])
        .await?;
    Ok(())
}

/// Postpones the next look for the clicks that are not stored, by as long as their entries have
/// waited already.
async fn entry_postpone_all(
    client: &impl GenericClient,
    due: &[DueEntry],
) -> Result<(), StoreError> {
    let statement = client
        .prepare_cached(
            "UPDATE postback_log
             SET check_at = CASE
                 WHEN age.seconds < $4
                 THEN now() + make_interval(secs => least(greatest(age.seconds, $2), $3))
             END
             FROM (
                 SELECT postback_id AS due_id,
                        extract(epoch FROM now() - received_at)::double precision AS seconds
                 FROM postback_log
                 WHERE postback_id = ANY ($1)
             ) AS age
             WHERE postback_id = age.due_id AND check_at IS NOT NULL",
        )
        .await?;
    let ids: Vec<_> = due.iter().map(|entry| entry.postback_id).collect();
    let (shortest, longest) = WAIT_SECONDS;
    client
        .execute(&statement, &[&ids, &shortest, &longest, &MAX_AGE_SECONDS])
        .await?;
    Ok(())
}
