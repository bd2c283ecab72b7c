//! The links of rendered messages: those of messages that were sent before, and new ones.

use std::collections::{BTreeMap, HashMap, HashSet};

use domain::{
    id::{CreativeId, OfferId},
    record::LinkRecord,
};

use super::sends::record_sends;
use crate::{
    db::{
        creatives::OfferLink,
        domains::ShortDomain,
        links::{PlaceholderUrl, find_placeholder_urls},
        lists::ActiveList,
        messages::{self, NewMessage, StoredMessage},
        offers,
    },
    error::ApiError,
    http::RequestContext,
    minting::{LinkAttributes, MessagePlaceholder, NewLink, mint_links},
    resources::creatives::message::Message,
};

/// What all messages of a request have in common.
#[derive(Clone, Copy)]
pub struct RenderContext<'r> {
    pub creative_id: CreativeId,
    pub list: &'r ActiveList,
    pub domain: &'r ShortDomain,
}

/// A placeholder of the message, with its entry and its offer.
pub struct Placeholder<'c> {
    name: &'c str,
    offer_id: OfferId,
    entry: &'c OfferLink,
}

/// URLs by placeholder, by message id.
pub type UrlsByMessage = HashMap<String, BTreeMap<String, String>>;

/// The entries of placeholders. Their offers must be active.
pub async fn resolve_placeholders<'c>(
    context: RequestContext<'_>,
    offer_links: &'c [OfferLink],
    names: &[&'c str],
) -> Result<Vec<Placeholder<'c>>, ApiError> {
    let mut placeholders = Vec::with_capacity(names.len());
    for name in names {
        let entry = offer_links.iter().find(|link| link.key == *name);
        // The texts around the message may have a placeholder that the creative has no entry
        // for.
        let entry =
            entry.ok_or_else(|| ApiError::MissingOfferLinksForPlaceholders((*name).to_owned()))?;
        let offer_id = OfferId::parse(&entry.offer_id).map_err(ApiError::internal)?;
        placeholders.push(Placeholder {
            name,
            offer_id,
            entry,
        });
    }
    let ids: HashSet<_> = placeholders
        .iter()
        .map(|p| p.offer_id.to_string())
        .collect();
    let ids: Vec<_> = ids.into_iter().collect();
    let n_active = offers::count_active(context.db, context.caller.account_id, &ids).await?;
    if usize::try_from(n_active) != Ok(ids.len()) {
        return Err(ApiError::OfferNotFound("offer"));
    }
    Ok(placeholders)
}

/// The links of the messages of a request, after the missing ones were created.
pub struct CreatedLinks {
    pub urls: UrlsByMessage,
    /// Those among them that are new.
    pub new_links: Vec<LinkRecord>,
    /// The ids of messages that exist with another creative, list or contact, or were not
    /// rendered. They get no links.
    pub mismatched: HashSet<String>,
}

pub async fn create_links(
    context: RequestContext<'_>,
    render: RenderContext<'_>,
    messages: &[Message],
    placeholders: &[Placeholder<'_>],
) -> Result<CreatedLinks, ApiError> {
    let new_ids = insert_messages(context, render, messages).await?;
    let (mut urls, mut mismatched) = (UrlsByMessage::new(), HashSet::new());
    if new_ids.len() < messages.len() {
        let already_sent = messages.iter().filter(|m| !new_ids.contains(&m.id));
        let already_sent: Vec<_> = already_sent.collect();
        mismatched = find_mismatched(context, render, &already_sent).await?;
        urls = find_urls(context, &already_sent).await?;
    }
    let mut new_links = Vec::with_capacity(new_ids.len() * placeholders.len());
    // The message and the placeholder of each new link.
    let mut targets = Vec::with_capacity(new_links.capacity());
    for message in messages.iter().filter(|m| !mismatched.contains(&m.id)) {
        let existing = urls.get(&message.id);
        for placeholder in placeholders {
            // A message that was sent before has no link for a placeholder that the creative
            // got afterwards.
            if existing.is_none_or(|links| !links.contains_key(placeholder.name)) {
                targets.push((message, placeholder.name));
                new_links.push(new_link(render, message, placeholder));
            }
        }
    }
    let mut records = Vec::with_capacity(new_links.len());
    let minted = mint_links(context, new_links).await?;
    for ((message, name), minted) in targets.into_iter().zip(minted) {
        let record = minted?.record;
        let links = urls.entry(message.id.clone()).or_default();
        links.insert(name.to_owned(), record.short_url());
        records.push(record);
    }
    record_sends(context, &new_ids, &records).await?;
    Ok(CreatedLinks {
        urls,
        new_links: records,
        mismatched,
    })
}

fn new_link(
    render: RenderContext<'_>,
    message: &Message,
    placeholder: &Placeholder<'_>,
) -> NewLink {
    NewLink {
        domain: render.domain.clone(),
        slug: None,
        tracker_host: None,
        campaign: None,
        placeholder: Some(MessagePlaceholder {
            creative_id: render.creative_id,
            name: placeholder.name.to_owned(),
        }),
        list_id: Some(render.list.id),
        offer_id: Some(placeholder.offer_id),
        destination: placeholder.entry.url.clone(),
        default_parameters: placeholder.entry.default_parameters(),
        attributes: LinkAttributes {
            message_id: Some(message.id.clone()),
            contact_phone: Some(message.contact_phone.clone()),
            ..LinkAttributes::default()
        },
    }
}

/// Inserts the messages that were not sent before; gives their ids.
async fn insert_messages(
    context: RequestContext<'_>,
    render: RenderContext<'_>,
    messages: &[Message],
) -> Result<HashSet<String>, ApiError> {
    let new: Vec<_> = messages
        .iter()
        .map(|message| NewMessage {
            id: &message.id,
            contact_phone: &message.contact_phone,
        })
        .collect();
    let (account_id, creative_id) = (context.caller.account_id, render.creative_id);
    messages::insert_all_if_new(context.db, account_id, creative_id, render.list.id, &new).await
}

/// The ids of those messages that were sent before with another creative, list or contact. All
/// are locked, so that a placeholder gets one link.
async fn find_mismatched(
    context: RequestContext<'_>,
    render: RenderContext<'_>,
    messages: &[&Message],
) -> Result<HashSet<String>, ApiError> {
    let phones: HashMap<&str, &str> = messages
        .iter()
        .map(|m| (m.id.as_str(), m.contact_phone.as_str()))
        .collect();
    let ids: Vec<&str> = phones.keys().copied().collect();
    let account_id = context.caller.account_id;
    let sent = messages::find_and_lock(context.db, account_id, &ids).await?;
    let is_other = |sent: &StoredMessage| {
        let phone = phones.get(sent.message_id.as_str()).copied();
        sent.is_recorded()
            || sent.creative_id != Some(render.creative_id)
            || sent.list_id != render.list.id
            || phone != Some(sent.contact_phone.as_str())
    };
    let mismatched = sent.into_iter().filter(is_other);
    Ok(mismatched.map(|sent| sent.message_id).collect())
}

async fn find_urls(
    context: RequestContext<'_>,
    messages: &[&Message],
) -> Result<UrlsByMessage, ApiError> {
    let ids: Vec<&str> = messages.iter().map(|m| m.id.as_str()).collect();
    let mut urls = UrlsByMessage::new();
    for link in find_placeholder_urls(context.db, context.caller.account_id, &ids).await? {
        let PlaceholderUrl {
            message_id,
            placeholder,
            short_url,
        } = link;
        let links = urls.entry(message_id).or_default();
        links.insert(placeholder, short_url);
    }
    Ok(urls)
}
