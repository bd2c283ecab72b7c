//! A conversion as it is exported.

use domain::money;
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use tokio_postgres::Row;

use crate::fields::Timestamp;

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Conversion")]
pub struct ConversionObject {
    pub conversion_id: String,
    /// When it was received.
    converted_at: Timestamp,
    /// conv, offer, coupon, pixel, api or import.
    source: String,
    event: String,
    /// approved, pending, rejected or reversed. Only approved ones count.
    status: String,
    txn_id: Option<String>,
    /// As it was sent with the conversion, like the three fields behind it.
    click_id: Option<String>,
    link_id: Option<String>,
    offer_id: Option<String>,
    message_id: Option<String>,
    /// The amount that was sent, or else the offer's payout; less than 0 for refunds and
    /// chargebacks, which take no more than is left of their order.
    amount: String,
    currency: String,
    /// click: it is credited to the message click below. offer: it is credited to its offer,
    /// without a click. none: it is unattributed.
    attribution: String,
    credited_click_id: Option<String>,
    credited_clicked_at: Option<Timestamp>,
    credited_link_id: Option<String>,
    credited_list_id: Option<i64>,
    credited_offer_id: Option<String>,
    credited_creative_id: Option<i64>,
    credited_campaign_id: Option<String>,
    credited_message_id: Option<String>,
    credited_contact_phone: Option<String>,
    credited_country: Option<String>,
    credited_device: Option<String>,
    /// SHA-256 of the address in lower case.
    customer_email_hash: Option<String>,
    refund_id: Option<String>,
    /// What could not be read of the request, as in amount_unreadable.
    flags: Vec<String>,
    /// The code of the coupon that it is of.
    coupon: Option<String>,
}

/// The amount of a conversion `c`.
pub const AMOUNT: &str = "CASE WHEN c.event IN ('refund', 'chargeback') THEN -1 ELSE 1 END
        * coalesce(c.counted_amount, c.revenue, c.payout, 0)";

/// The columns that a [`ConversionObject`] is made of, of conversions `c`.
pub fn columns() -> String {
    format!(
        "c.conversion_id::text AS conversion_id, c.converted_at, c.source, c.event, c.status, c.txn_id,
    c.click_id::text AS click_id, c.link_id, c.offer_id, c.message_id,
    {AMOUNT} AS amount,
    c.currency, c.attribution, c.credited_click_id::text AS credited_click_id,
    c.credited_clicked_at, c.credited_link_id, c.credited_list_id, c.credited_offer_id,
    c.credited_creative_id, c.credited_campaign_id, c.credited_message_id,
    c.credited_contact_phone, c.credited_country, c.credited_device, c.customer_email_hash,
    c.refund_id, c.flags, c.coupon"
    )
}

/// The columns of CSV, in the order of the object.
pub const CSV_COLUMNS: [&str; 28] = [
    "conversion_id",
    "converted_at",
    "source",
    "event",
    "status",
    "txn_id",
    "click_id",
    "link_id",
    "offer_id",
    "message_id",
    "amount",
    "currency",
    "attribution",
    "credited_click_id",
    "credited_clicked_at",
    "credited_link_id",
    "credited_list_id",
    "credited_offer_id",
    "credited_creative_id",
    "credited_campaign_id",
    "credited_message_id",
    "credited_contact_phone",
    "credited_country",
    "credited_device",
    "customer_email_hash",
    "refund_id",
    "flags",
    "coupon",
];

impl From<&Row> for ConversionObject {
    fn from(row: &Row) -> Self {
        let credited_clicked_at: Option<jiff::Timestamp> = row.get("credited_clicked_at");
        Self {
            conversion_id: row.get("conversion_id"),
            converted_at: Timestamp(row.get("converted_at")),
            source: row.get("source"),
            event: row.get("event"),
            status: row.get("status"),
            txn_id: row.get("txn_id"),
            click_id: row.get("click_id"),
            link_id: row.get("link_id"),
            offer_id: row.get("offer_id"),
            message_id: row.get("message_id"),
            amount: money::format(row.get::<_, Decimal>("amount")),
            currency: row.get("currency"),
            attribution: row.get("attribution"),
            credited_click_id: row.get("credited_click_id"),
            credited_clicked_at: credited_clicked_at.map(Timestamp),
            credited_link_id: row.get("credited_link_id"),
            credited_list_id: row.get("credited_list_id"),
            credited_offer_id: row.get("credited_offer_id"),
            credited_creative_id: row.get("credited_creative_id"),
            credited_campaign_id: row.get("credited_campaign_id"),
            credited_message_id: row.get("credited_message_id"),
            credited_contact_phone: row.get("credited_contact_phone"),
            credited_country: row.get("credited_country"),
            credited_device: row.get("credited_device"),
            customer_email_hash: row.get("customer_email_hash"),
            refund_id: row.get("refund_id"),
            flags: row.get("flags"),
            coupon: row.get("coupon"),
        }
    }
}

impl ConversionObject {
    pub fn example() -> Value {
        json!({
            "conversion_id": "01a11d5d-1e7b-7123-8123-456789abcdef",
            "converted_at": "2026-03-10T09:00:00.000Z",
            "source": "conv",
            "event": "sale",
            "status": "approved",
            "txn_id": "order-1",
            "click_id": null,
            "link_id": "Ab3kX9q",
            "offer_id": "6789abcd1234ef5678901234",
            "message_id": "m-1",
            "amount": "12.50",
            "currency": "USD",
            "attribution": "click",
            "credited_click_id": "01a11d5c-1e7b-7123-8123-456789abcdef",
            "credited_clicked_at": "2026-03-10T08:15:00.123Z",
            "credited_link_id": "Ab3kX9q",
            "credited_list_id": 42,
            "credited_offer_id": "6789abcd1234ef5678901234",
            "credited_creative_id": 101,
            "credited_campaign_id": null,
            "credited_message_id": "m-1",
            "credited_contact_phone": "+18005550100",
            "credited_country": "US",
            "credited_device": "mobile",
            "customer_email_hash": null,
            "refund_id": null,
            "flags": [],
            "coupon": null,
        })
    }
}
