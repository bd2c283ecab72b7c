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
//! All that the ledger connects lies within one account. So whoever writes facts, or
//! changes what follows from them, holds the lock of the account ([`account_lock`]) to
//! the end of its transaction, and no other account waits for it. Under the lock there is
//! one writer, so that every committed state adds up and no order of row locks matters.
//!
//! A transaction that writes several accounts takes what is free
//! ([`account_try_lock_all`]) and leaves the others to a later one: it may wait for one
//! account's lock only while it holds none. So two of them never wait for each other.
//!
//! Messages are counted as sent without the lock: that adds to totals and connects
//! nothing. It waits for, and holds up, rows of its own account's totals only.

pub mod conversions;
pub mod message_clicks;
pub mod totals;
pub mod verdicts;

use std::collections::BTreeSet;

use domain::id::ClickId;
use jiff::Timestamp;
use tokio_postgres::Row;

use postgres::{
    advisory_lock::{ACCOUNT_CLASS, account_key},
    pool::{GenericClient, Transaction},
};
use totals::Place;

/// Parameters of the planner for the transactions of the ledger: each statement finds
/// its rows by index, and is planned for the tables as they are when it runs. A plan that
/// a session keeps from when a table was empty reads all of it, or goes by an index that
/// was as good as any then, when it has a million rows: the work would grow with history.
/// Nothing is compiled: what the planner may not do counts as so costly that it would have
/// any plan with it compiled each time.
const PLANNER: [(&str, &str); 5] = [
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("jit", "off"),
    ("plan_cache_mode", "force_custom_plan"),
];

/// The parameters for the rest of a transaction, as a common table expression.
fn planner_set() -> String {
    let set = PLANNER.map(|(name, value)| format!("set_config('{name}', '{value}', true)"));
    format!(
        "WITH planner AS MATERIALIZED (SELECT ARRAY[{}])",
        set.join(", ")
    )
}

/// The planner's parameters for a session that only looks things up for the ledger, as those of
/// [`postgres::pool::build_with_parameters`].
pub fn planner_parameters() -> String {
    let parameters = PLANNER.map(|(name, value)| format!("-c {name}={value}"));
    parameters.join(" ")
}

/// Waits for the lock of an account, for as long as the session's `lock_timeout` says,
/// and holds it to the end of the transaction.
pub async fn account_lock(
    transaction: &Transaction<'_>,
    account_id: i64,
) -> Result<(), tokio_postgres::Error> {
    let sql = format!(
        "{} SELECT planner.*, pg_advisory_xact_lock($1, $2) FROM planner",
        planner_set()
    );
    let statement = transaction.prepare_cached(&sql).await?;
    let key = account_key(account_id);
    transaction
        .query_one(&statement, &[&ACCOUNT_CLASS, &key])
        .await?;
    Ok(())
}

/// Takes those locks of accounts that are free, without waiting, and holds them to the
/// end of the transaction. Answers the accounts whose lock it holds.
pub async fn account_try_lock_all(
    transaction: &Transaction<'_>,
    account_ids: &BTreeSet<i64>,
) -> Result<BTreeSet<i64>, tokio_postgres::Error> {
    let sql = format!(
        "{}
         SELECT planner.*, account_id, pg_try_advisory_xact_lock($1, key) AS is_locked
         FROM planner
         CROSS JOIN unnest($2::bigint[], $3::integer[]) AS account (account_id, key)",
        planner_set()
    );
    let statement = transaction.prepare_cached(&sql).await?;
    let ids: Vec<_> = account_ids.iter().copied().collect();
    let keys: Vec<_> = ids.iter().copied().map(account_key).collect();
    let rows = transaction
        .query(&statement, &[&ACCOUNT_CLASS, &ids, &keys])
        .await?;
    let locked = rows.iter().filter(|row| row.get("is_locked"));
    Ok(locked.map(|row| row.get("account_id")).collect())
}

/// The keys of domain::message_click_key::MessageClickKey of a click `c`, in SQL.
pub const CLICK_MESSAGE_KEY: &str =
    "CASE WHEN c.message_id IS NULL THEN 'l:' || c.link_key ELSE 'm:' || c.message_id END";
/// As the indexes of `clicks` have it.
const CONTACT_KEY_OF_CLICK: &str = "coalesce('c:' || contact_phone, 'v:' || visitor)";
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
