//! Creatives: message templates, and rendering them at send time (seed
//! create-creative).

mod fields;
mod object;
mod preview;
mod query;
mod render;
mod sends;

use actix_web::http::Method;
use domain::{id::CreativeId, macros::InvalidTemplate, message};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    auth::Scope,
    error::{ApiError, CodedField},
    http::{Operation, PageRequest, Pagination, Parameter, RequestContext, Response},
    objects::finding::FindingObject,
};
use fields::{CreativeFields, CreativeRequest};
use object::{CreativeObject, example};

const PER_PAGE: u32 = 50;
/// Of a create; a change can also archive.
const STATUS: [&str; 2] = ["active", "paused"];
const ANY_STATUS: [&str; 3] = ["active", "paused", "archived"];
const TYPES: [&str; 3] = ["automated", "one_time", "welcome"];
const ONE: &str = "/creatives/{creative_id}";

pub fn operations() -> Vec<Operation> {
    let not_found = || ApiError::NotFound("creative");
    let request = json!({
        "name": "Summer Sale Promo",
        "message": "Hot deals just for you! Shop now: {{link1}} Reply STOP to opt out.",
        "offer_links": [{
            "key": "link1",
            "offer_id": "6789abcd1234ef5678901234",
            "url_params": { "sub1": "sms" },
        }],
        "status": "active",
        "creative_type": "automated",
    });
    let create = Operation::platform(
        Method::POST,
        "/creatives",
        "create_creative",
        create_creative,
    )
    .summary("Create a creative")
    .description(
        "Each `{{linkN}}` of the message needs an entry in `offer_links`; at send time it \
             becomes a tracked link to that offer, or to the entry's `url`, with `url_params` as \
             the defaults of `sub1` to `sub5`, `source`, `creative` and `cost`. \
             `character_count` takes a link as 23 characters and adds 34 for what is put around. \
             `findings` warns of what touches a placeholder: messengers take a full stop, a \
             bracket or a letter right behind a link into it.",
    )
    .request_body::<CreativeRequest>([request])
    .required_fields(["name", "message", "offer_links"])
    .response::<CreatedCreative>(201, json!({ "success": true, "creative": example() }))
    .errors(invalid_fields());
    let list = Operation::platform(Method::GET, "/creatives", "list_creatives", list_creatives)
        .summary("List creatives")
        .description("The newest first, the active ones where nothing is said.")
        .with_paging(PER_PAGE)
        .parameter(Parameter::choice(
            "status",
            "Active by default.",
            &ANY_STATUS,
        ))
        .parameter(Parameter::choice("creative_type", "Only these.", &TYPES))
        .response::<Creatives>(
            200,
            json!({
                "creatives": [example()],
                "pagination": { "page": 1, "per_page": 50, "total": 1, "total_pages": 1 },
            }),
        );
    let get = Operation::platform(Method::GET, ONE, "get_creative", get_creative)
        .summary("Get a creative")
        .response::<CreativeObject>(200, example())
        .errors([not_found()]);
    let update = Operation::platform(Method::PUT, ONE, "update_creative", update_creative)
        .summary("Change a creative")
        .description("Changes what is sent; links of messages that were rendered stay as they are.")
        .request_body::<CreativeRequest>([json!({ "status": "archived" })])
        .response::<UpdatedCreative>(200, example())
        .errors(invalid_fields())
        .errors([not_found()]);
    let archive = Operation::platform(Method::DELETE, ONE, "archive_creative", archive_creative)
        .summary("Archive a creative")
        .description("It renders no more messages. PUT can revive it.")
        .response::<Archived>(200, json!({ "success": true, "archived": true }))
        .errors([not_found()]);
    [
        create,
        list,
        get,
        update,
        archive,
        render::operation(),
        preview::operation(),
    ]
    .into_iter()
    .map(|operation| operation.scope(Scope::Creatives).tag("creatives"))
    .collect()
}

/// In the order of the seed's table.
fn invalid_fields() -> [ApiError; 14] {
    [
        ApiError::MissingField(CodedField::Name),
        ApiError::MissingField(CodedField::Message),
        ApiError::MissingOfferLinks,
        ApiError::NameTooLong,
        ApiError::MessageTooLong,
        ApiError::InvalidStatus("active, paused"),
        ApiError::InvalidCreativeType,
        ApiError::MissingLinkPlaceholder,
        ApiError::MissingOfferLinksForPlaceholders("link2".into()),
        ApiError::MissingOfferLinkKey(0),
        ApiError::MissingOfferLinkOfferId(0),
        ApiError::DuplicateOfferLinkKey("link1".into()),
        ApiError::InvalidUrl(InvalidTemplate::NotHttp),
        ApiError::OfferLinkOfferNotFound("link1".into()),
    ]
}

#[derive(Debug, Serialize, JsonSchema)]
struct CreatedCreative {
    success: bool,
    creative: CreativeObject,
    /// Absent where there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    findings: Vec<FindingObject>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct UpdatedCreative {
    #[serde(flatten)]
    creative: CreativeObject,
    /// Absent where there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    findings: Vec<FindingObject>,
}

/// What is to be said of a message, with what is put around it or without.
fn findings(message: &str) -> Vec<FindingObject> {
    let findings = message::lint(message).into_iter();
    findings.map(FindingObject::from).collect()
}

/// Of a message that has a full stop right behind its link.
fn findings_example() -> Value {
    json!([{
        "severity": "warning",
        "code": "mark_behind_link",
        "message": "'.' stands right behind {{link1}}: messengers take it into the link. \
                    Put a blank between them.",
    }])
}

#[derive(Debug, Serialize, JsonSchema)]
struct Creatives {
    creatives: Vec<CreativeObject>,
    pagination: Pagination,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ArchivedCreative")]
struct Archived {
    success: bool,
    archived: bool,
}

async fn create_creative(context: RequestContext<'_>) -> Result<Response, ApiError> {
    let mut fields = CreativeFields::new();
    fields.apply(context.json::<CreativeRequest>()?, &STATUS)?;
    query::require_offers(context, &fields).await?;
    let row = query::creative_insert(context, &fields).await?;
    Response::created(&CreatedCreative {
        success: true,
        creative: CreativeObject::read(&row),
        findings: findings(&fields.message),
    })
}

async fn list_creatives(context: RequestContext<'_>) -> Result<Response, ApiError> {
    let page = PageRequest::from_request(&context, PER_PAGE)?;
    let status = context.choice("status", &ANY_STATUS)?.unwrap_or("active");
    let creative_type = context.choice("creative_type", &TYPES)?;
    let (rows, total) = query::creative_list(context, status, creative_type, page).await?;
    Response::ok(&Creatives {
        creatives: rows.iter().map(CreativeObject::read).collect(),
        pagination: page.pagination(total),
    })
}

async fn get_creative(context: RequestContext<'_>) -> Result<Response, ApiError> {
    let id = context.path("creative_id", "creative")?;
    Response::ok(&CreativeObject::read(
        &query::creative_find(context, id, "").await?,
    ))
}

async fn update_creative(context: RequestContext<'_>) -> Result<Response, ApiError> {
    let body: CreativeRequest = context.json()?;
    let id: CreativeId = context.path("creative_id", "creative")?;
    let row = query::creative_find(context, id, "FOR UPDATE").await?;
    let mut fields = CreativeFields::read(&row);
    fields.apply(body, &ANY_STATUS)?;
    query::require_offers(context, &fields).await?;
    let row = query::creative_update(context, id, &fields).await?;
    Response::ok(&UpdatedCreative {
        creative: CreativeObject::read(&row),
        findings: findings(&fields.message),
    })
}

async fn archive_creative(context: RequestContext<'_>) -> Result<Response, ApiError> {
    let id: CreativeId = context.path("creative_id", "creative")?;
    let row = query::creative_find(context, id, "FOR UPDATE").await?;
    let mut fields = CreativeFields::read(&row);
    fields.status = "archived".to_owned();
    query::creative_update(context, id, &fields).await?;
    Response::ok(&Archived {
        success: true,
        archived: true,
    })
}
