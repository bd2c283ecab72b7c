//! Conversions: each is stored once, and credited to a message click or an offer.

mod affected;
mod attribution;
mod context;
mod credit;
mod credit_rows;
mod dedupe;
mod pending;
mod reversals;
mod rows;
mod terms;

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    conversion::{ConversionSource, EventType},
    dedupe::DedupeFields,
    id::{ClickId, ConversionId, LinkKey},
};
use postgres::pool::Transaction;
use rust_decimal::Decimal;
use tokio_postgres::Row;

use crate::totals::TotalsDelta;
pub use affected::conversion_find_affected;
pub use attribution::{conversion_credit_all, credited_message_click};
use context::enrich;

use dedupe::keep_first_per_dedupe_key;
pub use pending::{
    PendingConversion, UnknownClickLimits, click_load_accounts, pending_conversion_delete_surplus,
    pending_conversion_find_due, pending_conversion_insert_all, pending_conversion_postpone_all,
    pending_conversion_resolve_all,
};
pub(crate) use reversals::LIMITED_REVERSAL;
use rows::{conversion_find_stored, conversion_insert_rows};

/// The facts of a conversion that is to be stored.
#[derive(Debug, Clone)]
pub struct NewConversion {
    pub conversion_id: ConversionId,
    pub source: ConversionSource,
    pub event: EventType,
    /// `None` if the conversion names nothing but a click.
    pub account_id: Option<i64>,
    pub click_id: Option<ClickId>,
    pub link_key: Option<i64>,
    pub link_id: Option<String>,
    pub offer_id: Option<String>,
    pub campaign_id: Option<String>,
    pub message_id: Option<String>,
    pub contact_phone: Option<String>,
    /// The amount. Without one, the payout of the offer counts.
    pub revenue: Option<Decimal>,
    pub currency: String,
    pub txn_id: Option<String>,
    /// Whether it came with a secret.
    pub authenticated: bool,
    pub visitor: String,
    /// A hash of the network that sent it, if it names nothing but a click.
    pub address_key: Option<String>,
    pub customer_email_hash: Option<String>,
    pub metadata: Option<serde_json::Value>,
}

/// What became of conversions that were to be inserted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct InsertCounts {
    pub n_new: u64,
    /// Those that are stored already, or of whose transaction, click or visitor another one
    /// is.
    pub n_duplicates: u64,
    /// Those that name nothing but a click and came without a secret, which the click's
    /// account wants.
    pub n_rejected: u64,
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
}

/// Stores conversions and credits them. Of those that are the same by [`DedupeFields`] the
/// earliest is stored, in whichever order they arrive. Needs the lock of each account,
/// including that of a named click.
pub async fn conversion_insert_all(
    transaction: &Transaction<'_>,
    conversions: Vec<NewConversion>,
    delta: &mut TotalsDelta,
) -> Result<InsertCounts, tokio_postgres::Error> {
    let n_given = conversions.len() as u64;
    let stored = conversion_find_stored(transaction, &conversions).await?;
    let mut by_id = BTreeMap::new();
    for conversion in conversions {
        if !stored.contains(&conversion.conversion_id) {
            by_id.insert(conversion.conversion_id, conversion);
        }
    }
    let mut rows = enrich(transaction, by_id.into_values().collect()).await?;
    let n_enriched = rows.len();
    rows.retain(|(_, context)| !context.is_rejected);
    let n_rejected = (n_enriched - rows.len()) as u64;
    let rows = keep_first_per_dedupe_key(transaction, rows, delta).await?;
    conversion_insert_rows(transaction, &rows).await?;
    let ids: BTreeSet<_> = rows.iter().map(|(c, _)| c.conversion_id).collect();
    conversion_credit_all(transaction, &ids, delta).await?;
    Ok(InsertCounts {
        n_new: ids.len() as u64,
        n_duplicates: n_given - ids.len() as u64 - n_rejected,
        n_rejected,
    })
}

fn conversion_id(row: &Row) -> ConversionId {
    ConversionId::from_uuid(row.get("conversion_id")).expect("only conversion ids are stored")
}
