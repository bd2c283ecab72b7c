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
    api::{Answer, Call, Operation, Page, Pagination, Parameter},
    auth::Scope,
    error::{ApiError, Field},
    macros_preview::FindingObject,
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
    .says(
        "Create a creative",
        "Each `{{linkN}}` of the message needs an entry in `offer_links`; at send time it \
             becomes a tracked link to that offer, or to the entry's `url`, with `url_params` as \
             the defaults of `sub1` to `sub5`, `source`, `creative` and `cost`. \
             `character_count` takes a link as 23 characters and adds 34 for what is put around. \
             `findings` warns of what touches a placeholder: messengers take a full stop, a \
             bracket or a letter right behind a link into it.",
    )
    .reads::<CreativeRequest>([request])
    .requires(["name", "message", "offer_links"])
    .answers::<CreatedCreative>(201, json!({ "success": true, "creative": example() }))
    .fails(invalid_fields());
    let list = Operation::platform(Method::GET, "/creatives", "list_creatives", list_creatives)
        .says(
            "List creatives",
            "The newest first, the active ones where nothing is said.",
        )
        .paged(PER_PAGE)
        .takes(Parameter::choice(
            "status",
            "Active by default.",
            &ANY_STATUS,
        ))
        .takes(Parameter::choice("creative_type", "Only these.", &TYPES))
        .answers::<Creatives>(
            200,
            json!({
                "creatives": [example()],
                "pagination": { "page": 1, "per_page": 50, "total": 1, "total_pages": 1 },
            }),
        );
    let get = Operation::platform(Method::GET, ONE, "get_creative", get_creative)
        .says("Get a creative", "")
        .answers::<CreativeObject>(200, example())
        .fails([not_found()]);
    let update = Operation::platform(Method::PUT, ONE, "update_creative", update_creative)
        .says(
            "Change a creative",
            "Changes what is sent; links of messages that were rendered stay as they are.",
        )
        .reads::<CreativeRequest>([json!({ "status": "archived" })])
        .answers::<UpdatedCreative>(200, example())
        .fails(invalid_fields())
        .fails([not_found()]);
    let archive = Operation::platform(Method::DELETE, ONE, "archive_creative", archive_creative)
        .says(
            "Archive a creative",
            "It renders no more messages. PUT can revive it.",
        )
        .answers::<Archived>(200, json!({ "success": true, "archived": true }))
        .fails([not_found()]);
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
    .map(|operation| operation.needs(Scope::Creatives, "creatives"))
    .collect()
}

/// In the order of the seed's table.
fn invalid_fields() -> [ApiError; 14] {
    [
        ApiError::Missing(Field::Name),
        ApiError::Missing(Field::Message),
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

async fn create_creative(call: Call<'_>) -> Result<Answer, ApiError> {
    let mut fields = CreativeFields::new();
    fields.apply(call.json::<CreativeRequest>()?, &STATUS)?;
    query::require_offers(call, &fields).await?;
    let row = query::creative_insert(call, &fields).await?;
    Answer::created(&CreatedCreative {
        success: true,
        creative: CreativeObject::read(&row),
        findings: findings(&fields.message),
    })
}

async fn list_creatives(call: Call<'_>) -> Result<Answer, ApiError> {
    let page = Page::read(&call, PER_PAGE)?;
    let status = call.choice("status", &ANY_STATUS)?.unwrap_or("active");
    let creative_type = call.choice("creative_type", &TYPES)?;
    let (rows, total) = query::creative_list(call, status, creative_type, page).await?;
    Answer::ok(&Creatives {
        creatives: rows.iter().map(CreativeObject::read).collect(),
        pagination: page.pagination(total),
    })
}

async fn get_creative(call: Call<'_>) -> Result<Answer, ApiError> {
    let id = call.path("creative_id", "creative")?;
    Answer::ok(&CreativeObject::read(
        &query::creative_find(call, id, "").await?,
    ))
}

async fn update_creative(call: Call<'_>) -> Result<Answer, ApiError> {
    let body: CreativeRequest = call.json()?;
    let id: CreativeId = call.path("creative_id", "creative")?;
    let row = query::creative_find(call, id, "FOR UPDATE").await?;
    let mut fields = CreativeFields::read(&row);
    fields.apply(body, &ANY_STATUS)?;
    query::require_offers(call, &fields).await?;
    let row = query::creative_update(call, id, &fields).await?;
    Answer::ok(&UpdatedCreative {
        creative: CreativeObject::read(&row),
        findings: findings(&fields.message),
    })
}

async fn archive_creative(call: Call<'_>) -> Result<Answer, ApiError> {
    let id: CreativeId = call.path("creative_id", "creative")?;
    let row = query::creative_find(call, id, "FOR UPDATE").await?;
    let mut fields = CreativeFields::read(&row);
    fields.status = "archived".to_owned();
    query::creative_update(call, id, &fields).await?;
    Answer::ok(&Archived {
        success: true,
        archived: true,
    })
}
