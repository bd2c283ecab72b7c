//! The handler: from a request to finished texts.

use std::collections::HashSet;

use domain::{id::CreativeId, message};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::links::{RenderContext, create_links, resolve_placeholders};
use crate::{
    db::{RowLock, creatives::CreativeStatus},
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
    /// 1 to 1,000.
    #[schemars(length(min = 1, max = 1000))]
    messages: Option<Vec<MessageRequest>>,
}

impl RequestBody for RenderRequest {}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "RenderAnswer")]
pub struct RenderResponse {
    success: bool,
    messages: Vec<RenderedMessage>,
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
    let messages = validate_all(body.messages.unwrap_or_default())?;
    let creative = find(context, id?, RowLock::Share).await?;
    if creative.fields.status != CreativeStatus::Active {
        return Err(ApiError::CreativeNotActive);
    }
    let (list, domain) = find_list(context, &selector).await?;
    let framed = list.message_frame().wrap(&creative.fields.message);
    let pieces = message::parse_pieces(&framed);
    for (index, message) in messages.iter().enumerate() {
        require_variables(&pieces, message, &list, index)?;
    }
    let names = message::link_placeholders(&framed);
    let offer_links = &creative.fields.offer_links.0;
    let placeholders = resolve_placeholders(context, offer_links, &names).await?;
    let render = RenderContext {
        creative_id: creative.id,
        list: &list,
        domain: &domain,
    };
    let (mut urls, new_links) = create_links(context, render, &messages, &placeholders).await?;
    let mut rendered = Vec::with_capacity(messages.len());
    for message in messages {
        let links = urls.remove(&message.id).unwrap_or_default();
        rendered.push(fill_and_measure(&pieces, message, &list, links)?);
    }
    let body = RenderResponse {
        success: true,
        messages: rendered,
        findings: findings(&framed),
    };
    Ok(Response::created(&body)?.with_new_links(new_links))
}

fn validate_all(requests: Vec<MessageRequest>) -> Result<Vec<Message>, ApiError> {
    match requests.len() {
        0 => return Err(ApiError::MissingMessages),
        1..=MAX_MESSAGES => {}
        _ => return Err(ApiError::TooManyMessages(MAX_MESSAGES)),
    }
    let mut ids = HashSet::with_capacity(requests.len());
    let mut messages = Vec::with_capacity(requests.len());
    for (index, request) in requests.into_iter().enumerate() {
        let message = request.validate(index)?;
        if !ids.insert(message.id.clone()) {
            return Err(ApiError::DuplicateMessageId(message.id));
        }
        messages.push(message);
    }
    Ok(messages)
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
