//! SMS offers at `/api/v2/offers`, and partnership offers at `/api/v2/partnership-offers`,
//! which are the same but for the names of two fields.

mod handlers;
mod metadata;
mod object;
mod partnership;
mod request;
mod slug;
mod sms;

use domain::macros::InvalidTemplate;
use serde_json::json;

use crate::{
    audit::ObjectKind,
    auth::Scope,
    db::offers::{OfferKind, OfferStatus},
    enumeration::Enumeration as _,
    error::{ApiError, CodedField},
    http::Operation,
};
use handlers::ArchivedOffer;
use object::{OfferObject, Offers, SavedOffer};
use partnership::{
    archive_partnership_offer, create_partnership_offer, get_partnership_offer,
    list_partnership_offers, update_partnership_offer,
};
use request::{request_example, template_field};
use sms::{archive_offer, create_offer, get_offer, list_offers, update_offer};

pub fn operations() -> Vec<Operation> {
    let sms = [
        Operation::get("/offers", list_offers),
        Operation::post("/offers", create_offer),
        Operation::get("/offers/{offer_id}", get_offer),
        Operation::put("/offers/{offer_id}", update_offer),
        Operation::delete("/offers/{offer_id}", archive_offer),
    ];
    let partnership = [
        Operation::get("/partnership-offers", list_partnership_offers),
        Operation::post("/partnership-offers", create_partnership_offer),
        Operation::get("/partnership-offers/{offer_id}", get_partnership_offer),
        Operation::put("/partnership-offers/{offer_id}", update_partnership_offer),
        Operation::delete("/partnership-offers/{offer_id}", archive_partnership_offer),
    ];
    let sms = describe(OfferKind::Sms, sms);
    let partnership = describe(OfferKind::Partnership, partnership);
    sms.into_iter().chain(partnership).collect()
}

fn describe(
    kind: OfferKind,
    [list, create, get, update, archive]: [Operation; 5],
) -> [Operation; 5] {
    let not_found = || ApiError::NotFound(kind.resource());
    let titles = match kind {
        OfferKind::Sms => [
            "List SMS offers",
            "Create an SMS offer",
            "Get an SMS offer",
            "Update an SMS offer",
            "Archive an SMS offer",
        ],
        OfferKind::Partnership => [
            "List partnership offers",
            "Create a partnership offer",
            "Get a partnership offer",
            "Update a partnership offer",
            "Archive a partnership offer",
        ],
    };
    let [
        list_title,
        create_title,
        get_title,
        update_title,
        archive_title,
    ] = titles;
    let object_kind = match kind {
        OfferKind::Sms => ObjectKind::Offer,
        OfferKind::Partnership => ObjectKind::PartnershipOffer,
    };
    [
        list.summary(list_title)
            .description("The newest first; without `status`, all but archived ones.")
            .response::<Offers>(200, Offers::example(kind)),
        create
            .audits_creation(object_kind, "/id")
            .summary(create_title)
            .description(
                "The template is checked as by `/macros/preview`: one with an error is not \
                 accepted, and other findings are in `findings`. Without a `postback_secret` one \
                 is generated.",
            )
            .request_examples([request_example(kind)])
            .required_fields(["name", template_field(kind).name()])
            .response::<SavedOffer>(201, SavedOffer::example(kind))
            .errors(field_errors(kind)),
        get.summary(get_title)
            .response::<OfferObject>(200, OfferObject::example(kind))
            .errors([not_found()]),
        update
            .audits_change(object_kind, "/id")
            .summary(update_title)
            .description(
                "Updates the given fields and merges `metadata`, where an empty text removes an \
                 entry. An archived offer can be restored by its `status`. Redirectors apply the \
                 change within a second.",
            )
            .request_examples([json!({ "status": "paused", "metadata": { "team": "b" } })])
            .response::<SavedOffer>(200, SavedOffer::example(kind))
            .errors(field_errors(kind))
            .errors([not_found()]),
        archive
            .audits_change(object_kind, "/id")
            .summary(archive_title)
            .description("Its links lead to its fallback, the list's, or the 404 page.")
            .response::<ArchivedOffer>(200, ArchivedOffer::example())
            .errors([not_found()]),
    ]
    .map(|operation| operation.scope(Scope::Offers).tag("offers"))
}

/// The errors of a body, in the order in which its fields are checked.
fn field_errors(kind: OfferKind) -> [ApiError; 11] {
    let template = template_field(kind);
    [
        ApiError::MissingField(CodedField::Name),
        ApiError::NameTooLong,
        ApiError::MissingField(template),
        ApiError::InvalidTemplate(template, InvalidTemplate::NotHttp),
        ApiError::InvalidExternalPlatform,
        ApiError::InvalidPayout,
        ApiError::InvalidPayoutType,
        ApiError::InvalidStatus(OfferStatus::NAME_LIST),
        ApiError::InvalidSlug,
        ApiError::InvalidTemplate(CodedField::FallbackUrl, InvalidTemplate::NotHttp),
        ApiError::SlugTaken,
    ]
}
