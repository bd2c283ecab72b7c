//! Conversions: stored once, and credited.

mod credit;
mod find;
mod reversals;
mod rows;
mod waiting;

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    conversion::{ConversionSource, EventType},
    dedupe::DedupeFields,
    id::{ClickId, ConversionId, LinkKey},
    message_click_key::{message_key, phone_contact_key},
};
use rust_decimal::Decimal;
use tokio_postgres::Row;

use super::totals::Deltas;
pub use credit::{conversion_credit_all, conversion_find_affected, credited_message_click};
use find::{earliest_of_each, find_all};
use postgres::pool::{GenericClient, Transaction};
use rows::{conversion_find_known, conversion_insert_rows, read};
pub use waiting::{
    UnknownClicks, WaitingConversion, click_find_accounts, conversion_find_due,
    conversion_insert_waiting, conversion_postpone_all, conversion_remove_surplus,
};

/// A conversion as it is to be stored: the facts.
#[derive(Debug, Clone)]
pub struct NewConversion {
    pub conversion_id: ConversionId,
    pub source: ConversionSource,
    pub event: EventType,
    /// `None` where only a click id is known.
    pub account_id: Option<i64>,
    pub click_id: Option<ClickId>,
    pub link_key: Option<i64>,
    pub link_id: Option<String>,
    pub offer_id: Option<String>,
    pub campaign_id: Option<String>,
    pub message_id: Option<String>,
    pub contact_phone: Option<String>,
    pub revenue: Option<Decimal>,
    pub currency: String,
    pub txn_id: Option<String>,
    /// Whether a secret came with it.
    pub authenticated: bool,
    pub visitor: String,
    /// Whose request it was, where nothing but a click id is known.
    pub address_key: Option<String>,
    pub customer_email_hash: Option<String>,
    pub metadata: Option<serde_json::Value>,
}

/// What is found out about a conversion when it is stored.
#[derive(Debug, Clone, Default)]
struct Found {
    message_key: Option<String>,
    contact_key: Option<String>,
    payout: Option<Decimal>,
    window_days: Option<i32>,
    /// It named nothing but a click and came without a secret: nobody who took it knew
    /// what the click's account wants.
    is_unchecked: bool,
    /// The click's account or offer wants a secret, or a smaller amount without one.
    is_refused: bool,
}

/// What became of some conversions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stored {
    pub n_new: u64,
    /// Stored already, or another of their transaction, click or visitor is.
    pub n_duplicates: u64,
    /// Named nothing but a click, whose account does not take what they say without a
    /// secret.
    pub n_refused: u64,
}

impl NewConversion {
    fn dedupe_key(&self) -> String {
        DedupeFields {
            event: self.event,
            txn_id: self.txn_id.as_deref(),
            click_id: self.click_id,
            link_key: self.link_key.map(LinkKey),
            visitor: &self.visitor,
        }
        .dedupe_key()
    }

    /// Where its message click is looked for, if no click was named.
    fn find_by_name(&self) -> Found {
        let message_key = match (self.click_id, self.link_key, &self.message_id) {
            (Some(_), _, _) | (None, None, None) => None,
            (None, Some(link_key), message_id) => {
                Some(message_key(message_id.as_deref(), LinkKey(link_key)))
            }
            (None, None, Some(message_id)) => Some(message_key(Some(message_id), LinkKey(0))),
        };
        Found {
            contact_key: message_key
                .as_ref()
                .and(self.contact_phone.as_deref())
                .map(phone_contact_key),
            message_key,
            ..Found::default()
        }
    }
}

/// Stores conversions and credits them. Of those that are the same by
/// [`DedupeFields`] the earliest is stored, whichever comes first. Needs the lock of each
/// account, that of a named click included.
pub async fn conversion_insert_all(
    transaction: &Transaction<'_>,
    conversions: Vec<NewConversion>,
    deltas: &mut Deltas,
) -> Result<Stored, tokio_postgres::Error> {
    let n_given = conversions.len() as u64;
    let known = conversion_find_known(transaction, &conversions).await?;
    let mut by_id = BTreeMap::new();
    for conversion in conversions {
        if !known.contains(&conversion.conversion_id) {
            by_id.insert(conversion.conversion_id, conversion);
        }
    }
    let mut rows = find_all(transaction, by_id.into_values().collect()).await?;
    let n_found = rows.len();
    rows.retain(|(_, found)| !found.is_refused);
    let n_refused = (n_found - rows.len()) as u64;
    let rows = earliest_of_each(transaction, rows, deltas).await?;
    conversion_insert_rows(transaction, &rows).await?;
    let ids: BTreeSet<_> = rows.iter().map(|(c, _)| c.conversion_id).collect();
    conversion_credit_all(transaction, &ids, deltas).await?;
    Ok(Stored {
        n_new: ids.len() as u64,
        n_duplicates: n_given - ids.len() as u64 - n_refused,
        n_refused,
    })
}

/// Stores and credits anew the conversions that waited for these clicks, which are
/// stored; answers how many are not taken without a secret. Needs the lock of each
/// click's account.
pub async fn conversion_resolve_all(
    transaction: &Transaction<'_>,
    clicks: &[ClickId],
    deltas: &mut Deltas,
) -> Result<u64, tokio_postgres::Error> {
    let statement = transaction
        .prepare_cached(
            "DELETE FROM conversions
             WHERE click_id = ANY($1) AND message_key IS NULL
             RETURNING *",
        )
        .await?;
    let ids: Vec<_> = clicks.iter().map(ClickId::as_uuid).collect();
    let rows = transaction.query(&statement, &[&ids]).await?;
    let waiting: Vec<_> = rows.iter().map(read).collect();
    if waiting.is_empty() {
        return Ok(0);
    }
    let stored = conversion_insert_all(transaction, waiting, deltas).await?;
    Ok(stored.n_refused)
}

fn conversion_id(row: &Row) -> ConversionId {
    ConversionId::from_uuid(row.get("conversion_id")).expect("only conversion ids are stored")
}
