//! `POST /api/v2/links/bulk`: up to 1,000 links, each by itself.

use actix_web::http::Method;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{json, value::RawValue};

use super::{
    mint::{NewLink, mint},
    object::{destination_url, short_url},
    request::{Kind, LinkRequest, Lookup, Offer, Wanted},
};
use crate::{
    auth::Scope,
    error::{ApiError, FieldError},
    http::{self, Operation, RequestContext, Response},
};

const MAX_LINKS: usize = 1_000;

pub fn operation() -> Operation {
    Operation::platform(Method::POST, "/links/bulk", "create_links", create_links)
        .scope(Scope::LinksWrite).tag("links")
        .summary("Create up to 1,000 links").description("Each entry is what `POST /links` or `POST /links/shorten` takes, and by itself: one \
             that fails is told in `errors` with the code that those answer, and the others are \
             made. Answers 201, or 200 if no link was made.")
        .request_body::<BulkRequest>([json!({
            "links": [
                { "offerId": "6789abcd1234ef5678901234", "listId": 42, "contactPhone": "+18005550100" },
                { "url": "https://example.com/page", "phoneNumber": "+18005551234" },
            ],
        })]).required_fields(["links"])
        .response::<BulkAnswer>(201, example())
        .response::<BulkAnswer>(
            200,
            json!({ "created": 0, "links": [], "errors": [{
                "index": 0,
                "code": "missing_url_or_offer",
                "error": "Neither url nor offerId was provided.",
            }]}),
        )
        .errors([ApiError::MissingLinks, ApiError::TooManyLinks(MAX_LINKS)])
}

fn example() -> serde_json::Value {
    json!({
        "created": 1,
        "links": [{
            "index": 0,
            "linkId": "Ab3kX9q",
            "shortUrl": "https://yourdomain.com/Ab3kX9q",
            "clickTrackerUrl": "https://ct.yourdomain.click/c/a1b2c3d4-e5f6-4890-abcd-ef1234567890",
            "destinationUrl": "https://example.com/offer?aff_sub={{sendId}}",
            "domain": "yourdomain.com",
            "offerId": "6789abcd1234ef5678901234",
            "filterBots": false,
        }],
        "errors": [{
            "index": 1,
            "code": "list_not_found",
            "error": "The sending list was not found or does not belong to your account.",
        }],
    })
}

/// Entries are read one by one, so that one of the wrong form fails alone.
#[derive(Debug, Deserialize, JsonSchema)]
struct BulkRequest {
    #[schemars(with = "Option<Vec<LinkRequest>>", length(min = 1, max = 1000))]
    links: Option<Vec<Box<RawValue>>>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct BulkAnswer {
    created: usize,
    links: Vec<BulkLink>,
    errors: Vec<BulkError>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct BulkLink {
    /// Of the entry in the request, from 0.
    index: usize,
    link_id: String,
    short_url: String,
    click_tracker_url: Option<String>,
    destination_url: String,
    /// The short domain's host.
    domain: String,
    offer_id: Option<String>,
    filter_bots: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
struct BulkError {
    index: usize,
    code: &'static str,
    error: String,
}

impl BulkError {
    fn new(index: usize, error: &ApiError) -> Self {
        Self {
            index,
            code: error.code(),
            error: error.to_string(),
        }
    }
}

async fn create_links(context: RequestContext<'_>) -> Result<Response, ApiError> {
    let entries = context.json::<BulkRequest>()?.links.unwrap_or_default();
    match entries.len() {
        0 => return Err(ApiError::MissingLinks),
        1..=MAX_LINKS => {}
        _ => return Err(ApiError::TooManyLinks(MAX_LINKS)),
    }
    let mut errors = Vec::new();
    let mut resolved: Vec<(usize, Option<Offer>)> = Vec::with_capacity(entries.len());
    let mut new_links = Vec::with_capacity(entries.len());
    let mut lookup = Lookup::default();
    for (index, entry) in entries.iter().enumerate() {
        match resolve(context, &mut lookup, index, entry).await {
            Ok((link, offer)) => {
                new_links.push(link);
                resolved.push((index, offer));
            }
            Err(error) if is_of_the_entry(&error) => errors.push(BulkError::new(index, &error)),
            Err(error) => return Err(error),
        }
    }
    let mut links = Vec::with_capacity(new_links.len());
    let mut records = Vec::with_capacity(new_links.len());
    for ((index, offer), minted) in resolved.into_iter().zip(mint(context, new_links).await?) {
        let link = match minted {
            Ok(minted) => minted.record,
            Err(reason) => {
                errors.push(BulkError::new(index, &reason.into()));
                continue;
            }
        };
        let facts = offer.as_ref().map(|offer| &offer.facts);
        let own = facts.and_then(|facts| facts.filter_bots);
        links.push(BulkLink {
            index,
            link_id: link.link_id.to_string(),
            short_url: short_url(&link),
            click_tracker_url: link.tracker.as_ref().map(ToString::to_string),
            destination_url: destination_url(&link, facts),
            domain: link.short_host.clone(),
            offer_id: link.offer_id.map(|id| id.to_string()),
            filter_bots: own.unwrap_or(context.caller.filters_bots),
        });
        records.push(link);
    }
    errors.sort_by_key(|error| error.index);
    let answer = BulkAnswer {
        created: links.len(),
        links,
        errors,
    };
    let answer = if records.is_empty() {
        Response::ok(&answer)?
    } else {
        Response::created(&answer)?
    };
    Ok(answer.with_new_links(records))
}

async fn resolve(
    context: RequestContext<'_>,
    lookup: &mut Lookup,
    index: usize,
    entry: &RawValue,
) -> Result<(NewLink, Option<Offer>), ApiError> {
    let body: LinkRequest =
        http::parse_json(entry.get().as_bytes()).map_err(|error| match error {
            ApiError::InvalidField(FieldError { field, message }) => {
                let field = match field.as_str() {
                    "body" => format!("links[{index}]"),
                    field => format!("links[{index}].{field}"),
                };
                ApiError::invalid_field(field, message)
            }
            other => other,
        })?;
    lookup
        .resolve(context, Wanted::check(body, Kind::Any)?, Kind::Any)
        .await
}

/// Failures of ours end the whole request.
fn is_of_the_entry(error: &ApiError) -> bool {
    !matches!(error, ApiError::Unavailable(_) | ApiError::Internal(_))
}
