//! Links of campaigns: the affiliate API.

mod create;
mod handlers;
mod object;
mod request;

use serde_json::json;

use crate::{
    audit::ObjectKind,
    auth::Scope,
    error::{ApiError, FieldError},
    http::Operation,
    objects,
};
use create::{CreateLinksResponse, create_affiliate_link, create_affiliate_links};
use handlers::{
    get_affiliate_link, get_affiliate_link_qr_png, get_affiliate_link_qr_svg, list_affiliate_links,
    update_affiliate_link,
};
use object::{AffiliateLink, AffiliateLinks};
use request::INVALID_STATUS;

pub fn operations() -> Vec<Operation> {
    let reading = reading_operations().map(|operation| operation.scope(Scope::LinksRead));
    let writing = writing_operations().map(|operation| operation.scope(Scope::LinksWrite));
    reading
        .into_iter()
        .chain(writing)
        .map(|operation| operation.affiliate_api().tag("affiliate links"))
        .collect()
}

fn reading_operations() -> [Operation; 4] {
    let not_found = || ApiError::NotFound("link");
    let svg = Operation::get(
        "/links/{affiliate_link_id}/qr.svg",
        get_affiliate_link_qr_svg,
    );
    let png = Operation::get(
        "/links/{affiliate_link_id}/qr.png",
        get_affiliate_link_qr_png,
    );
    [
        Operation::get("/links", list_affiliate_links)
            .summary("List campaign links")
            .description("The newest first; without `status`, the active ones.")
            .response::<AffiliateLinks>(200, AffiliateLinks::example()),
        Operation::get("/links/{affiliate_link_id}", get_affiliate_link)
            .summary("Get a campaign link")
            .response::<AffiliateLink>(200, AffiliateLink::example())
            .errors([not_found()]),
        objects::qr::describe(
            svg,
            "Get a campaign link's QR code as SVG",
            objects::qr::SVG,
        )
        .errors([not_found()]),
        objects::qr::describe(
            png,
            "Get a campaign link's QR code as PNG",
            objects::qr::PNG,
        )
        .errors([not_found()]),
    ]
}

fn writing_operations() -> [Operation; 3] {
    let one = json!({
        "campaign_id": "camp_abc123",
        "sub_id_1": "email-footer",
        "sub_id_2": "welcome-series",
        "landing_page_url": "https://example.com/spring?ref=email",
    });
    let several = json!({ "links": [
        { "campaign_id": "camp_abc123", "sub_id_1": "twitter", "sub_id_2": "bio" },
        { "campaign_id": "camp_abc123", "sub_id_1": "instagram", "sub_id_2": "story" },
        { "campaign_id": "camp_def456", "sub_id_1": "blog", "sub_id_2": "sidebar" },
    ]});
    [
        Operation::post("/links", create_affiliate_link)
            .audits_creation(ObjectKind::AffiliateLink, "/id")
            .ignores_unknown_input()
            .summary("Create a campaign link")
            .description(
                "It redirects to its own landing page or else to the campaign's, with the click \
                 id appended. It is on the account's oldest active domains.",
            )
            .request_examples([one])
            .required_fields(["campaign_id"])
            .response::<AffiliateLink>(201, AffiliateLink::example())
            .errors(create_errors()),
        Operation::post("/links/bulk", create_affiliate_links)
            .audits_many(ObjectKind::AffiliateLink, "id")
            .ignores_unknown_input()
            .summary("Create up to 500 campaign links")
            .description("All or none are created. They are in the order of the request.")
            .request_examples([several])
            .required_fields(["links"])
            .response::<CreateLinksResponse>(201, CreateLinksResponse::example())
            .errors(create_errors()),
        Operation::patch("/links/{affiliate_link_id}", update_affiliate_link)
            .audits_change(ObjectKind::AffiliateLink, "/id")
            .summary("Update a campaign link")
            .description(
                "Within a second, a deactivated link leads to the 404 page on every redirector. \
                 An empty `landing_page_url` stands for the campaign's.",
            )
            .request_examples([json!({ "status": "deactivated" })])
            .response::<AffiliateLink>(200, AffiliateLink::example())
            .errors([
                ApiError::Validation(vec![FieldError::new("status", INVALID_STATUS)]),
                ApiError::NotFound("link"),
            ]),
    ]
}

fn create_errors() -> [ApiError; 6] {
    [
        ApiError::Validation(vec![FieldError::new("campaign_id", "it is required")]),
        ApiError::NotFound("campaign"),
        ApiError::CampaignNotActive,
        ApiError::NoShortDomain,
        ApiError::SlugTaken,
        ApiError::IdCollision,
    ]
}
