//! Message clicks: the earliest click of a message and contact that is not a
//! bot's, by the rule of domain::attribution.

use std::{collections::BTreeMap, ops::Range};

use domain::{
    id::{AccountId, ClickId},
    message_click_key::MessageClickKey,
};
use jiff::{SignedDuration, Timestamp};
use tokio_postgres::{Row, types::Type};

use super::{
    CONTACT_KEY_OF_CLICK, Clicked, column,
    totals::{Deltas, Measures, day},
};
use postgres::{
    copy::RowCopy,
    pool::{GenericClient, Transaction},
};

/// A message click, or a click that may become one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageClick {
    pub key: MessageClickKey,
    pub clicked: Clicked,
}

impl MessageClick {
    /// Of columns account_id, message_key and contact_key, and those of a click.
    fn read(row: &Row) -> Option<Self> {
        let account_id = row.get("account_id");
        Some(Self {
            key: key(row),
            clicked: Clicked::read(row, "", account_id)?,
        })
    }

    fn count(&self, deltas: &mut Deltas, unique_clicks: i32) {
        let measures = Measures {
            unique_clicks,
            ..Measures::default()
        };
        deltas.add(self.clicked.place(), self.clicked.time(), "", measures);
    }
}

fn key(row: &Row) -> MessageClickKey {
    MessageClickKey {
        account_id: AccountId(row.get("account_id")),
        message_key: row.get("message_key"),
        contact_key: row.get("contact_key"),
    }
}

const COLUMNS: &str = "
    account_id, message_key, contact_key, click_id, link_key, link_id, list_id, offer_id,
    creative_id, campaign_id, message_id, contact_phone, country, device
";

/// How the message click of a key has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageClickChange {
    /// The click that it was, and is not any more.
    pub removed: Option<ClickId>,
    /// The message click that it is now.
    pub added: Option<MessageClick>,
}

/// Merges new clicks, of each key the earliest, into what is there: an earlier
/// click takes the place of a later one, whichever came first. `current` is what
/// [`message_click_read_all`] has read of their keys. Needs the lock of each account.
pub async fn message_click_merge_all(
    transaction: &Transaction<'_>,
    candidates: &BTreeMap<MessageClickKey, MessageClick>,
    current: &[MessageClick],
    deltas: &mut Deltas,
) -> Result<Vec<MessageClickChange>, tokio_postgres::Error> {
    let current: BTreeMap<_, _> = current.iter().map(|click| (&click.key, click)).collect();
    let (mut inserted, mut earlier) = (Vec::new(), Vec::new());
    let mut changes = Vec::with_capacity(candidates.len());
    for candidate in candidates.values() {
        let removed = current.get(&candidate.key);
        match removed {
            Some(click) if click.clicked.click_id <= candidate.clicked.click_id => continue,
            Some(click) => {
                click.count(deltas, -1);
                earlier.push(candidate);
            }
            None => inserted.push(candidate),
        }
        candidate.count(deltas, 1);
        changes.push(MessageClickChange {
            removed: removed.map(|click| click.clicked.click_id),
            added: Some(candidate.clone()),
        });
    }
    message_click_insert_all(transaction, &inserted).await?;
    message_click_update_all(transaction, &earlier).await?;
    Ok(changes)
}

/// Finds the message clicks of some keys anew, from the clicks. One whose own
/// click is gone (retention) is taken for a person's. The time beside a key is that of
/// any of its clicks. Needs the lock of each account.
pub async fn message_click_rebuild_all(
    transaction: &Transaction<'_>,
    keys: &BTreeMap<MessageClickKey, Timestamp>,
    deltas: &mut Deltas,
) -> Result<Vec<MessageClickChange>, tokio_postgres::Error> {
    let all: Vec<_> = keys.keys().collect();
    let current = message_click_read_all(transaction, &all).await?;
    let current: BTreeMap<_, _> = current.into_iter().map(|c| (c.key.clone(), c)).collect();
    let mut wanted = message_click_find_all(transaction, keys).await?;
    for gone in message_click_find_without_click(transaction, keys).await? {
        let click = &current[&gone];
        let is_earlier = |found: &MessageClick| found.clicked.click_id < click.clicked.click_id;
        if !wanted.get(&gone).is_some_and(is_earlier) {
            wanted.insert(gone, click.clone());
        }
    }
    let (mut inserted, mut updated, mut removed) = (Vec::new(), Vec::new(), Vec::new());
    let mut changes = Vec::new();
    for key in keys.keys() {
        match (current.get(key), wanted.get(key)) {
            (Some(is), Some(should)) if is.clicked.click_id == should.clicked.click_id => continue,
            (None, None) => continue,
            (None, Some(should)) => inserted.push(should),
            (Some(_), Some(should)) => updated.push(should),
            (Some(_), None) => removed.push(key),
        }
        if let Some(click) = current.get(key) {
            click.count(deltas, -1);
        }
        if let Some(click) = wanted.get(key) {
            click.count(deltas, 1);
        }
        changes.push(MessageClickChange {
            removed: current.get(key).map(|click| click.clicked.click_id),
            added: wanted.get(key).cloned(),
        });
    }
    message_click_insert_all(transaction, &inserted).await?;
    message_click_update_all(transaction, &updated).await?;
    message_click_delete_all(transaction, &removed).await?;
    Ok(changes)
}

/// Inserts message clicks whose keys are free.
async fn message_click_insert_all(
    transaction: &Transaction<'_>,
    clicks: &[&MessageClick],
) -> Result<(), tokio_postgres::Error> {
    if clicks.is_empty() {
        return Ok(());
    }
    let columns = [
        ("account_id", Type::INT8),
        ("message_key", Type::TEXT),
        ("contact_key", Type::TEXT),
        ("click_id", Type::UUID),
        ("clicked_at", Type::TIMESTAMPTZ),
        ("link_key", Type::INT8),
        ("link_id", Type::TEXT),
        ("list_id", Type::INT8),
        ("offer_id", Type::TEXT),
        ("creative_id", Type::INT8),
        ("campaign_id", Type::TEXT),
        ("message_id", Type::TEXT),
        ("contact_phone", Type::TEXT),
        ("country", Type::TEXT),
        ("device", Type::TEXT),
    ];
    let mut copy = RowCopy::begin(transaction, "message_clicks", &columns).await?;
    for MessageClick { key, clicked } in clicks {
        copy.write(&[
            &key.account_id.0,
            &key.message_key,
            &key.contact_key,
            &clicked.click_id.as_uuid(),
            &clicked.time(),
            &clicked.link_key,
            &clicked.link_id,
            &clicked.list_id,
            &clicked.offer_id,
            &clicked.creative_id,
            &clicked.campaign_id,
            &clicked.message_id,
            &clicked.contact_phone,
            &clicked.country,
            &clicked.device,
        ])
        .await?;
    }
    copy.finish().await
}

async fn message_click_update_all(
    transaction: &Transaction<'_>,
    clicks: &[&MessageClick],
) -> Result<(), tokio_postgres::Error> {
    if clicks.is_empty() {
        return Ok(());
    }
    let statement = transaction
        .prepare_cached(
            "UPDATE message_clicks AS m
             SET click_id = n.click_id,
                 clicked_at = n.clicked_at,
                 link_key = n.link_key,
                 link_id = n.link_id,
                 list_id = n.list_id,
                 offer_id = n.offer_id,
                 creative_id = n.creative_id,
                 campaign_id = n.campaign_id,
                 message_id = n.message_id,
                 contact_phone = n.contact_phone,
                 country = n.country,
                 device = n.device
             FROM unnest(
                 $1::bigint[], $2::text[], $3::text[], $4::uuid[], $5::timestamptz[],
                 $6::bigint[], $7::text[], $8::bigint[], $9::text[], $10::bigint[], $11::text[],
                 $12::text[], $13::text[], $14::text[], $15::text[]
             ) AS n
                 (account_id, message_key, contact_key, click_id, clicked_at, link_key, link_id,
                  list_id, offer_id, creative_id, campaign_id, message_id, contact_phone, country,
                  device)
             WHERE (m.account_id, m.message_key, m.contact_key)
                 = (n.account_id, n.message_key, n.contact_key)
             RETURNING m.click_id",
        )
        .await?;
    with_columns(transaction, &statement, clicks).await?;
    Ok(())
}

/// Runs a statement with the columns of clicks.
async fn with_columns(
    transaction: &Transaction<'_>,
    statement: &tokio_postgres::Statement,
    clicks: &[&MessageClick],
) -> Result<Vec<Row>, tokio_postgres::Error> {
    transaction
        .query(
            statement,
            &[
                &column(clicks, |click| click.key.account_id.0),
                &column(clicks, |click| click.key.message_key.as_str()),
                &column(clicks, |click| click.key.contact_key.as_str()),
                &column(clicks, |click| click.clicked.click_id.as_uuid()),
                &column(clicks, |click| click.clicked.time()),
                &column(clicks, |click| click.clicked.link_key),
                &column(clicks, |click| click.clicked.link_id.as_str()),
                &column(clicks, |click| click.clicked.list_id),
                &column(clicks, |click| click.clicked.offer_id.as_deref()),
                &column(clicks, |click| click.clicked.creative_id),
                &column(clicks, |click| click.clicked.campaign_id.as_deref()),
                &column(clicks, |click| click.clicked.message_id.as_deref()),
                &column(clicks, |click| click.clicked.contact_phone.as_deref()),
                &column(clicks, |click| click.clicked.country.as_deref()),
                &column(clicks, |click| click.clicked.device.as_deref()),
            ],
        )
        .await
}

const KEYS: &str = "
    unnest($1::bigint[], $2::text[], $3::text[]) AS k (account_id, message_key, contact_key)
";

/// Runs a query with [`KEYS`].
async fn with_keys(
    client: &impl GenericClient,
    sql: &str,
    keys: &[&MessageClickKey],
) -> Result<Vec<Row>, tokio_postgres::Error> {
    let statement = client.prepare_cached(sql).await?;
    client
        .query(
            &statement,
            &[
                &column(keys, |key| key.account_id.0),
                &column(keys, |key| key.message_key.as_str()),
                &column(keys, |key| key.contact_key.as_str()),
            ],
        )
        .await
}

/// The message clicks of some keys, as they are. By any connection, while the account's
/// lock is held: then nobody else changes them.
pub async fn message_click_read_all(
    client: &impl GenericClient,
    keys: &[&MessageClickKey],
) -> Result<Vec<MessageClick>, tokio_postgres::Error> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT {COLUMNS}
         FROM {KEYS}
         JOIN message_clicks m USING (account_id, message_key, contact_key)"
    );
    let rows = with_keys(client, &sql, keys).await?;
    Ok(rows.iter().filter_map(MessageClick::read).collect())
}

/// The earliest click of each key that is not a bot's, by the indexes
/// `clicks_of_messages_idx` and `clicks_of_links_idx`, which hold no bots: the work does
/// not grow with the clicks of the link, the message or the visitor. A visitor is known
/// for a day only, so that one day's partition has all of its clicks.
async fn message_click_find_all(
    transaction: &Transaction<'_>,
    keys: &BTreeMap<MessageClickKey, Timestamp>,
) -> Result<BTreeMap<MessageClickKey, MessageClick>, tokio_postgres::Error> {
    let of = |same: &str| {
        format!(
            "(SELECT *
              FROM clicks
              WHERE NOT is_bot
                AND {same}
                AND account_id + 0 = k.account_id
                AND {CONTACT_KEY_OF_CLICK} = k.contact_key
                AND clicked_at >= k.first_time
                AND clicked_at < k.end_time
              ORDER BY clicked_at, click_id
              LIMIT 1)"
        )
    };
    let of_message = of("message_id = k.message_id");
    let of_link = of("message_id IS NULL AND link_key + 0 = k.link_key");
    let sql = format!(
        "SELECT k.account_id, k.message_key, k.contact_key, c.click_id, c.link_key, c.link_id,
                c.list_id, c.offer_id, c.creative_id, c.campaign_id, c.message_id,
                c.contact_phone, c.country, c.device
         FROM (
             SELECT *,
                    CASE WHEN message_key LIKE 'm:%' THEN substr(message_key, 3) END AS message_id,
                    CASE WHEN message_key LIKE 'l:%' THEN substr(message_key, 3)::bigint END AS link_key
             FROM unnest($1::bigint[], $2::text[], $3::text[], $4::timestamptz[], $5::timestamptz[])
                  AS k (account_id, message_key, contact_key, first_time, end_time)
         ) AS k
         CROSS JOIN LATERAL ({of_message} UNION ALL {of_link}) AS c"
    );
    let statement = transaction.prepare_cached(&sql).await?;
    let keys: Vec<_> = keys
        .iter()
        .map(|(key, time)| (key, times_of_clicks(key, *time)))
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
    let clicks = rows.iter().filter_map(MessageClick::read);
    Ok(clicks.map(|click| (click.key.clone(), click)).collect())
}

/// When the clicks of a key can have been, of which one was at `time`.
fn times_of_clicks(key: &MessageClickKey, time: Timestamp) -> Range<Timestamp> {
    if key.is_for_visitor() {
        let start = day(time);
        return start..start + SignedDuration::from_hours(24);
    }
    Timestamp::UNIX_EPOCH..Timestamp::MAX
}

/// The keys whose message click is there and its click is not.
async fn message_click_find_without_click(
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
    let rows = with_keys(transaction, &sql, &keys).await?;
    Ok(rows.iter().map(key).collect())
}

/// Removes message clicks, whatever they are, and what they were counted as. Needs the
/// lock of each account.
pub async fn message_click_remove_all(
    transaction: &Transaction<'_>,
    keys: &BTreeMap<MessageClickKey, Timestamp>,
    deltas: &mut Deltas,
) -> Result<Vec<MessageClickChange>, tokio_postgres::Error> {
    let keys: Vec<_> = keys.keys().collect();
    let current = message_click_read_all(transaction, &keys).await?;
    for click in &current {
        click.count(deltas, -1);
    }
    message_click_delete_all(transaction, &keys).await?;
    let removed = current.into_iter().map(|click| MessageClickChange {
        removed: Some(click.clicked.click_id),
        added: None,
    });
    Ok(removed.collect())
}

async fn message_click_delete_all(
    transaction: &Transaction<'_>,
    keys: &[&MessageClickKey],
) -> Result<(), tokio_postgres::Error> {
    if keys.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "DELETE FROM message_clicks m
         USING {KEYS}
         WHERE m.account_id = k.account_id
           AND m.message_key = k.message_key
           AND m.contact_key = k.contact_key"
    );
    with_keys(transaction, &sql, keys).await?;
    Ok(())
}
