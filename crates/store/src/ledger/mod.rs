//! The books: what is counted of clicks, messages and conversions.
//!
//! # Facts and what follows from them
//!
//! Facts are rows of `clicks`, `messages` and `conversions`. Three things follow
//! from them, and are written in the transaction that writes the fact:
//!
//! - A **message click** is the earliest click of its message and contact that is
//!   not a bot's ([`message_clicks`]).
//! - A conversion's **credit** is the message click of its click; or of its link
//!   or message the visitor's own, or else the earliest; if the conversion lies
//!   within its window after it ([`conversions`]).
//! - The **totals** count all of them by quarter of an hour ([`totals`]).
//!
//! Each is a function of the set of facts, so that the order in which facts
//! arrive does not matter, and `click-worker recount` can prove it at any time.
//!
//! # Locks
//!
//! Transactions that add clicks run side by side. What connects conversions with
//! clicks, or takes clicks away from what they were, must see every click: it
//! runs alone. [`lock`] comes first in each such transaction. After it rows are
//! locked in one order: clicks, message clicks, conversions, totals, each by its
//! key.

pub mod conversions;
pub mod message_clicks;
pub mod totals;
pub mod verdicts;

use domain::id::ClickId;
use jiff::Timestamp;
use tokio_postgres::Row;

use crate::pool::{GenericClient, Transaction};
use totals::Place;

/// How a transaction shares the books with others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lock {
    /// It adds clicks and what follows from them alone.
    Shared,
    /// Anything else.
    Exclusive,
}

/// Any number, the same in every program.
const LOCK: i64 = 0x7761_7970_6f73_7403;

/// Held to the end of the transaction.
pub async fn lock(transaction: &Transaction<'_>, lock: Lock) -> Result<(), tokio_postgres::Error> {
    let sql = match lock {
        Lock::Shared => "SELECT pg_advisory_xact_lock_shared($1)",
        Lock::Exclusive => "SELECT pg_advisory_xact_lock($1)",
    };
    let statement = transaction.prepare_cached(sql).await?;
    transaction.execute(&statement, &[&LOCK]).await?;
    Ok(())
}

/// The keys of domain::attribution::MessageContact of a click `c`, in SQL.
pub const CLICK_MESSAGE_KEY: &str =
    "CASE WHEN c.message_id IS NULL THEN 'l:' || c.link_key ELSE 'm:' || c.message_id END";
pub const CLICK_CONTACT_KEY: &str =
    "CASE WHEN c.contact_phone IS NULL THEN 'v:' || c.visitor ELSE 'c:' || c.contact_phone END";

/// A click as far as it is counted, and credited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clicked {
    pub click_id: ClickId,
    pub account_id: i64,
    pub link_key: i64,
    pub link_id: String,
    pub list_id: Option<i64>,
    pub offer_id: Option<String>,
    pub creative_id: Option<i64>,
    pub campaign_id: Option<String>,
    pub message_id: Option<String>,
    pub contact_phone: Option<String>,
    pub country: Option<String>,
    pub device: Option<String>,
}

impl Clicked {
    /// Of columns whose names start with `prefix`.
    fn read(row: &Row, prefix: &str, account_id: i64) -> Option<Self> {
        let name = |column: &str| format!("{prefix}{column}");
        let click_id: Option<uuid::Uuid> = row.get(name("click_id").as_str());
        let text = |column: &str| row.get::<_, Option<String>>(name(column).as_str());
        let number = |column: &str| row.get::<_, Option<i64>>(name(column).as_str());
        Some(Self {
            click_id: ClickId::from_uuid(click_id?).expect("only click ids are stored"),
            account_id,
            link_key: number("link_key").unwrap_or_default(),
            link_id: text("link_id").unwrap_or_default(),
            list_id: number("list_id"),
            offer_id: text("offer_id"),
            creative_id: number("creative_id"),
            campaign_id: text("campaign_id"),
            message_id: text("message_id"),
            contact_phone: text("contact_phone"),
            country: text("country"),
            device: text("device"),
        })
    }

    pub fn time(&self) -> Timestamp {
        self.click_id.time()
    }

    /// Where it is counted.
    pub fn place(&self) -> Place {
        Place {
            account_id: self.account_id,
            link_key: Some(self.link_key),
            offer_id: self.offer_id.clone(),
            list_id: self.list_id,
            creative_id: self.creative_id,
            campaign_id: self.campaign_id.clone(),
            country: self.country.clone(),
            device: self.device.clone(),
        }
    }
}

/// A column of some rows, for `unnest`.
fn column<'r, R, T>(rows: &'r [R], value: impl Fn(&'r R) -> T) -> Vec<T> {
    rows.iter().map(value).collect()
}
