//! Giving links to the messages that they were sent in.

use std::collections::{BTreeMap, HashMap};

use super::{
    response::{UnboundLink, UnboundReason},
    targets::Targets,
};
use crate::{
    db::{
        link_totals::find_links_with_history,
        links::{LinkOfMessage, MessageLink, bind_to_messages, record_links_changed},
        messages::RecordedMessage,
    },
    error::ApiError,
    http::RequestContext,
};

/// Gives the links of new messages to them, so that clicks from now on are the message's. A link
/// stays as it is if several messages of the request have it, or if anything happened to it
/// before: its clicks have another key, and conversions of the link would not find them any
/// more. Returns those that stay, by message id. Needs the lock of the account, so that no
/// click comes in between.
pub async fn bind_links<'m>(
    context: RequestContext<'_>,
    targets: &Targets,
    new: &[&'m RecordedMessage],
    n_messages_by_link: &HashMap<i64, usize>,
) -> Result<HashMap<&'m str, Vec<UnboundLink>>, ApiError> {
    let keys = new.iter().flat_map(|message| &message.link_keys);
    let keys: Vec<i64> = keys.copied().collect();
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    let account_id = context.caller.account_id;
    let with_history = find_links_with_history(context.db, account_id, &keys).await?;
    let mut bound = BTreeMap::new();
    let mut unbound: HashMap<&str, Vec<UnboundLink>> = HashMap::new();
    for message in new {
        for key in &message.link_keys {
            let Some(link) = targets.links.get(key) else {
                continue;
            };
            let is_shared = n_messages_by_link.get(key).is_some_and(|n| *n > 1);
            let reason = match link.message_id {
                None if is_shared => Some(UnboundReason::SeveralMessages),
                None if with_history.contains(key) => Some(UnboundReason::ClickedBefore),
                _ => None,
            };
            if let Some(reason) = reason {
                let links = unbound.entry(&message.message_id).or_default();
                links.push(UnboundLink::new(link, reason));
            } else if !with_history.contains(key) && lacks_something(link, message) {
                bound.insert(*key, link_of_message(*key, message));
            }
        }
    }
    let keys: Vec<i64> = bound.keys().copied().collect();
    if !keys.is_empty() {
        let bound: Vec<_> = bound.into_values().collect();
        bind_to_messages(context.db, &bound).await?;
        record_links_changed(context.db, context.outbox, &keys).await?;
    }
    Ok(unbound)
}

fn lacks_something(link: &MessageLink, message: &RecordedMessage) -> bool {
    link.message_id.is_none()
        || link.contact_phone.is_none()
        || link.list_id.is_none()
        || (link.creative_id.is_none() && message.creative_id.is_some())
}

fn link_of_message(key: i64, message: &RecordedMessage) -> LinkOfMessage<'_> {
    LinkOfMessage {
        key,
        message_id: &message.message_id,
        contact_phone: &message.contact_phone,
        list_id: message.list_id.0,
        creative_id: message.creative_id.map(|id| id.0),
    }
}
