//! Counting messages as sent: in the transaction that renders them.

#![warn(clippy::indexing_slicing)]

use std::collections::{BTreeMap, HashMap, HashSet};

use domain::record::LinkRecord;
use jiff::Timestamp;
use ledger::totals::{SentMessage, TotalsDelta};
use postgres::pool::GenericClient as _;

use crate::{error::ApiError, http::RequestContext};

/// Counts messages by their new links, in the order of their placeholders. `new`
/// are the messages that were not sent before: a link that was added to an older
/// one since is its link, and not another message.
pub async fn count_sends(
    context: RequestContext<'_>,
    new: &HashSet<String>,
    links: &[LinkRecord],
) -> Result<(), ApiError> {
    let mut of_messages: BTreeMap<&str, Vec<&LinkRecord>> = BTreeMap::new();
    for link in links {
        let message_id = link.message_id.as_deref().unwrap_or_default();
        of_messages.entry(message_id).or_default().push(link);
    }
    let older: Vec<&str> = of_messages
        .keys()
        .copied()
        .filter(|id| !new.contains(*id))
        .collect();
    let older = message_find_sent(context, &older, links).await?;
    let mut delta = TotalsDelta::default();
    let now = transaction_time(context).await?;
    for (message_id, links) in of_messages {
        let first = links.first();
        let sent_by = first.and_then(|first| first.list_id.zip(first.creative_id));
        let Some((list_id, creative_id)) = sent_by else {
            continue;
        };
        let offer = |link: &&LinkRecord| (link.link_key.0, link.offer_id.map(|id| id.to_string()));
        let older = older.get(message_id);
        let sent = SentMessage {
            account_id: context.caller.account_id.0,
            list_id: list_id.0,
            creative_id: creative_id.0,
            links: links.iter().map(offer).collect(),
            previous_offers: older.map(|(_, offers)| offers.clone()),
        };
        delta.add_sent_message(&sent, older.map_or(now, |(sent_at, _)| *sent_at));
    }
    delta.apply(context.db).await?;
    Ok(())
}

/// What a row's `sent_at` is that is inserted in this transaction.
async fn transaction_time(context: RequestContext<'_>) -> Result<Timestamp, ApiError> {
    let statement = context.db.prepare_cached("SELECT now() AS sent_at").await?;
    Ok(context.db.query_one(&statement, &[]).await?.get("sent_at"))
}

/// When messages were sent, and the offers of the links that they had before
/// these.
async fn message_find_sent(
    context: RequestContext<'_>,
    ids: &[&str],
    new_links: &[LinkRecord],
) -> Result<HashMap<String, (Timestamp, Vec<Option<String>>)>, ApiError> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let statement = context
        .db
        .prepare_cached(
            "SELECT m.message_id, m.sent_at,
                    array_agg(l.offer_id) FILTER (WHERE l.id IS NOT NULL) AS offers
             FROM messages m
             LEFT JOIN links l
               ON l.account_id = m.account_id
              AND l.message_id = m.message_id
              AND l.placeholder IS NOT NULL
              AND l.id <> ALL ($3)
             WHERE m.account_id = $1 AND m.message_id = ANY ($2)
             GROUP BY m.message_id, m.sent_at",
        )
        .await?;
    let account_id = context.caller.account_id.0;
    let new_keys: Vec<i64> = new_links.iter().map(|link| link.link_key.0).collect();
    let rows = context
        .db
        .query(&statement, &[&account_id, &ids, &new_keys])
        .await?;
    let sent = |row: &tokio_postgres::Row| {
        let offers: Option<Vec<Option<String>>> = row.get("offers");
        (
            row.get("message_id"),
            (row.get("sent_at"), offers.unwrap_or_default()),
        )
    };
    Ok(rows.iter().map(sent).collect())
}
