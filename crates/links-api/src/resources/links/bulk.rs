//! `POST /api/v2/links/bulk`: up to 1,000 links, each handled on its own.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    request::{AcceptedTargets, LinkRequest, LinkSpec},
    target::TargetResolver,
};
use crate::{
    audit::MAX_SUMMARY_IDS,
    db::offers::{ActiveOffer, OfferSummary},
    error::ApiError,
    http::{RequestBody, RequestContext, Response},
    minting::{NewLink, mint_links},
    objects::destination::destination_url,
};
use domain::record::LinkRecord;

pub const MAX_LINKS: usize = 1_000;

/// The entries are parsed one by one, so that one that is not valid fails alone.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct BulkRequest {
    #[schemars(with = "Option<Vec<LinkRequest>>", length(min = 1, max = 1000))]
    links: Option<Vec<Value>>,
}

impl RequestBody for BulkRequest {
    const ENTRIES_FIELD: Option<&'static str> = Some("links");
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "BulkAnswer")]
pub struct BulkResponse {
    created: usize,
    links: Vec<BulkLink>,
    errors: Vec<BulkError>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct BulkLink {
    /// Index of the entry in the request, from 0.
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

pub async fn create_links(
    context: RequestContext<'_>,
    body: BulkRequest,
) -> Result<Response, ApiError> {
    let entries = body.links.unwrap_or_default();
    match entries.len() {
        0 => return Err(ApiError::MissingLinks),
        1..=MAX_LINKS => {}
        _ => return Err(ApiError::TooManyLinks(MAX_LINKS)),
    }
    let mut errors = Vec::new();
    let mut resolved: Vec<(usize, Option<ActiveOffer>)> = Vec::with_capacity(entries.len());
    let mut new_links = Vec::with_capacity(entries.len());
    let mut resolver = TargetResolver::new(context, AcceptedTargets::Any);
    for (index, entry) in entries.iter().enumerate() {
        let resolution = match context.read_entry(index, entry) {
            Ok(link_request) => resolve_entry(&mut resolver, link_request).await,
            Err(error) => Err(error),
        };
        match resolution {
            Ok((link, offer)) => {
                new_links.push(link);
                resolved.push((index, offer));
            }
            Err(error) if is_of_entry(&error) => errors.push(BulkError::new(index, &error)),
            Err(error) => return Err(error),
        }
    }
    let mut links = Vec::with_capacity(new_links.len());
    let mut records = Vec::with_capacity(new_links.len());
    let minted = mint_links(context, new_links).await?;
    for ((index, offer), minted) in resolved.into_iter().zip(minted) {
        match minted {
            Ok(minted) => {
                let offer = offer.as_ref().map(|offer| &offer.summary);
                let filters_bots = context.caller.filters_bots;
                links.push(BulkLink::new(index, &minted.record, offer, filters_bots));
                records.push(minted.record);
            }
            Err(error) => errors.push(BulkError::new(index, &error.into())),
        }
    }
    errors.sort_by_key(|error| error.index);
    let body = BulkResponse {
        created: links.len(),
        links,
        errors,
    };
    context.audit.set_summary(body.summary());
    let response = if records.is_empty() {
        Response::ok(&body)?
    } else {
        Response::created(&body)?
    };
    Ok(response.with_new_links(records))
}

async fn resolve_entry(
    resolver: &mut TargetResolver<'_>,
    body: LinkRequest,
) -> Result<(NewLink, Option<ActiveOffer>), ApiError> {
    let spec = LinkSpec::from_request(body, AcceptedTargets::Any)?;
    resolver.resolve(spec).await
}

/// Whether an error is one of the entry. Failures of the service end the whole request.
fn is_of_entry(error: &ApiError) -> bool {
    !matches!(error, ApiError::Unavailable(_) | ApiError::Internal(_))
}

impl BulkLink {
    fn new(
        index: usize,
        link: &LinkRecord,
        offer: Option<&OfferSummary>,
        account_filters_bots: bool,
    ) -> Self {
        let offer_filters_bots = offer.and_then(|offer| offer.filter_bots);
        Self {
            index,
            link_id: link.link_id.to_string(),
            short_url: link.short_url(),
            click_tracker_url: link.tracker.as_ref().map(ToString::to_string),
            destination_url: destination_url(link, offer),
            domain: link.short_host.clone(),
            offer_id: link.offer_id.map(|id| id.to_string()),
            filter_bots: offer_filters_bots.unwrap_or(account_filters_bots),
        }
    }
}

impl BulkResponse {
    /// What the audit trail says: reading it from the response would take a part of the time in
    /// which the links are created.
    fn summary(&self) -> Value {
        let ids = self.links.iter().map(|link| &link.link_id);
        let ids: Vec<_> = ids.take(MAX_SUMMARY_IDS).collect();
        json!({
            "created": self.created,
            "links": { "count": self.links.len(), "ids": ids },
            "errors": { "count": self.errors.len() },
        })
    }
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

impl BulkRequest {
    pub fn example() -> Value {
        json!({
            "links": [
                {
                    "offerId": "6789abcd1234ef5678901234",
                    "listId": 42,
                    "contactPhone": "+18005550100",
                },
                { "url": "https://example.com/page", "phoneNumber": "+18005551234" },
            ],
        })
    }
}

impl BulkResponse {
    pub fn example() -> Value {
        json!({
            "created": 1,
            "links": [{
                "index": 0,
                "linkId": "Ab3kX9q",
                "shortUrl": "https://yourdomain.com/Ab3kX9q",
                "clickTrackerUrl":
                    "https://ct.yourdomain.click/c/a1b2c3d4-e5f6-4890-abcd-ef1234567890",
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

    pub fn example_without_links() -> Value {
        json!({ "created": 0, "links": [], "errors": [{
            "index": 0,
            "code": "missing_url_or_offer",
            "error": "Neither url nor offerId was provided.",
        }]})
    }
}
