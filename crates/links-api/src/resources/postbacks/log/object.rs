//! An entry of the log of postbacks as JSON.

use domain::money;
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use tokio_postgres::Row;

use crate::fields::Timestamp;

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "LoggedPostback")]
pub struct PostbackObject {
    pub postback_id: String,
    received_at: Timestamp,
    /// The path of the request, and the host.
    path: Option<String>,
    host: Option<String>,
    /// stored; duplicate; pending, while its click is not stored; deleted by the account;
    /// accepted, if the ledger does not have it; ignored by the mapping; suppressed, for
    /// postbacks without an entry of their own; else the code of the error.
    verdict: String,
    /// The conversion that is stored.
    conversion_id: Option<String>,
    event: Option<String>,
    status: Option<String>,
    /// The amount that was sent.
    amount: Option<String>,
    currency: Option<String>,
    txn_id: Option<String>,
    refund_id: Option<String>,
    click_id: Option<String>,
    /// The link and the offer, or what was sent as their ids if there are none such.
    link_id: Option<String>,
    offer_id: Option<String>,
    /// Which secrets it had, right or wrong: token, signature, postback_secret.
    credentials: Vec<String>,
    /// Whether one of them was right.
    authenticated: bool,
    /// What could not be read of it, as in amount_unreadable.
    flags: Vec<String>,
    /// The names of parameters that have no meaning or no value.
    ignored: Vec<String>,
    /// The sender's address, as much of it as the account stores.
    address: Option<String>,
    /// How many postbacks have no entry of their own, where the verdict is suppressed.
    suppressed: Option<i32>,
}

/// The columns that a [`PostbackObject`] is made of, of entries `p`, beside those of
/// `select_before`.
pub const COLUMNS: &str = "
    p.postback_id::text AS postback_id, p.received_at, p.path, p.host, p.event, p.status,
    p.amount, p.currency, p.txn_id, p.refund_id, p.click_id, p.link_id, p.offer_id,
    p.credentials, p.authenticated, p.flags, p.ignored, host(p.address) AS address,
    p.n_suppressed
";

/// The columns of CSV, in the order of the object.
pub const CSV_COLUMNS: [&str; 21] = [
    "postback_id",
    "received_at",
    "path",
    "host",
    "verdict",
    "conversion_id",
    "event",
    "status",
    "amount",
    "currency",
    "txn_id",
    "refund_id",
    "click_id",
    "link_id",
    "offer_id",
    "credentials",
    "authenticated",
    "flags",
    "ignored",
    "address",
    "suppressed",
];

impl From<&Row> for PostbackObject {
    fn from(row: &Row) -> Self {
        Self {
            postback_id: row.get("postback_id"),
            received_at: Timestamp(row.get("received_at")),
            path: row.get("path"),
            host: row.get("host"),
            verdict: row.get("current_verdict"),
            conversion_id: row.get("current_conversion_id"),
            event: row.get("event"),
            status: row.get("status"),
            amount: row.get::<_, Option<Decimal>>("amount").map(money::format),
            currency: row.get("currency"),
            txn_id: row.get("txn_id"),
            refund_id: row.get("refund_id"),
            click_id: row.get("click_id"),
            link_id: row.get("link_id"),
            offer_id: row.get("offer_id"),
            credentials: row.get("credentials"),
            authenticated: row.get("authenticated"),
            flags: row.get("flags"),
            ignored: row.get("ignored"),
            address: row.get("address"),
            suppressed: row.get("n_suppressed"),
        }
    }
}

impl PostbackObject {
    pub fn example() -> Value {
        json!({
            "postback_id": "01a11d5d-1e7b-7123-8123-456789abcdef",
            "received_at": "2026-03-10T09:00:00.123Z",
            "path": "/conv",
            "host": "go.example.com",
            "verdict": "stored",
            "conversion_id": "01a11d5d-1e7b-7123-8123-456789abcdef",
            "event": "sale",
            "status": "approved",
            "amount": "12.50",
            "currency": "USD",
            "txn_id": "order-1",
            "refund_id": null,
            "click_id": null,
            "link_id": "Ab3kX9q",
            "offer_id": "6789abcd1234ef5678901234",
            "credentials": ["token"],
            "authenticated": true,
            "flags": [],
            "ignored": ["adv"],
            "address": "203.0.113.9",
            "suppressed": null,
        })
    }
}
