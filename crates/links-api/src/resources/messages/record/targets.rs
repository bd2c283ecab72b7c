//! The lists, creatives and links that rows name.

use std::collections::{BTreeSet, HashMap, HashSet};

use domain::id::ListId;

use super::{
    named_link::{LinkName, NamedLink},
    request::{ListName, ValidRow},
};
use crate::{
    db::{
        creatives,
        links::{MessageLink, find_and_lock_for_messages},
        lists::{self, ListSender},
        messages::RecordedMessage,
    },
    error::{ApiError, RowFailure},
    http::RequestContext,
};

/// What the rows of a request name, as far as the account has it. The links are locked.
pub struct Targets {
    lists: Vec<ListSender>,
    creative_ids: HashSet<i64>,
    /// By key.
    pub links: HashMap<i64, MessageLink>,
    keys_by_short_id: HashMap<String, Vec<i64>>,
    keys_by_code: HashMap<String, Vec<i64>>,
    keys_by_message: HashMap<String, Vec<i64>>,
}

impl Targets {
    pub async fn load_and_lock<'r>(
        context: RequestContext<'_>,
        rows: impl Iterator<Item = &'r ValidRow> + Clone,
    ) -> Result<Self, ApiError> {
        let account_id = context.caller.account_id;
        let (mut list_ids, mut senders) = (BTreeSet::new(), BTreeSet::new());
        let (mut short_ids, mut codes) = (BTreeSet::new(), BTreeSet::new());
        let mut message_ids = BTreeSet::new();
        for row in rows.clone() {
            match &row.list {
                ListName::Id(id) => list_ids.insert(id.0),
                ListName::Sender(sender) => senders.insert(sender.as_str()),
            };
            message_ids.insert(row.message_id.as_str());
            for link in row.links.iter().flatten() {
                match &link.name {
                    LinkName::Short { id, .. } => short_ids.insert(id.as_str()),
                    LinkName::Code(code) => codes.insert(code.as_str()),
                };
            }
        }
        let creative_ids = rows.filter_map(|row| row.creative_id).map(|id| id.0);
        let creative_ids: Vec<_> = creative_ids.collect();
        let [short_ids, codes, message_ids, senders] =
            [short_ids, codes, message_ids, senders].map(Vec::from_iter);
        let list_ids = Vec::from_iter(list_ids);
        let db = context.db;
        let lists = lists::find_by_ids_or_senders(db, account_id, &list_ids, &senders).await?;
        let creative_ids = creatives::find_existing(db, account_id, &creative_ids).await?;
        let links =
            find_and_lock_for_messages(db, account_id, &short_ids, &codes, &message_ids).await?;
        Ok(Self::new(lists, creative_ids, links))
    }

    fn new(lists: Vec<ListSender>, creative_ids: HashSet<i64>, links: Vec<MessageLink>) -> Self {
        let mut targets = Self {
            lists,
            creative_ids,
            links: HashMap::new(),
            keys_by_short_id: HashMap::new(),
            keys_by_code: HashMap::new(),
            keys_by_message: HashMap::new(),
        };
        for link in links {
            let add = |keys: &mut HashMap<String, Vec<i64>>, name: &str| {
                keys.entry(name.to_owned()).or_default().push(link.key);
            };
            add(&mut targets.keys_by_short_id, &link.short_id);
            if let Some(code) = &link.code {
                add(&mut targets.keys_by_code, code);
            }
            if let Some(message_id) = &link.message_id {
                add(&mut targets.keys_by_message, message_id);
            }
            targets.links.insert(link.key, link);
        }
        targets
    }

    /// The message of a row. `now` is when it was sent if the row does not say it.
    pub fn resolve(
        &self,
        index: usize,
        row: &ValidRow,
        now: jiff::Timestamp,
    ) -> Result<RecordedMessage, RowFailure> {
        let failure = |name: &str, error: &ApiError| RowFailure {
            field: Some(format!("messages[{index}].{name}")),
            ..RowFailure::from(error)
        };
        let list_id = self.find_list(&row.list).ok_or_else(|| {
            let field = match row.list {
                ListName::Id(_) => "list_id",
                ListName::Sender(_) => "sender",
            };
            failure(field, &ApiError::ListNotFound)
        })?;
        let creative_id = row.creative_id;
        if creative_id.is_some_and(|id| !self.creative_ids.contains(&id.0)) {
            return Err(failure("creative_id", &ApiError::NotFound("creative")));
        }
        Ok(RecordedMessage {
            message_id: row.message_id.clone(),
            contact_phone: row.contact_phone.clone(),
            list_id,
            creative_id,
            text: row.text.clone(),
            sender: row.sender.as_ref().map(|sender| sender.as_str().to_owned()),
            sent_at: row.sent_at.unwrap_or(now),
            link_keys: self.resolve_links(index, row, list_id)?,
        })
    }

    /// The keys of the links of a row, in ascending order.
    fn resolve_links(
        &self,
        index: usize,
        row: &ValidRow,
        list_id: ListId,
    ) -> Result<Vec<i64>, RowFailure> {
        let mut keys = BTreeSet::new();
        let Some(named_links) = &row.links else {
            let own = self.keys_by_message.get(&row.message_id);
            let own = own.into_iter().flatten();
            for link in own.filter_map(|key| self.links.get(key)) {
                if check_link(link, &link.short_id, row, list_id).is_err() {
                    // The id stands for a message of another contact or list.
                    let error = ApiError::MessageDiffers(row.message_id.clone());
                    return Err(RowFailure::from(&error));
                }
                keys.insert(link.key);
            }
            return Ok(Vec::from_iter(keys));
        };
        for (position, named) in named_links.iter().enumerate() {
            let link = self.find_link(named).and_then(|link| {
                check_link(link, &named.text, row, list_id)?;
                Ok(link)
            });
            let link = link.map_err(|error| RowFailure {
                field: Some(format!("messages[{index}].links[{position}]")),
                ..RowFailure::from(&error)
            })?;
            keys.insert(link.key);
        }
        Ok(Vec::from_iter(keys))
    }

    fn find_list(&self, name: &ListName) -> Option<ListId> {
        let is_named = |list: &&ListSender| match name {
            ListName::Id(id) => list.id == id.0,
            ListName::Sender(sender) => list.sender.as_deref() == Some(sender.as_str()),
        };
        self.lists.iter().find(is_named).map(|list| ListId(list.id))
    }

    fn find_link(&self, named: &NamedLink) -> Result<&MessageLink, ApiError> {
        let keys = match &named.name {
            LinkName::Short { id, .. } => self.keys_by_short_id.get(id),
            LinkName::Code(code) => self.keys_by_code.get(code),
        };
        let links = keys.into_iter().flatten();
        let links = links.filter_map(|key| self.links.get(key));
        let links: Vec<_> = links.filter(|link| named.names(link)).collect();
        match links[..] {
            [] => Err(ApiError::NotFound("link")),
            [link] => Ok(link),
            _ => Err(ApiError::AmbiguousLinkUrl),
        }
    }
}

/// Checks that a link can be in the message: it belongs to no other message, contact or list.
fn check_link(
    link: &MessageLink,
    name: &str,
    row: &ValidRow,
    list_id: ListId,
) -> Result<(), ApiError> {
    let is_other = |owner: &Option<String>, of_row: &str| {
        owner.as_deref().is_some_and(|owner| owner != of_row)
    };
    if is_other(&link.message_id, &row.message_id)
        || is_other(&link.contact_phone, &row.contact_phone)
    {
        return Err(ApiError::LinkOfAnotherMessage(name.to_owned()));
    }
    if link.list_id.is_some_and(|id| id != list_id.0) {
        return Err(ApiError::LinkOfAnotherList(name.to_owned()));
    }
    Ok(())
}
