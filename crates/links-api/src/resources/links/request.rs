//! The body of a new link, and its validation in the order of the documented errors.

use domain::{id::ShortId, macros::Template};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    error::ApiError,
    fields::{
        ClickCostField, JsonObject, ListSelector, PhoneNumber, Text, Timestamp, non_empty,
        parse_slug, update_text,
    },
    http::RequestBody,
    minting::LinkAttributes,
};

/// The body of each operation that creates a link. Which of the fields are used depends on the
/// operation.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LinkRequest {
    /// The offer's id: of a partnership offer for `/links`, of an SMS offer for
    /// `/links/shorten`, of either for `/links/bulk`.
    offer_id: Option<Text>,
    /// A partnership offer's id on the external platform. Ignored when `offerId` is given, and
    /// for `/links/shorten`.
    external_offer_id: Option<Text>,
    /// An http(s) URL, with macros or without. Ignored when `offerId` is given, and for
    /// `/links`.
    #[schemars(extend("format" = "uri"))]
    url: Option<Text>,
    /// The sending list's id.
    list_id: Option<i64>,
    /// The sending list's number in E.164. Ignored when `listId` is given.
    #[schemars(extend("pattern" = r"^(\+[1-9][0-9]{6,14})?$"))]
    phone_number: Option<Text>,
    /// The host of the short link: an active domain of the account. By default it is the list's;
    /// with it, a link needs no list.
    domain: Option<Text>,
    /// The recipient of the message in E.164: the value of `{{contact.phone}}`.
    #[schemars(extend("pattern" = r"^(\+[1-9][0-9]{6,14})?$"))]
    contact_phone: Option<Text>,
    /// The id of the message: the value of `{{messageId}}`. At most 255 characters.
    #[schemars(length(max = 255))]
    message_id: Option<Text>,
    /// Stored and returned as it is. At most 16 KiB.
    metadata: Option<JsonObject>,
    /// The link's own path: 3 to 64 of A-Z, a-z, 0-9, _ and -.
    slug: Option<Text>,
    /// When the link stops working; it must lie in the future.
    #[schemars(extend("format" = "date-time"))]
    expires_at: Option<Text>,
    /// Whether the query of a click is appended to the destination.
    forward_query: Option<bool>,
    /// Which parameter of clicks' URLs is what the click costs, in place of the account's setting.
    click_cost: Option<ClickCostField>,
}

impl RequestBody for LinkRequest {}

/// The targets that an operation accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AcceptedTargets {
    PartnershipOffer,
    SmsOfferOrUrl,
    Any,
}

/// A valid request, whose offer and list are not looked up yet.
#[derive(Debug)]
pub struct LinkSpec {
    pub target: LinkTarget,
    /// `None` only if there is a domain.
    pub list: Option<ListSelector>,
    /// The host of the short link, where it is not the list's.
    pub domain: Option<String>,
    pub slug: Option<ShortId>,
    pub attributes: LinkAttributes,
}

#[derive(Debug)]
pub enum LinkTarget {
    Url(String),
    Offer(OfferSelector),
}

/// An offer by its id, or a partnership offer by its id on the external platform.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum OfferSelector {
    Id(String),
    ExternalId(String),
}

impl LinkSpec {
    /// Fields that another one takes precedence over (`url` if there is an `offerId`, say) are
    /// not validated.
    pub fn from_request(body: LinkRequest, accepted: AcceptedTargets) -> Result<Self, ApiError> {
        let target = parse_target(&body, accepted)?;
        let domain = non_empty(&body.domain).map(|host| host.trim().to_ascii_lowercase());
        let list = match ListSelector::from_fields(body.list_id, &body.phone_number) {
            Err(ApiError::MissingListIdentifier) if domain.is_some() => None,
            list => Some(list?),
        };
        if let LinkTarget::Url(url) = &target {
            Template::parse(url).map_err(ApiError::InvalidUrl)?;
        }
        if let Some(list) = &list {
            list.validate()?;
        }
        Ok(Self {
            target,
            list,
            domain,
            slug: parse_slug(&body.slug)?,
            attributes: parse_attributes(body)?,
        })
    }
}

fn parse_target(body: &LinkRequest, accepted: AcceptedTargets) -> Result<LinkTarget, ApiError> {
    let id = non_empty(&body.offer_id).map(|id| OfferSelector::Id(id.to_owned()));
    let external_id =
        non_empty(&body.external_offer_id).map(|id| OfferSelector::ExternalId(id.to_owned()));
    let url = non_empty(&body.url).map(|url| LinkTarget::Url(url.trim().to_owned()));
    match accepted {
        AcceptedTargets::PartnershipOffer => id
            .or(external_id)
            .map(LinkTarget::Offer)
            .ok_or(ApiError::MissingOfferId),
        AcceptedTargets::SmsOfferOrUrl => id
            .map(LinkTarget::Offer)
            .or(url)
            .ok_or(ApiError::MissingUrlOrOffer),
        AcceptedTargets::Any => id
            .or(external_id)
            .map(LinkTarget::Offer)
            .or(url)
            .ok_or(ApiError::MissingUrlOrOffer),
    }
}

fn parse_attributes(body: LinkRequest) -> Result<LinkAttributes, ApiError> {
    let contact_phone = match non_empty(&body.contact_phone) {
        Some(phone) => {
            let phone = PhoneNumber::parse(phone).ok_or(ApiError::InvalidPhone("contactPhone"))?;
            Some(phone.as_str().to_owned())
        }
        None => None,
    };
    let mut message_id = None;
    update_text(&mut message_id, &body.message_id, "messageId", 255)?;
    let now = jiff::Timestamp::now();
    let expires_at = body.expires_at.as_ref();
    let expires_at = expires_at.map(|text| Timestamp::parse_future("expiresAt", text, now));
    Ok(LinkAttributes {
        contact_phone,
        message_id,
        metadata: body.metadata,
        forward_query: body.forward_query.unwrap_or(false),
        click_cost: match &body.click_cost {
            Some(click_cost) => click_cost.rule("clickCost")?,
            None => None,
        },
        expires_at: expires_at.transpose()?.flatten(),
    })
}
