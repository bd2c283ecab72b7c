//! `POST /api/conversions/track`: a conversion of a click, by an affiliate's
//! client.

use actix_web::http::Method;
use domain::{
    conversion::{ConversionSource, DEFAULT_CURRENCY, EventType, MAX_TXN_ID_BYTES, parse_currency},
    dedupe::DedupeFields,
    id::{ClickId, ConversionId},
    money::{self, PAYOUT_DECIMALS},
};
use ledger::{
    account_lock,
    conversions::{NewConversion, conversion_insert_all},
    totals::TotalsDelta,
};
use postgres::pool::GenericClient as _;
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{
    auth::Scope,
    error::{ApiError, FieldError},
    fields::{DecimalText, JsonObject, Text, Timestamp, non_empty},
    http::{Operation, RequestContext, Response},
};

const MAX_EMAIL: usize = 254;

pub fn operation() -> Operation {
    Operation::affiliate(
        Method::POST,
        "/conversions/track",
        "track_conversion",
        track_conversion,
    )
    .scope(Scope::ConversionsWrite)
    .tag("conversions")
    .summary("Record a conversion")
    .description(
        "Of a click, by the id that the landing page was given. The same `order_id` and \
         `event_type` again is answered 200 with the conversion that is there. A click that has \
         not arrived yet is waited for (`pending`); one of another account is as good as none.",
    )
    .request_body::<TrackRequest>([json!({
        "click_id": "01a11d5c-1e7b-7123-8123-456789abcdef",
        "order_id": "order-1",
        "amount": "49.99",
        "currency": "USD",
        "event_type": "sale",
        "customer_email": "ada@example.com",
        "metadata": { "coupon": "SPRING" },
    })])
    .required_fields(["click_id", "order_id"])
    .response::<Tracked>(201, example())
    .response::<Tracked>(200, example())
    .errors([ApiError::Validation(vec![FieldError::new(
        "amount",
        "it is required",
    )])])
}

pub fn example() -> Value {
    json!({ "data": {
        "conversion_id": "01a11d5d-1e7b-7123-8123-456789abcdef",
        "click_id": "01a11d5c-1e7b-7123-8123-456789abcdef",
        "campaign_id": "camp_abc123",
        "status": "attributed",
        "created_at": "2026-03-10T09:00:00Z",
    }})
}

#[derive(Debug, Deserialize, JsonSchema)]
struct TrackRequest {
    /// The click's id. Required.
    click_id: Option<Text>,
    /// 1 to 255 bytes. Required.
    #[schemars(length(max = 255))]
    order_id: Option<Text>,
    /// A decimal text. Required.
    amount: Option<DecimalText>,
    /// ISO 4217, USD by default.
    currency: Option<Text>,
    /// sale (by default), lead, signup or trial.
    event_type: Option<Text>,
    /// Kept only as a hash.
    #[schemars(length(max = 254))]
    customer_email: Option<Text>,
    metadata: Option<JsonObject>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Tracked {
    data: TrackedConversion,
}

#[derive(Debug, Serialize, JsonSchema)]
struct TrackedConversion {
    conversion_id: String,
    click_id: String,
    /// The campaign that it is credited to.
    campaign_id: Option<String>,
    /// attributed; pending while the click has not arrived; or unattributed.
    status: &'static str,
    created_at: Timestamp,
}

/// A conversion as it is asked for, in texts.
#[derive(Debug, Default)]
pub struct Asked {
    pub click_id: Option<String>,
    pub order_id: Option<String>,
    pub amount: Option<String>,
    pub currency: Option<String>,
    pub event_type: Option<String>,
    pub customer_email: Option<String>,
    pub metadata: Option<Value>,
}

/// One that can be recorded.
#[derive(Debug)]
struct Wanted {
    click_id: ClickId,
    order_id: String,
    amount: Decimal,
    currency: String,
    event: EventType,
    customer_email_hash: Option<String>,
    metadata: Option<Value>,
}

impl Asked {
    /// All that is wrong with it.
    fn check(self) -> Result<Wanted, ApiError> {
        let mut wrong = Vec::new();
        let mut required = |name: &str, value: &Option<String>| {
            if value.is_none() {
                wrong.push(FieldError::new(name, "it is required"));
            }
        };
        required("click_id", &self.click_id);
        required("order_id", &self.order_id);
        required("amount", &self.amount);
        let click_id = self.click_id.map(|id| ClickId::parse(&id));
        if let Some(Err(error)) = &click_id {
            wrong.push(FieldError::new("click_id", error.to_string()));
        }
        let is_order =
            |id: &String| id.len() <= MAX_TXN_ID_BYTES && !id.chars().any(char::is_control);
        if self.order_id.as_ref().is_some_and(|id| !is_order(id)) {
            let problem = "it exceeds 255 bytes or has control characters";
            wrong.push(FieldError::new("order_id", problem));
        }
        let amount = self.amount.map(|text| money::parse(&text, PAYOUT_DECIMALS));
        if amount == Some(None) {
            let problem = "it is not a decimal number of 0 or more with at most 4 decimals";
            wrong.push(FieldError::new("amount", problem));
        }
        let currency = match &self.currency {
            None => Some(DEFAULT_CURRENCY.to_owned()),
            Some(text) => parse_currency(text),
        };
        if currency.is_none() {
            wrong.push(FieldError::new("currency", "it is not a code as in USD"));
        }
        let event = self.event_type.as_deref().unwrap_or("sale");
        let event = EventType::parse_one_of(event, &EventType::AFFILIATE_EVENTS);
        if event.is_none() {
            let problem = "it is not one of sale, lead, signup, trial";
            wrong.push(FieldError::new("event_type", problem));
        }
        let email = self.customer_email.map(|email| email.trim().to_lowercase());
        let is_email = |email: &String| email.contains('@') && email.chars().count() <= MAX_EMAIL;
        if email.as_ref().is_some_and(|email| !is_email(email)) {
            wrong.push(FieldError::new("customer_email", "it is not an address"));
        }
        match (click_id, self.order_id, amount.flatten(), currency, event) {
            (Some(Ok(click_id)), Some(order_id), Some(amount), Some(currency), Some(event))
                if wrong.is_empty() =>
            {
                Ok(Wanted {
                    click_id,
                    order_id,
                    amount,
                    currency,
                    event,
                    customer_email_hash: email.map(|email| hash(&email)),
                    metadata: self.metadata,
                })
            }
            _ => Err(ApiError::Validation(wrong)),
        }
    }
}

fn hash(email: &str) -> String {
    domain::hex::encode(&Sha256::digest(email))
}

async fn track_conversion(context: RequestContext<'_>) -> Result<Response, ApiError> {
    let body: TrackRequest = context.json()?;
    let text = |text: &Option<Text>| non_empty(text).map(str::to_owned);
    let asked = Asked {
        click_id: text(&body.click_id),
        order_id: text(&body.order_id),
        amount: body
            .amount
            .map(|DecimalText(text)| text)
            .filter(|text| !text.is_empty()),
        currency: text(&body.currency),
        event_type: text(&body.event_type),
        customer_email: text(&body.customer_email),
        metadata: body.metadata.map(|JsonObject(map)| Value::Object(map)),
    };
    let (tracked, is_new) = record(context, asked).await?;
    match is_new {
        true => Response::created(&tracked),
        false => Response::ok(&tracked),
    }
}

/// Records a conversion, or finds the one that its order has; whether it is new.
pub async fn record(
    context: RequestContext<'_>,
    asked: Asked,
) -> Result<(Tracked, bool), ApiError> {
    let wanted = asked.check()?;
    account_lock(context.db, context.caller.account_id.0).await?;
    let dedupe_fields = DedupeFields {
        event: wanted.event,
        txn_id: Some(&wanted.order_id),
        click_id: None,
        link_key: None,
        visitor: "",
    };
    let dedupe_key = dedupe_fields.dedupe_key();
    if let Some(tracked) = find(context, &dedupe_key).await? {
        return Ok((tracked, false));
    }
    let now_ms = jiff::Timestamp::now().as_millisecond();
    let unix_ms = u64::try_from(now_ms).unwrap_or(0);
    let conversion = NewConversion {
        conversion_id: ConversionId::generate(unix_ms, &mut rand::rng()),
        source: ConversionSource::Api,
        event: wanted.event,
        account_id: Some(context.caller.account_id.0),
        click_id: Some(wanted.click_id),
        link_key: None,
        link_id: None,
        offer_id: None,
        campaign_id: None,
        message_id: None,
        contact_phone: None,
        revenue: Some(wanted.amount),
        currency: wanted.currency,
        txn_id: Some(wanted.order_id),
        authenticated: true,
        visitor: String::new(),
        address_key: None,
        customer_email_hash: wanted.customer_email_hash,
        metadata: wanted.metadata,
    };
    let mut delta = TotalsDelta::default();
    conversion_insert_all(context.db, vec![conversion], &mut delta).await?;
    delta.apply(context.db).await?;
    let tracked = find(context, &dedupe_key).await?;
    let tracked =
        tracked.ok_or_else(|| ApiError::internal(anyhow::anyhow!("it was not stored")))?;
    Ok((tracked, true))
}

async fn find(context: RequestContext<'_>, dedupe_key: &str) -> Result<Option<Tracked>, ApiError> {
    let statement = context
        .db
        .prepare_cached(
            "SELECT conversion_id::text AS conversion_id, coalesce(click_id::text, '') AS click_id,
                    coalesce(credited_campaign_id, campaign_id) AS campaign_id, converted_at,
                    attribution, click_id IS NOT NULL AND message_key IS NULL AS is_waiting
             FROM conversions
             WHERE account_id = $1 AND dedupe_key = $2",
        )
        .await?;
    let account_id = context.caller.account_id.0;
    let row = context
        .db
        .query_opt(&statement, &[&account_id, &dedupe_key])
        .await?;
    Ok(row.map(|row| Tracked {
        data: TrackedConversion {
            conversion_id: row.get("conversion_id"),
            click_id: row.get("click_id"),
            campaign_id: row.get("campaign_id"),
            status: match row.get("attribution") {
                "none" if row.get("is_waiting") => "pending",
                "none" => "unattributed",
                _ => "attributed",
            },
            created_at: Timestamp(row.get("converted_at")),
        },
    }))
}
