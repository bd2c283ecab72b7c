//! `POST /api/v2/creatives/preview`: what a message would be, without saving or
//! minting anything.

use actix_web::http::Method;
use domain::{message, sms::Encoding};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::render::{
    MessageRequest, RenderedMessage, answer_example, check, errors, finish, list_find,
    require_variables,
};
use super::{findings, findings_example};
use crate::{
    error::{ApiError, CodedField},
    fields::ListSelector,
    fields::{Text, non_empty},
    http::{Operation, RequestContext, Response},
    objects::finding::FindingObject,
};

const MAX_MESSAGES: usize = 100;

pub fn operation() -> Operation {
    let mut answer = answer_example();
    answer["character_count"] = json!(87);
    answer["segment_count"] = json!(1);
    answer["encoding"] = json!("GSM-7");
    answer["findings"] = findings_example();
    answer["messages"][0]["length"] = json!(49);
    answer["messages"][0]["text"] = json!("Hi Ada! Shop now: https://yourdomain.com/xxxxxxx.");
    answer["messages"][0]["links"]["link1"] = json!("https://yourdomain.com/xxxxxxx");
    Operation::platform(
        Method::POST,
        "/creatives/preview",
        "preview_creative",
        preview_creative,
    )
    .summary("Preview a message")
    .description(
        "The estimate of a creative, and the texts of up to 100 messages as they would be \
         rendered: links are as long as they will be, and lead nowhere. Nothing is saved.",
    )
    .request_body::<PreviewRequest>([json!({
        "message": "Hi {{contact.first_name}}! Shop now: {{link1}}.",
        "listId": 42,
        "messages": [{
            "messageId": "m-1",
            "contactPhone": "+18005550100",
            "variables": { "contact.first_name": "Ada" },
        }],
    })])
    .required_fields(["message"])
    .response::<PreviewAnswer>(200, answer)
    .errors([
        ApiError::MissingField(CodedField::Message),
        ApiError::MessageTooLong,
        ApiError::MissingLinkPlaceholder,
        ApiError::TooManyMessages(MAX_MESSAGES),
    ])
    .errors(errors())
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "CreativePreviewRequest")]
struct PreviewRequest {
    /// At most 1,600 characters, with at least one `{{linkN}}`. Required.
    message: Option<Text>,
    /// The sending list's id.
    list_id: Option<i64>,
    /// The sending list's number in E.164; `listId` beats it.
    phone_number: Option<Text>,
    /// At most 100; with none, only the estimate is answered.
    #[schemars(length(max = 100))]
    messages: Option<Vec<MessageRequest>>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "CreativePreview")]
struct PreviewAnswer {
    success: bool,
    character_count: usize,
    segment_count: usize,
    encoding: Encoding,
    messages: Vec<RenderedMessage>,
    /// Of the message with what the list puts around it. Absent where there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    findings: Vec<FindingObject>,
}

async fn preview_creative(context: RequestContext<'_>) -> Result<Response, ApiError> {
    let body: PreviewRequest = context.json()?;
    let template = non_empty(&body.message).ok_or(ApiError::MissingField(CodedField::Message))?;
    if template.chars().count() > 1_600 {
        return Err(ApiError::MessageTooLong);
    }
    if message::link_placeholders(template).is_empty() {
        return Err(ApiError::MissingLinkPlaceholder);
    }
    let sent = body.messages.unwrap_or_default();
    if sent.len() > MAX_MESSAGES {
        return Err(ApiError::TooManyMessages(MAX_MESSAGES));
    }
    let mut rendered = Vec::with_capacity(sent.len());
    let mut found = findings(template);
    if !sent.is_empty() {
        let wanted = ListSelector::from_fields(body.list_id, &body.phone_number)?;
        wanted.validate()?;
        let (list, domain) = list_find(context, &wanted).await?;
        let framed = list.message_frame().wrap(template);
        found = findings(&framed);
        let pieces = message::parse_pieces(&framed);
        let url = format!("https://{}/xxxxxxx", domain.host);
        let links = message::link_placeholders(&framed);
        for (index, message) in sent.into_iter().enumerate() {
            let message = check(index, message)?;
            require_variables(&pieces, &message, &list, index)?;
            let links = links.iter().map(|name| ((*name).to_owned(), url.clone()));
            rendered.push(finish(&pieces, message, &list, links.collect())?);
        }
    }
    let estimate = message::estimate_size(template);
    Response::ok(&PreviewAnswer {
        success: true,
        character_count: estimate.character_count,
        segment_count: estimate.segment_count,
        encoding: estimate.encoding,
        messages: rendered,
        findings: found,
    })
}
