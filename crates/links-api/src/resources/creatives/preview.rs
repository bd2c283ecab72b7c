//! `POST /api/v2/creatives/preview`: messages as they would be rendered. Nothing is saved and
//! no link is created.

use domain::{message, sms::Encoding};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    fill::{RenderedMessage, fill_and_measure, find_list, require_variables},
    message::MessageRequest,
    object::{ExactSize, findings},
    render::RenderResponse,
    request::MAX_MESSAGE,
};
use crate::{
    error::{ApiError, CodedField},
    fields::{ListSelector, Text, non_empty},
    http::{RequestBody, RequestContext, Response},
    objects::finding::FindingObject,
};

pub const MAX_MESSAGES: usize = 100;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "CreativePreviewRequest")]
pub struct PreviewRequest {
    /// At most 1,600 characters, with at least one `{{linkN}}`. Required.
    message: Option<Text>,
    /// The sending list's id.
    list_id: Option<i64>,
    /// The sending list's number in E.164. Ignored when `listId` is given.
    phone_number: Option<Text>,
    /// At most 100. Without messages, the response has the estimate only.
    #[schemars(length(max = 100))]
    messages: Option<Vec<MessageRequest>>,
}

impl RequestBody for PreviewRequest {}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "CreativePreview")]
pub struct PreviewResponse {
    success: bool,
    character_count: usize,
    segment_count: usize,
    encoding: Encoding,
    exact: ExactSize,
    messages: Vec<RenderedMessage>,
    /// Findings about the message with the list's texts around it. Absent if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    findings: Vec<FindingObject>,
}

pub async fn preview_creative(
    context: RequestContext<'_>,
    body: PreviewRequest,
) -> Result<Response, ApiError> {
    let template = non_empty(&body.message).ok_or(ApiError::MissingField(CodedField::Message))?;
    if template.chars().count() > MAX_MESSAGE {
        return Err(ApiError::MessageTooLong);
    }
    if message::link_placeholders(template).is_empty() {
        return Err(ApiError::MissingLinkPlaceholder);
    }
    let requests = body.messages.unwrap_or_default();
    if requests.len() > MAX_MESSAGES {
        return Err(ApiError::TooManyMessages(MAX_MESSAGES));
    }
    let mut messages = Vec::with_capacity(requests.len());
    let mut all_findings = findings(template);
    if !requests.is_empty() {
        let selector = ListSelector::from_fields(body.list_id, &body.phone_number)?;
        selector.validate()?;
        let (list, domain) = find_list(context, &selector).await?;
        let framed = list.message_frame().wrap(template);
        all_findings = findings(&framed);
        let pieces = message::parse_pieces(&framed);
        let url = format!("{}/xxxxxxx", domain::host::origin(&domain.host));
        let placeholders = message::link_placeholders(&framed);
        for (index, request) in requests.into_iter().enumerate() {
            let message = request.validate(index)?;
            require_variables(&pieces, &message, &list, index)?;
            let names = placeholders.iter();
            let links = names
                .map(|name| ((*name).to_owned(), url.clone()))
                .collect();
            messages.push(fill_and_measure(&pieces, message, &list, links)?);
        }
    }
    let estimate = message::estimate_size(template);
    Response::ok(&PreviewResponse {
        success: true,
        character_count: estimate.character_count,
        segment_count: estimate.segment_count,
        encoding: estimate.exact.encoding,
        exact: estimate.exact.into(),
        messages,
        findings: all_findings,
    })
}

impl PreviewRequest {
    pub fn example() -> Value {
        json!({
            "message": "Hi {{contact.first_name}}! Shop now: {{link1}}.",
            "listId": 42,
            "messages": [{
                "messageId": "m-1",
                "contactPhone": "+18005550100",
                "variables": { "contact.first_name": "Ada" },
            }],
        })
    }
}

impl PreviewResponse {
    /// A message with a full stop right behind its link.
    pub fn example() -> Value {
        let mut example = RenderResponse::example();
        example["character_count"] = json!(95);
        example["segment_count"] = json!(1);
        example["encoding"] = json!("GSM-7");
        example["exact"] = json!({ "encoding": "GSM-7", "length": 99, "segments": 1 });
        example["findings"] = json!([{
            "severity": "warning",
            "code": "mark_behind_link",
            "message": "'.' stands right behind {{link1}}: messengers take it into the link. \
                        Put a blank between them.",
        }]);
        example["messages"][0]["length"] = json!(49);
        example["messages"][0]["text"] = json!("Hi Ada! Shop now: https://yourdomain.com/xxxxxxx.");
        example["messages"][0]["links"]["link1"] = json!("https://yourdomain.com/xxxxxxx");
        example
    }
}
