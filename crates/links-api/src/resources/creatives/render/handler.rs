//! The handler: from a request to finished texts.

use std::collections::{HashMap, HashSet};

use domain::{
    id::CreativeId,
    message::{self, MessagePiece},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    links::{CreatedLinks, RenderContext, create_links, resolve_placeholders},
    skipped::{OnError, Skipped, SkippedMessage},
};
use crate::{
    db::{RowLock, creatives::CreativeStatus, lists::ActiveList},
    error::ApiError,
    fields::{ListSelector, Text},
    http::{RequestBody, RequestContext, Response},
    objects::finding::FindingObject,
    resources::creatives::{
        fill::{RenderedMessage, fill_and_measure, find_list, require_variables},
        handlers::find,
        message::{Message, MessageRequest},
        object::findings,
    },
};

pub const MAX_MESSAGES: usize = 1_000;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RenderRequest {
    /// The sending list's id.
    list_id: Option<i64>,
    /// The sending list's number in E.164. Ignored when `listId` is given.
    phone_number: Option<Text>,
    /// What happens if a message cannot be rendered: `fail`, the default, renders none, and
    /// `skip` renders the others and lists it in `errors`.
    #[serde(rename = "on_error")]
    on_error: Option<OnError>,
    /// 1 to 1,000.
    #[schemars(with = "Option<Vec<MessageRequest>>", length(min = 1, max = 1000))]
    messages: Option<Vec<Value>>,
}

impl RequestBody for RenderRequest {
    const ENTRIES_FIELD: Option<&'static str> = Some("messages");
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "RenderAnswer")]
pub struct RenderResponse {
    success: bool,
    messages: Vec<RenderedMessage>,
    /// The messages that were skipped. Absent if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<SkippedMessage>,
    /// Findings about the message with the texts around it. Absent if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    findings: Vec<FindingObject>,
}

pub async fn render_creative(
    context: RequestContext<'_>,
    body: RenderRequest,
    id: Result<CreativeId, ApiError>,
) -> Result<Response, ApiError> {
    let selector = ListSelector::from_fields(body.list_id, &body.phone_number)?;
    selector.validate()?;
    let mut skipped = Skipped::new(body.on_error.unwrap_or(OnError::Fail));
    let messages = validate_all(context, body.messages.unwrap_or_default(), &mut skipped)?;
    let creative = find(context, id?, RowLock::Share).await?;
    if creative.fields.status != CreativeStatus::Active {
        return Err(ApiError::CreativeNotActive);
    }
    let (list, domain) = find_list(context, &selector).await?;
    let framed = list.message_frame().wrap(&creative.fields.message);
    let pieces = message::parse_pieces(&framed);
    let messages = with_variables(messages, &pieces, &list, &mut skipped)?;
    let names = message::link_placeholders(&framed);
    let offer_links = &creative.fields.offer_links.0;
    let placeholders = resolve_placeholders(context, offer_links, &names).await?;
    let render = RenderContext {
        creative_id: creative.id,
        list: &list,
        domain: &domain,
    };
    let indexes: HashMap<String, usize> = messages
        .iter()
        .map(|(index, message)| (message.id.clone(), *index))
        .collect();
    let messages: Vec<Message> = messages.into_iter().map(|(_, message)| message).collect();
    let CreatedLinks {
        mut urls,
        new_links,
        mismatched,
    } = create_links(context, render, &messages, &placeholders).await?;
    let mut rendered = Vec::with_capacity(messages.len());
    for message in messages {
        if mismatched.contains(&message.id) {
            let index = indexes.get(&message.id).copied().unwrap_or_default();
            skipped.add(index, ApiError::MessageMismatch(message.id))?;
            continue;
        }
        let links = urls.remove(&message.id).unwrap_or_default();
        rendered.push(fill_and_measure(&pieces, message, &list, links)?);
    }
    let is_any_rendered = !rendered.is_empty();
    let body = RenderResponse {
        success: true,
        messages: rendered,
        errors: skipped.into_messages(),
        findings: findings(&framed),
    };
    let response = match is_any_rendered {
        true => Response::created(&body)?,
        false => Response::ok(&body)?,
    };
    Ok(response.with_new_links(new_links))
}

/// The valid messages with their indexes in the request.
fn validate_all(
    context: RequestContext<'_>,
    entries: Vec<Value>,
    skipped: &mut Skipped,
) -> Result<Vec<(usize, Message)>, ApiError> {
    match entries.len() {
        0 => return Err(ApiError::MissingMessages),
        1..=MAX_MESSAGES => {}
        _ => return Err(ApiError::TooManyMessages(MAX_MESSAGES)),
    }
    let mut ids = HashSet::with_capacity(entries.len());
    let mut messages = Vec::with_capacity(entries.len());
    for (index, entry) in entries.iter().enumerate() {
        let message = context
            .read_entry(index, entry)
            .and_then(|request: MessageRequest| request.validate(index));
        match message {
            Ok(message) if ids.insert(message.id.clone()) => messages.push((index, message)),
            Ok(message) => skipped.add(index, ApiError::DuplicateMessageId(message.id))?,
            Err(error) => skipped.add(index, error)?,
        }
    }
    Ok(messages)
}

/// The messages that have a value for each variable of the text.
fn with_variables(
    messages: Vec<(usize, Message)>,
    pieces: &[MessagePiece<'_>],
    list: &ActiveList,
    skipped: &mut Skipped,
) -> Result<Vec<(usize, Message)>, ApiError> {
    let mut complete = Vec::with_capacity(messages.len());
    for (index, message) in messages {
        match require_variables(pieces, &message, list, index) {
            Ok(()) => complete.push((index, message)),
            Err(error) => skipped.add(index, error)?,
        }
    }
    Ok(complete)
}

impl RenderRequest {
    pub fn example() -> Value {
        json!({
            "listId": 42,
            "messages": [{
                "messageId": "m-1",
                "contactPhone": "+18005550100",
                "variables": { "contact.first_name": "Ada" },
            }],
        })
    }
}

impl RenderResponse {
    /// All messages of a request were skipped.
    pub fn example_without_messages() -> Value {
        json!({
            "success": true,
            "messages": [],
            "errors": [{
                "index": 0,
                "code": "invalid_phone",
                "field": "messages[0].contactPhone",
                "error": "The field messages[0].contactPhone is not a valid E.164 phone number.",
            }],
        })
    }

    pub fn example() -> Value {
        json!({
            "success": true,
            "messages": [{
                "messageId": "m-1",
                "contactPhone": "+18005550100",
                "text": "Hi Ada! Shop now: https://yourdomain.com/Ab3kX9q",
                "length": 48,
                "encoding": "GSM-7",
                "segments": 1,
                "links": { "link1": "https://yourdomain.com/Ab3kX9q" },
            }],
        })
    }
}
