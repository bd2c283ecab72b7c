//! Finding message clicks again from the clicks.

use std::{collections::BTreeMap, ops::Range};

use domain::message_click_key::MessageClickKey;
use jiff::{SignedDuration, Timestamp};
use postgres::pool::{GenericClient as _, Transaction};

use super::{
    MessageClick, MessageClickChange, key_from_row,
    rows::{
        KEYS, message_click_delete_rows, message_click_insert_rows, message_click_load_all,
        message_click_update_rows, query_with_keys,
    },
};
use crate::{
    keys::{INDEXED_CLICK_CONTACT_KEY, LINK_KEY_OF_KEY, MESSAGE_ID_OF_KEY},
    totals::{TotalsDelta, day_start},
    unnest::column,
};

/// Makes the message clicks of some keys what the clicks say. The time of a key is that of
/// any of its clicks. Needs the lock of each account.
///
/// Retention may have deleted the click of a message click. Such a click counts as a
/// person's, since nobody can know its verdict any more.
pub async fn message_click_rebuild_all(
    transaction: &Transaction<'_>,
    keys: &BTreeMap<MessageClickKey, Timestamp>,
    delta: &mut TotalsDelta,
) -> Result<Vec<MessageClickChange>, tokio_postgres::Error> {
    let all_keys: Vec<_> = keys.keys().collect();
    let actual = message_click_load_all(transaction, &all_keys).await?;
    let actual: BTreeMap<_, _> = actual.into_iter().map(|c| (c.key.clone(), c)).collect();
    let mut expected = click_find_earliest(transaction, keys).await?;
    for orphaned in message_click_find_orphaned(transaction, keys).await? {
        let orphan = &actual[&orphaned];
        let is_earlier = |found: &MessageClick| found.click.click_id < orphan.click.click_id;
        if !expected.get(&orphaned).is_some_and(is_earlier) {
            expected.insert(orphaned, orphan.clone());
        }
    }
    let (mut inserted, mut updated, mut deleted) = (Vec::new(), Vec::new(), Vec::new());
    let mut changes = Vec::new();
    for key in keys.keys() {
        let actual = actual.get(key);
        let removed = actual.map(|actual| actual.click.click_id);
        let change = match (removed, expected.get(key)) {
            (Some(removed), Some(expected)) if removed == expected.click.click_id => continue,
            (None, None) => continue,
            (_, Some(expected)) => {
                match removed {
                    Some(_) => updated.push(expected),
                    None => inserted.push(expected),
                }
                expected.count(delta, 1);
                MessageClickChange::new(removed, expected.clone())
            }
            (Some(click_id), None) => {
                deleted.push(key);
                let key = key.clone();
                MessageClickChange::Removed { key, click_id }
            }
        };
        if let Some(actual) = actual {
            actual.count(delta, -1);
        }
        changes.push(change);
    }
    message_click_insert_rows(transaction, &inserted).await?;
    message_click_update_rows(transaction, &updated).await?;
    message_click_delete_rows(transaction, &deleted).await?;
    Ok(changes)
}

/// Deletes the message clicks of some keys, whatever the clicks say, and what they counted
/// for in the totals. Needs the lock of each account.
pub async fn message_click_delete_all(
    transaction: &Transaction<'_>,
    keys: &BTreeMap<MessageClickKey, Timestamp>,
    delta: &mut TotalsDelta,
) -> Result<Vec<MessageClickChange>, tokio_postgres::Error> {
    let keys: Vec<_> = keys.keys().collect();
    let deleted = message_click_load_all(transaction, &keys).await?;
    for click in &deleted {
        click.count(delta, -1);
    }
    message_click_delete_rows(transaction, &keys).await?;
    let changes = deleted
        .into_iter()
        .map(|click| MessageClickChange::Removed {
            key: click.key,
            click_id: click.click.click_id,
        });
    Ok(changes.collect())
}

/// Finds the earliest click of each key that is not a bot's. The indexes
/// `clicks_of_messages_idx` and `clicks_of_links_idx` contain no bots, so the work does not
/// grow with the clicks of the link, the message or the visitor.
async fn click_find_earliest(
    transaction: &Transaction<'_>,
    keys: &BTreeMap<MessageClickKey, Timestamp>,
) -> Result<BTreeMap<MessageClickKey, MessageClick>, tokio_postgres::Error> {
    let earliest_click = |condition: &str| {
        format!(
            "(SELECT *
              FROM clicks
              WHERE NOT is_bot
                AND {condition}
                AND account_id + 0 = k.account_id
                AND {INDEXED_CLICK_CONTACT_KEY} = k.contact_key
                AND clicked_at >= k.first_time
                AND clicked_at < k.end_time
              ORDER BY clicked_at, click_id
              LIMIT 1)"
        )
    };
    let of_message = earliest_click("message_id = k.message_id");
    let of_link = earliest_click("message_id IS NULL AND link_key + 0 = k.link_key");
    let sql = format!(
        "SELECT k.account_id, k.message_key, k.contact_key, c.click_id, c.link_key, c.link_id,
                c.list_id, c.offer_id, c.creative_id, c.campaign_id, c.message_id,
                c.contact_phone, c.country, c.device
         FROM (
             SELECT *,
                    {MESSAGE_ID_OF_KEY} AS message_id,
                    {LINK_KEY_OF_KEY} AS link_key
             FROM unnest($1::bigint[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[])
                  AS k (account_id, message_key, contact_key, first_time, end_time)
         ) AS k
         CROSS JOIN LATERAL ({of_message} UNION ALL {of_link}) AS c"
    );
    let statement = transaction.prepare_cached(&sql).await?;
    let keys: Vec<_> = keys
        .iter()
        .map(|(key, time)| (key, possible_click_times(key, *time)))
        .collect();
    let rows = transaction
        .query(
            &statement,
            &[
                &column(&keys, |(key, _)| key.account_id.0),
                &column(&keys, |(key, _)| key.message_key.as_str()),
                &column(&keys, |(key, _)| key.contact_key.as_str()),
                &column(&keys, |(_, times)| times.start),
                &column(&keys, |(_, times)| times.end),
            ],
        )
        .await?;
    let clicks = rows.iter().filter_map(MessageClick::from_row);
    Ok(clicks.map(|click| (click.key.clone(), click)).collect())
}

/// The range of times in which all clicks of a key lie, one of which happened at `time`.
/// A visitor is known for one day only, so one partition has all of its clicks.
fn possible_click_times(key: &MessageClickKey, time: Timestamp) -> Range<Timestamp> {
    if key.is_for_visitor() {
        let start = day_start(time);
        return start..start + SignedDuration::from_hours(24);
    }
    Timestamp::UNIX_EPOCH..Timestamp::MAX
}

/// Finds the keys whose message click exists while its row in `clicks` does not.
async fn message_click_find_orphaned(
    transaction: &Transaction<'_>,
    keys: &BTreeMap<MessageClickKey, Timestamp>,
) -> Result<Vec<MessageClickKey>, tokio_postgres::Error> {
    let sql = format!(
        "SELECT m.account_id, m.message_key, m.contact_key
         FROM {KEYS}
         JOIN message_clicks m USING (account_id, message_key, contact_key)
         WHERE NOT EXISTS (
             SELECT FROM clicks c
             WHERE c.clicked_at = m.clicked_at AND c.click_id = m.click_id
         )"
    );
    let keys: Vec<_> = keys.keys().collect();
    let rows = query_with_keys(transaction, &sql, &keys).await?;
    Ok(rows.iter().map(key_from_row).collect())
}
