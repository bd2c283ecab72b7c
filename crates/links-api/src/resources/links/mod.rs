//! Links of the v2 API.

mod bulk;
mod create;
mod list;
mod object;
mod qr;
mod request;
mod shorten;
mod target;
mod update;

use domain::macros::InvalidTemplate;
use serde_json::json;

use crate::{
    audit::ObjectKind,
    auth::{Product, Scope},
    db::links::LinkState,
    enumeration::Enumeration as _,
    error::ApiError,
    http::Operation,
    objects,
};
use bulk::{BulkRequest, BulkResponse, MAX_LINKS, create_links};
use create::{CreateLinkResponse, create_link};
use list::{Links, get_link, list_links};
use object::LinkObject;
use qr::{get_link_qr_png, get_link_qr_svg};
use shorten::shorten_link;
use update::{DeactivatedLink, deactivate_link, update_link};

pub fn operations() -> Vec<Operation> {
    let creating = creating_operations().map(|operation| operation.scope(Scope::LinksWrite));
    let reading = reading_operations().map(|operation| operation.scope(Scope::LinksRead));
    let updating = updating_operations().map(|operation| operation.scope(Scope::LinksWrite));
    creating
        .into_iter()
        .chain(reading)
        .chain(updating)
        .map(|operation| operation.tag("links"))
        .collect()
}

fn creating_operations() -> [Operation; 3] {
    [
        Operation::post("/links", create_link)
            .audits_creation(ObjectKind::Link, "/linkId")
            .ignores_unknown_input()
            .summary("Create a link for a partnership offer")
            .description(
                "The short link redirects to the list's click tracker, which records the click \
                 and redirects to the offer's destination. Needs the Offer Management product. \
                 Each request creates a new link.",
            )
            .request_examples([
                json!({ "offerId": "6789abcd1234ef5678901234", "listId": 42 }),
                json!({ "externalOfferId": "12345", "phoneNumber": "+18005551234" }),
            ])
            .response::<CreateLinkResponse>(201, CreateLinkResponse::example())
            .errors([ApiError::MissingOfferId])
            .errors(target_errors(Product::OfferManagement, "partnership offer")),
        Operation::post("/links/shorten", shorten_link)
            .audits_creation(ObjectKind::Link, "/linkId")
            .ignores_unknown_input()
            .summary("Shorten a URL or an SMS offer")
            .description(
                "With `url` the link redirects directly to it. With `offerId` it redirects to \
                 the offer's tracking URL, with the TUNE or Everflow parameters by which the \
                 platform's postback returns the link id. The offer's `filter_bots` is \
                 inherited. Needs the SMS product.",
            )
            .request_examples([
                json!({
                    "url": "https://example.com/page",
                    "listId": 42,
                    "contactPhone": "+18005550100",
                    "metadata": { "source": "ai_agent", "conversation_id": "abc123" },
                }),
                json!({ "offerId": "6789abcd1234ef5678901234", "phoneNumber": "+18005551234" }),
                json!({ "url": "https://example.com/page", "domain": "yourdomain.com" }),
            ])
            .response::<LinkObject>(201, LinkObject::example())
            .errors([
                ApiError::MissingUrlOrOffer,
                ApiError::InvalidUrl(InvalidTemplate::NotHttp),
            ])
            .errors(target_errors(Product::Sms, "offer")),
        Operation::post("/links/bulk", create_links)
            .audits_many(ObjectKind::Link, "linkId")
            .summary("Create up to 1,000 links")
            .description(
                "Each entry is a body of `POST /links` or `POST /links/shorten`, and is handled \
                 on its own: one that fails is listed in `errors` with the code of those \
                 operations, and the others are created. The status is 201, or 200 if no link \
                 was created.",
            )
            .request_examples([BulkRequest::example()])
            .required_fields(["links"])
            .response::<BulkResponse>(201, BulkResponse::example())
            .response::<BulkResponse>(200, BulkResponse::example_without_links())
            .errors([ApiError::MissingLinks, ApiError::TooManyLinks(MAX_LINKS)]),
    ]
}

/// The errors of a link's list, offer and ids.
fn target_errors(product: Product, offer: &'static str) -> [ApiError; 10] {
    [
        ApiError::MissingListIdentifier,
        ApiError::InvalidPhone("phoneNumber"),
        ApiError::InvalidSlug,
        ApiError::ProductNotEnabled(product.title()),
        ApiError::OfferNotFound(offer),
        ApiError::ListNotFound,
        ApiError::NoDomainConfigured,
        ApiError::DomainNotFound("short"),
        ApiError::SlugTaken,
        ApiError::IdCollision,
    ]
}

fn reading_operations() -> [Operation; 4] {
    let svg = Operation::get("/links/{link_id}/qr.svg", get_link_qr_svg);
    let png = Operation::get("/links/{link_id}/qr.png", get_link_qr_png);
    [
        Operation::get("/links", list_links)
            .summary("List links")
            .description("The links of the v2 API, the newest first. A link must meet all filters.")
            .response::<Links>(200, Links::example()),
        Operation::get("/links/{link_id}", get_link)
            .summary("Get a link")
            .description(
                "A short id is unique per domain only: name the domain if the id is on several.",
            )
            .response::<LinkObject>(200, LinkObject::example())
            .errors(find_errors()),
        objects::qr::describe(svg, "Get a link's QR code as SVG", objects::qr::SVG)
            .errors(find_errors()),
        objects::qr::describe(png, "Get a link's QR code as PNG", objects::qr::PNG)
            .errors(find_errors()),
    ]
}

fn updating_operations() -> [Operation; 2] {
    [
        Operation::patch("/links/{link_id}", update_link)
            .audits_change(ObjectKind::Link, "/linkId")
            .summary("Update a link")
            .description(
                "Updates the given fields; redirectors apply the change within a second. `url` \
                 can be given for links without an offer only. An empty `expiresAt` clears it.",
            )
            .request_examples([
                json!({ "status": "deactivated" }),
                json!({ "url": "https://example.com/other", "expiresAt": "2030-01-31T00:00:00Z" }),
            ])
            .response::<LinkObject>(200, LinkObject::example())
            .errors([
                ApiError::InvalidStatus(LinkState::NAME_LIST),
                ApiError::InvalidUrl(InvalidTemplate::NotHttp),
            ])
            .errors(find_errors()),
        Operation::delete("/links/{link_id}", deactivate_link)
            .audits_change(ObjectKind::Link, "/linkId")
            .summary("Deactivate a link")
            .description(
                "Within a second the link leads to the list's fallback or the 404 page. PATCH \
                 can activate it again.",
            )
            .response::<DeactivatedLink>(200, DeactivatedLink::example())
            .errors(find_errors()),
    ]
}

/// The errors of operations on one link.
fn find_errors() -> [ApiError; 2] {
    [ApiError::NotFound("link"), ApiError::AmbiguousLinkId]
}
