//! Counting rendered messages as sent, in the transaction that renders them.

#![warn(clippy::indexing_slicing)]

use std::collections::{BTreeMap, HashMap, HashSet};

use domain::{delivery::DeliveryOutcome, record::LinkRecord};
use jiff::Timestamp;
use ledger::totals::{SentMessage, TotalsDelta};
use postgres::pool::GenericClient as _;

use crate::{db::messages::find_sent_offers, error::ApiError, http::RequestContext};

/// Counts messages by their new links, which are in the order of their placeholders. The
/// messages `new_ids` were not sent before. A link that is added to another message counts as
/// a link of that message, and not as a further message.
pub async fn record_sends(
    context: RequestContext<'_>,
    new_ids: &HashSet<String>,
    links: &[LinkRecord],
) -> Result<(), ApiError> {
    let mut links_by_message: BTreeMap<&str, Vec<&LinkRecord>> = BTreeMap::new();
    for link in links {
        let message_id = link.message_id.as_deref().unwrap_or_default();
        links_by_message.entry(message_id).or_default().push(link);
    }
    let already_sent: Vec<&str> = links_by_message
        .keys()
        .copied()
        .filter(|id| !new_ids.contains(*id))
        .collect();
    let already_sent = if already_sent.is_empty() {
        HashMap::new()
    } else {
        let new_keys: Vec<_> = links.iter().map(|link| link.link_key.0).collect();
        let account_id = context.caller.account_id;
        find_sent_offers(context.db, account_id, &already_sent, &new_keys).await?
    };
    let mut delta = TotalsDelta::default();
    let now = transaction_time(context).await?;
    for (message_id, links) in links_by_message {
        let first = links.first();
        let sent_by = first.and_then(|first| first.list_id.zip(first.creative_id));
        let Some((list_id, creative_id)) = sent_by else {
            continue;
        };
        let offer = |link: &&LinkRecord| (link.link_key.0, link.offer_id.map(|id| id.to_string()));
        let previous = already_sent.get(message_id);
        let message = SentMessage {
            account_id: context.caller.account_id.0,
            list_id: list_id.0,
            creative_id: Some(creative_id.0),
            links: links.iter().map(offer).collect(),
            previous_offers: previous.map(|sent| sent.offer_ids.clone()),
        };
        let (outcome, sent_at) = match previous {
            Some(sent) => (sent.report.status.outcome(), sent.sent_at),
            None => (DeliveryOutcome::Unknown, now),
        };
        delta.add_sent_message(&message, outcome, sent_at);
    }
    delta.apply(context.db).await?;
    Ok(())
}

/// The `sent_at` of the rows that this transaction inserts.
async fn transaction_time(context: RequestContext<'_>) -> Result<Timestamp, ApiError> {
    let statement = context.db.prepare_cached("SELECT now() AS sent_at").await?;
    Ok(context.db.query_one(&statement, &[]).await?.get("sent_at"))
}
