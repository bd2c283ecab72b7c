//! Recording the rows of a request.

use std::collections::{BTreeMap, HashMap};

use domain::delivery::DeliveryOutcome;
use jiff::Timestamp;
use ledger::{
    account_lock,
    totals::{SentMessage, TotalsDelta},
};

use super::{
    comparison::KnownMessage,
    links::bind_links,
    request::{MAX_MESSAGES, RecordRequest, SentMessageRequest, TimeLimits, ValidRow},
    response::{RecordResponse, RowOutcome, UnboundLink},
    targets::Targets,
};
use crate::{
    db::{
        import_targets::find_import_terms,
        messages::{self, RecordedMessage},
    },
    error::{ApiError, RowFailure},
    http::{RequestContext, Response},
    resources::messages::rows::{read_rows, require_rows},
};

/// A row with the message that it stands for.
type ResolvedRow = (ValidRow, RecordedMessage);

pub async fn record_messages(
    context: RequestContext<'_>,
    body: RecordRequest,
) -> Result<Response, ApiError> {
    let entries = require_rows(body.messages, MAX_MESSAGES)?;
    let account_id = context.caller.account_id;
    let now = Timestamp::now();
    let limits = TimeLimits {
        now,
        raw_since: find_import_terms(context.db, account_id).await?.raw_since,
    };
    let rows = read_rows(context, &entries, |index, request: SentMessageRequest| {
        request.validate(index, limits)
    })?;
    let targets = Targets::load_and_lock(context, rows.iter().flatten()).await?;
    let rows = rows.into_iter().enumerate().map(|(index, row)| {
        let row = row?;
        let message = targets.resolve(index, &row, now)?;
        Ok((row, message))
    });
    let rows: Vec<Result<ResolvedRow, RowFailure>> = rows.collect();
    let known = store(context, &targets, &rows).await?;
    let mut response = RecordResponse::default();
    let mut created = known.created;
    for row in rows {
        response.add(match row {
            Err(failure) => RowOutcome::Failed(failure),
            Ok((row, message)) => match created.remove(&message.message_id) {
                Some(unbound_links) => RowOutcome::Created(unbound_links),
                None => known.messages.compare(&row, &message),
            },
        });
    }
    match response.created {
        0 => Response::ok(&response),
        _ => Response::created(&response),
    }
}

/// What is known of the messages once those that are new are stored.
struct Known {
    /// The links that were not bound of each new message, by its id. Its first row takes it.
    created: HashMap<String, Vec<UnboundLink>>,
    messages: KnownMessages,
}

/// The messages that the rows are compared with, by id.
struct KnownMessages {
    new: HashMap<String, RecordedMessage>,
    stored: HashMap<String, (messages::StoredMessage, Vec<i64>)>,
}

impl KnownMessages {
    fn compare(&self, row: &ValidRow, message: &RecordedMessage) -> RowOutcome {
        let id = &message.message_id;
        let known = match (self.new.get(id), self.stored.get(id)) {
            (Some(new), _) => Some(KnownMessage::from(new)),
            (None, Some((stored, links))) => Some(KnownMessage::from_stored(stored, links)),
            (None, None) => None,
        };
        match known.is_some_and(|known| known.is_said_by(row, message)) {
            true => RowOutcome::Unchanged,
            false => {
                let error = ApiError::MessageDiffers(id.clone());
                RowOutcome::Failed(RowFailure::from(&error))
            }
        }
    }
}

/// Stores the messages that are new.
async fn store(
    context: RequestContext<'_>,
    targets: &Targets,
    rows: &[Result<ResolvedRow, RowFailure>],
) -> Result<Known, ApiError> {
    let account_id = context.caller.account_id;
    // The first row of each message; further ones are compared with it.
    let mut by_id: BTreeMap<&str, &RecordedMessage> = BTreeMap::new();
    for (_, message) in rows.iter().flatten() {
        by_id.entry(&message.message_id).or_insert(message);
    }
    let all: Vec<_> = by_id.values().copied().collect();
    let new_ids = match all.is_empty() {
        true => Default::default(),
        false => messages::insert_recorded_if_new(context.db, account_id, &all).await?,
    };
    let (new, others): (Vec<_>, Vec<_>) =
        (all.iter().copied()).partition(|message| new_ids.contains(&message.message_id));
    let stored = find_stored(context, &others).await?;
    let mut n_messages_by_link: HashMap<i64, usize> = HashMap::new();
    for key in all.iter().flat_map(|message| &message.link_keys) {
        *n_messages_by_link.entry(*key).or_default() += 1;
    }
    let mut unbound = HashMap::new();
    if !new.is_empty() {
        account_lock(context.db, account_id.0).await?;
        unbound = bind_links(context, targets, &new, &n_messages_by_link).await?;
        count(context, targets, &new).await?;
    }
    let created = new.iter().map(|message| {
        let unbound = unbound.remove(message.message_id.as_str());
        (message.message_id.clone(), unbound.unwrap_or_default())
    });
    Ok(Known {
        created: created.collect(),
        messages: KnownMessages {
            new: new
                .iter()
                .map(|message| (message.message_id.clone(), (*message).clone()))
                .collect(),
            stored,
        },
    })
}

/// The messages that were stored before, with the keys of their links if they were rendered.
async fn find_stored(
    context: RequestContext<'_>,
    others: &[&RecordedMessage],
) -> Result<HashMap<String, (messages::StoredMessage, Vec<i64>)>, ApiError> {
    if others.is_empty() {
        return Ok(HashMap::new());
    }
    let ids: Vec<_> = others.iter().map(|m| m.message_id.as_str()).collect();
    let account_id = context.caller.account_id;
    let stored = messages::find_and_lock(context.db, account_id, &ids).await?;
    let mut links = messages::find_links(context.db, account_id, &ids).await?;
    let stored = stored.into_iter().map(|message| {
        let links = links.remove(&message.message_id).unwrap_or_default();
        let keys = links.into_iter().map(|(key, _)| key).collect();
        (message.message_id.clone(), (message, keys))
    });
    Ok(stored.collect())
}

/// Counts new messages as sent.
async fn count(
    context: RequestContext<'_>,
    targets: &Targets,
    new: &[&RecordedMessage],
) -> Result<(), ApiError> {
    let mut delta = TotalsDelta::default();
    for message in new {
        let links = message.link_keys.iter();
        let links = links.filter_map(|key| targets.links.get(key));
        let sent = SentMessage {
            account_id: context.caller.account_id.0,
            list_id: message.list_id.0,
            creative_id: message.creative_id.map(|id| id.0),
            links: links
                .map(|link| (link.key, link.offer_id.clone()))
                .collect(),
            previous_offers: None,
        };
        delta.add_sent_message(&sent, DeliveryOutcome::Unknown, message.sent_at);
    }
    delta.apply(context.db).await?;
    Ok(())
}
