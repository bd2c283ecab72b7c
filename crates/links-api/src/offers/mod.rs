//! SMS offers at `/api/v2/offers`, and partnership offers, the same with two
//! fields under other names, at `/api/v2/partnership-offers`.

mod fields;
mod object;
mod query;

use actix_web::http::Method;
use domain::{
    id::OfferId,
    macros::{InvalidTemplate, Severity, lint},
    record::RecordKey,
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    auth::Scope,
    error::{ApiError, CodedField},
    http::{Operation, PageRequest, Pagination, Parameter, RequestContext, Response},
    macros_preview::FindingObject,
};
use fields::{OfferFields, OfferRequest};
pub use fields::{name, required};
use object::OfferObject;

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Sms,
    Partnership,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::Partnership => "partnership",
        }
    }

    /// The field that holds the template.
    fn template_field(self) -> CodedField {
        match self {
            Self::Sms => CodedField::TrackingUrl,
            Self::Partnership => CodedField::DestinationUrlTemplate,
        }
    }

    fn resource(self) -> &'static str {
        match self {
            Self::Sms => "offer",
            Self::Partnership => "partnership offer",
        }
    }
}

const PER_PAGE: u32 = 50;
const STATUS: [&str; 3] = ["active", "paused", "archived"];
const STATUS_NAMES: &str = "active, paused, archived";

pub fn operations() -> Vec<Operation> {
    let sms = (Kind::Sms, "/offers", "/offers/{offer_id}");
    let ids = [
        "list_offers",
        "create_offer",
        "get_offer",
        "update_offer",
        "archive_offer",
    ];
    let mut operations = operations_of(sms, ids);
    let partnership = (
        Kind::Partnership,
        "/partnership-offers",
        "/partnership-offers/{offer_id}",
    );
    let ids = [
        "list_partnership_offers",
        "create_partnership_offer",
        "get_partnership_offer",
        "update_partnership_offer",
        "archive_partnership_offer",
    ];
    operations.extend(operations_of(partnership, ids));
    operations
}

fn operations_of(
    (kind, all, one): (Kind, &'static str, &'static str),
    ids: [&'static str; 5],
) -> Vec<Operation> {
    let [list, create, get, update, archive] = ids;
    let example = object::example(kind);
    let mut saved = example.clone();
    saved["findings"] = json!([]);
    vec![
        Operation::platform(
            Method::GET,
            all,
            list,
            async move |context: RequestContext<'_>| list_offers(context, kind).await,
        )
        .summary("List offers")
        .description("The newest first; without `status`, all but archived ones.")
        .with_paging(PER_PAGE)
        .parameter(Parameter::choice("status", "Only these.", &STATUS))
        .response::<Offers>(
            200,
            json!({
                "offers": [example],
                "pagination": { "page": 1, "per_page": 50, "total": 1, "total_pages": 1 },
            }),
        ),
        Operation::platform(
            Method::POST,
            all,
            create,
            async move |context: RequestContext<'_>| create_offer(context, kind).await,
        )
        .summary("Create an offer")
        .description(
            "The template is checked as by `/macros/preview`: an error refuses it, and what else \
             was found is told in `findings`. Without a `postback_secret` one is made.",
        )
        .request_body::<OfferRequest>([object::request_example(kind)])
        .required_fields(["name", kind.template_field().name()])
        .response::<SavedOffer>(201, saved.clone())
        .errors(invalid_fields(kind)),
        Operation::platform(
            Method::GET,
            one,
            get,
            async move |context: RequestContext<'_>| get_offer(context, kind).await,
        )
        .summary("Get an offer")
        .response::<OfferObject>(200, object::example(kind))
        .errors([ApiError::NotFound(kind.resource())]),
        Operation::platform(
            Method::PUT,
            one,
            update,
            async move |context: RequestContext<'_>| update_offer(context, kind).await,
        )
        .summary("Change an offer")
        .description(
            "Changes what is sent and merges `metadata`, where an empty text removes an entry. \
             An archived offer comes back by its `status`. Redirectors have the change within a \
             second.",
        )
        .request_body::<OfferRequest>([json!({ "status": "paused", "metadata": { "team": "b" } })])
        .response::<SavedOffer>(200, saved)
        .errors(invalid_fields(kind))
        .errors([ApiError::NotFound(kind.resource())]),
        Operation::platform(
            Method::DELETE,
            one,
            archive,
            async move |context: RequestContext<'_>| archive_offer(context, kind).await,
        )
        .summary("Archive an offer")
        .description("Its links lead to its fallback, the list's, or the 404 page.")
        .response::<Archived>(200, json!({ "success": true, "archived": true }))
        .errors([ApiError::NotFound(kind.resource())]),
    ]
    .into_iter()
    .map(|operation| operation.scope(Scope::Offers).tag("offers"))
    .collect()
}

/// In the order in which they are found.
fn invalid_fields(kind: Kind) -> [ApiError; 11] {
    let template = kind.template_field();
    [
        ApiError::MissingField(CodedField::Name),
        ApiError::NameTooLong,
        ApiError::MissingField(template),
        ApiError::InvalidTemplate(template, InvalidTemplate::NotHttp),
        ApiError::InvalidExternalPlatform,
        ApiError::InvalidPayout,
        ApiError::InvalidPayoutType,
        ApiError::InvalidStatus(STATUS_NAMES),
        ApiError::InvalidSlug,
        ApiError::InvalidTemplate(CodedField::FallbackUrl, InvalidTemplate::NotHttp),
        ApiError::SlugTaken,
    ]
}

#[derive(Debug, Serialize, JsonSchema)]
struct Offers {
    offers: Vec<OfferObject>,
    pagination: Pagination,
}

/// The offer, and what is to be said of its template.
#[derive(Debug, Serialize, JsonSchema)]
struct SavedOffer {
    #[serde(flatten)]
    offer: OfferObject,
    findings: Vec<FindingObject>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Archived {
    success: bool,
    archived: bool,
}

async fn list_offers(context: RequestContext<'_>, kind: Kind) -> Result<Response, ApiError> {
    let page = PageRequest::from_request(&context, PER_PAGE)?;
    let status = context.choice("status", &STATUS)?;
    let (rows, total) = query::offer_list(context, kind, status, page).await?;
    Response::ok(&Offers {
        offers: rows
            .iter()
            .map(|row| OfferObject::read(kind, row))
            .collect(),
        pagination: page.pagination(total),
    })
}

async fn create_offer(context: RequestContext<'_>, kind: Kind) -> Result<Response, ApiError> {
    let mut fields = OfferFields::new();
    fields.apply(context.json()?, kind)?;
    let id = OfferId::generate(&mut rand::rng());
    query::offer_insert(context, kind, id, &mut fields).await?;
    // A link to it cannot have been asked for, but the answer shows the row.
    let row = query::offer_find(context, kind, id, query::Lock::None).await?;
    Response::created(&saved(kind, &row, &fields.template))
}

async fn get_offer(context: RequestContext<'_>, kind: Kind) -> Result<Response, ApiError> {
    let id = context.path("offer_id", kind.resource())?;
    let row = query::offer_find(context, kind, id, query::Lock::None).await?;
    Response::ok(&OfferObject::read(kind, &row))
}

async fn update_offer(context: RequestContext<'_>, kind: Kind) -> Result<Response, ApiError> {
    let body: OfferRequest = context.json()?;
    let id = context.path("offer_id", kind.resource())?;
    let row = query::offer_find(context, kind, id, query::Lock::ForUpdate).await?;
    let mut fields = OfferFields::read(&row);
    fields.apply(body, kind)?;
    query::offer_update(context, id, &fields).await?;
    context
        .outbox
        .record_changed([RecordKey::Offer(id)])
        .await?;
    let row = query::offer_find(context, kind, id, query::Lock::None).await?;
    Response::ok(&saved(kind, &row, &fields.template))
}

async fn archive_offer(context: RequestContext<'_>, kind: Kind) -> Result<Response, ApiError> {
    let id = context.path("offer_id", kind.resource())?;
    query::offer_archive(context, kind, id).await?;
    context
        .outbox
        .record_changed([RecordKey::Offer(id)])
        .await?;
    Response::ok(&Archived {
        success: true,
        archived: true,
    })
}

fn saved(kind: Kind, row: &tokio_postgres::Row, template: &str) -> SavedOffer {
    let findings = lint(template).into_iter();
    SavedOffer {
        offer: OfferObject::read(kind, row),
        findings: findings
            .filter(|finding| finding.severity > Severity::Info)
            .map(FindingObject::from)
            .collect(),
    }
}

/// An example with one kind's names for the two fields that differ.
fn with_names(kind: Kind, mut example: Value, template: &str, external_id: &str) -> Value {
    let names = match kind {
        Kind::Sms => ["tracking_url", "external_id"],
        Kind::Partnership => ["destination_url_template", "external_offer_id"],
    };
    example[names[0]] = json!(template);
    example[names[1]] = json!(external_id);
    example
}
