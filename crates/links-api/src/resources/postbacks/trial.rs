//! `POST /api/v2/postbacks/test`: what a postback would be read as.

use domain::{
    conversion::ConversionStatus,
    id::{ClickId, OfferId},
    money,
    postback::{
        ConversionDetails, Field, LinkRef, NamedClick, Postback, PostbackParameters, Preset,
    },
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    db::{offers, postbacks},
    error::ApiError,
    fields::{Text, non_empty},
    http::{RequestBody, RequestContext, Response},
};

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "PostbackTestRequest")]
pub struct TestRequest {
    /// The URL of the postback, or its query alone. Required.
    url: Option<Text>,
    /// The body of the postback, if it is a POST.
    body: Option<Text>,
    /// The content type of the body.
    content_type: Option<Text>,
    /// The offer that the postback is for, if it names none and no link.
    offer_id: Option<Text>,
}

impl RequestBody for TestRequest {}

/// A postback as it is read. Nothing was stored.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PostbackTest")]
pub struct PostbackTrial {
    /// Whether a conversion would be recorded, once the sender is authenticated.
    accepted: bool,
    /// The code of the answer if it would not, as in missing_link_id.
    code: Option<&'static str>,
    /// The sentence of the answer.
    error: Option<String>,
    link_id: Option<String>,
    click_id: Option<String>,
    offer_id: Option<String>,
    event: String,
    status: &'static str,
    /// The amount that the sender names; null if the offer's payout counts, or nothing does.
    amount: Option<String>,
    currency: String,
    txn_id: Option<String>,
    refund_id: Option<String>,
    /// Whether the offer's payout counts where the sender names no amount.
    payout_counts: bool,
    /// Whether the mapping says that such an event is not stored.
    event_is_ignored: bool,
    /// What could not be read, as in amount_unreadable.
    flags: Vec<&'static str>,
    /// Which parameter was taken for what.
    understood: Vec<UnderstoodObject>,
    /// Parameters that have no meaning or no value.
    ignored: Vec<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "UnderstoodParameter")]
struct UnderstoodObject {
    /// As it was sent.
    name: String,
    /// Our name of it.
    field: &'static str,
    /// Null if it is secret.
    value: Option<String>,
}

impl PostbackTrial {
    pub fn example() -> Value {
        json!({
            "accepted": true,
            "code": null,
            "error": null,
            "link_id": null,
            "click_id": "01a11d5c-1e7b-7123-8123-456789abcdef",
            "offer_id": null,
            "event": "sale",
            "status": "approved",
            "amount": "12.50",
            "currency": "USD",
            "txn_id": "A-17",
            "refund_id": null,
            "payout_counts": true,
            "event_is_ignored": false,
            "flags": [],
            "understood": [{ "name": "order_id", "field": "txn_id", "value": "A-17" }],
            "ignored": ["adv"],
        })
    }
}

pub async fn test_postback(
    context: RequestContext<'_>,
    body: TestRequest,
) -> Result<Response, ApiError> {
    let url = non_empty(&body.url).ok_or_else(|| {
        ApiError::invalid_field("url", "it is required, such as \"/conv?link_id=Ab3kX9q\"")
    })?;
    let (path, query) = url.split_once('?').unwrap_or(("", url));
    let mut parameters = PostbackParameters::default();
    let (_, last_segment) = path.rsplit_once('/').unwrap_or(("", path));
    let pixel_link_id = last_segment.strip_suffix(".gif");
    if let Some(link_id) = pixel_link_id {
        parameters.add("link_id", link_id);
    }
    if path.contains("/api/postbacks/") && Preset::named(last_segment).is_some() {
        parameters.add("preset", last_segment);
    }
    parameters.add_form(query.as_bytes());
    let content_type = non_empty(&body.content_type).unwrap_or_default();
    let posted = non_empty(&body.body).unwrap_or_default();
    let body_error = parameters.add_body(content_type, posted.as_bytes()).err();

    let account_id = context.caller.account_id;
    let account_settings = postbacks::load(context.db, account_id, None).await?;
    let account_settings = account_settings.unwrap_or_default();
    let first_reading = Postback::new(&parameters, account_settings.mapping());
    let now = jiff::Timestamp::now();
    let is_at_preset = path.contains("/api/postbacks/");
    let is_for_offer =
        path.ends_with("/conv/offer") || (is_at_preset && first_reading.is_for_offer());
    let (named, target_error) = match is_for_offer {
        true => (None, first_reading.offer_name().err()),
        false => match first_reading.named_click(now) {
            Ok(named) => (Some(named), None),
            Err(error) => (None, Some(error)),
        },
    };
    let NamedClick { link, click_id } = named.unwrap_or(NamedClick {
        link: None,
        click_id: None,
    });
    let given = non_empty(&body.offer_id).or_else(|| first_reading.get(Field::OfferId));
    let offer_id = match (&link, given) {
        (_, Some(text)) => Some(find_offer(context, text).await?),
        (Some(LinkRef::Short(id)), None) => {
            postbacks::find_offer_of_link(context.db, account_id, id.as_str()).await?
        }
        _ => None,
    };
    let settings = match offer_id {
        Some(_) => postbacks::load(context.db, account_id, offer_id).await?,
        None => Some(account_settings),
    };
    let settings = settings.ok_or(ApiError::NotFound("offer"))?;
    let details = Postback::new(&parameters, settings.mapping()).details();
    let error = body_error.or(target_error);
    Response::ok(&PostbackTrial {
        accepted: error.is_none() && !details.is_ignored,
        code: error.map(|error| error.status_and_code().1),
        error: error.map(|error| error.to_string()),
        link_id: link.map(|link| match link {
            LinkRef::Short(id) => id.to_string(),
            LinkRef::Code(code) => code.link_id(),
        }),
        click_id: click_id.as_ref().map(ClickId::to_string),
        offer_id: offer_id.map(|id| id.to_string()),
        ..PostbackTrial::from(details)
    })
}

/// The account's offer of this id, or else of this `external_id`.
async fn find_offer(context: RequestContext<'_>, name: &str) -> Result<OfferId, ApiError> {
    let account_id = context.caller.account_id;
    if let Ok(id) = OfferId::parse(name) {
        let ids = [id.to_string()];
        if !offers::find_existing(context.db, account_id, &ids)
            .await?
            .is_empty()
        {
            return Ok(id);
        }
    }
    let offers = offers::list_by_external_id(context.db, name, Some(account_id), None).await?;
    match &offers[..] {
        [] => Err(ApiError::NotFound("offer")),
        [id] => OfferId::parse(id).map_err(ApiError::internal),
        _ => Err(ApiError::AmbiguousOfferId),
    }
}

impl From<ConversionDetails> for PostbackTrial {
    fn from(details: ConversionDetails) -> Self {
        let understood = details.understood.into_iter();
        Self {
            accepted: true,
            code: None,
            error: None,
            link_id: None,
            click_id: None,
            offer_id: None,
            event: details.event.to_string(),
            status: ConversionStatus::as_str(details.status),
            amount: details.revenue.map(money::format),
            currency: details.currency,
            txn_id: details.txn_id,
            refund_id: details.refund_id,
            payout_counts: !details.without_payout,
            event_is_ignored: details.is_ignored,
            flags: details.flags.iter().map(|flag| flag.as_str()).collect(),
            understood: understood
                .map(|parameter| UnderstoodObject {
                    name: parameter.name,
                    field: parameter.field.as_str(),
                    value: parameter.value,
                })
                .collect(),
            ignored: details.ignored,
        }
    }
}
