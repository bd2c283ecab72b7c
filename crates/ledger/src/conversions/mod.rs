//! Conversions: each is stored once, and credited to a message click or an offer.

mod affected;
mod attribution;
mod context;
mod corrections;
mod credit;
mod credit_backlog;
mod credit_rows;
mod deduplicated;
mod deletions;
mod duplicates;
mod former_identities;
mod imports;
mod key_ranges;
mod reversals;
mod rows;
mod slot;
mod stored_slots;
mod terms;
mod unmatched;
mod updates;

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    conversion::{ConversionFlag, ConversionSource, ConversionStatus, ConversionUpdate, EventType},
    dedupe::DedupeFields,
    id::{ClickId, ConversionId, LinkKey},
};
use postgres::pool::Transaction;
use rust_decimal::Decimal;
use tokio_postgres::Row;

use crate::totals::TotalsDelta;
pub use affected::conversion_find_affected;
use attribution::conversion_delete_all;
pub use attribution::{conversion_credit_all, credited_message_click};
use context::{ConversionContext, enrich};
pub use corrections::{Correction, CorrectionOutcome, MAX_CORRECTIONS, conversion_correct};
pub(crate) use credit_backlog::credit_backlog_restart;
pub use credit_backlog::{CreditBacklogEntry, credit_backlog_load, credit_backlog_process_chunk};
use deduplicated::Deduplicated;
pub use deletions::conversion_delete;
use duplicates::deduplicate;
use former_identities::former_identity_delete_all;
pub use imports::{ImportOutcome, ImportedRow};
pub(crate) use reversals::{REVERSAL, is_of_same_order};
use rows::{conversion_find_stored, conversion_insert_rows};
pub use unmatched::{
    UnknownClickLimits, UnmatchedConversion, click_load_accounts,
    unmatched_conversion_delete_surplus, unmatched_conversion_find_due,
    unmatched_conversion_insert_all, unmatched_conversion_postpone_all,
    unmatched_conversion_resolve_all,
};
use updates::{conversion_apply_states, update_insert_all};

/// The facts of a conversion that is to be stored.
#[derive(Debug, Clone)]
pub struct NewConversion {
    pub conversion_id: ConversionId,
    pub source: ConversionSource,
    pub event: EventType,
    pub status: ConversionStatus,
    /// `None` if the conversion names nothing but a click.
    pub account_id: Option<i64>,
    pub click_id: Option<ClickId>,
    pub link_key: Option<i64>,
    pub link_id: Option<String>,
    pub offer_id: Option<String>,
    pub campaign_id: Option<String>,
    pub message_id: Option<String>,
    pub contact_phone: Option<String>,
    /// The code of the coupon, if it is of one.
    pub coupon: Option<String>,
    /// The amount. Without one, the payout of the offer counts.
    pub revenue: Option<Decimal>,
    pub currency: String,
    /// Whether the payout of the offer does not count, which is for other events.
    pub without_payout: bool,
    pub txn_id: Option<String>,
    pub refund_id: Option<String>,
    /// See [`DedupeFields::request_digest`].
    pub request_digest: Option<String>,
    pub flags: Vec<ConversionFlag>,
    /// The parameters of a postback that named nothing but a click.
    pub parameters: BTreeMap<String, String>,
    /// Whether it came with a secret.
    pub authenticated: bool,
    pub visitor: String,
    /// A hash of the network that sent it, if it names nothing but a click.
    pub address_key: Option<String>,
    pub customer_email_hash: Option<String>,
    pub metadata: Option<serde_json::Value>,
    /// Its updates, if it was stored before and has several.
    pub history: Vec<ConversionUpdate>,
    /// The row of the import that it comes from.
    pub import: Option<ImportedRow>,
}

/// What became of conversions that were to be inserted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InsertOutcome {
    pub n_new: u64,
    /// Those that are stored already, or of whose transaction, click or visitor another one
    /// is.
    pub n_duplicates: u64,
    /// The conversions that were stored instead of others: by the id of the other one.
    pub stored_instead: BTreeMap<ConversionId, ConversionId>,
    /// Those that name nothing but a click and came without a secret, which the click's
    /// account wants.
    pub n_rejected: u64,
    /// Duplicates that are not stored because the account has deleted the conversion that they
    /// are.
    pub deleted: BTreeSet<ConversionId>,
    /// What became of the rows of an import, by the ids of their conversions.
    pub imported: BTreeMap<ConversionId, ImportOutcome>,
}

impl NewConversion {
    fn dedupe_fields(&self, context: &ConversionContext) -> DedupeFields<'_> {
        DedupeFields {
            conversion_id: self.conversion_id,
            event: self.event,
            offer_id: self.offer_id.as_deref(),
            txn_id: self.txn_id.as_deref(),
            click_id: self.click_id,
            link_key: self.link_key.map(LinkKey),
            request_digest: self.request_digest.as_deref(),
            visitor: &self.visitor,
            refund_id: self.refund_id.as_deref(),
            revenue: self.revenue,
            stores_repetitions: context
                .duplicate_mode
                .stores_repetitions(self.txn_id.is_some()),
        }
    }
}

/// Stores conversions and credits them. Of those that are the same by [`DedupeFields`] the
/// earliest is stored, in whichever order they arrive, and the others are updates of it.
/// Needs the lock of each account, including that of a named click.
pub async fn conversion_insert_all(
    transaction: &Transaction<'_>,
    conversions: Vec<NewConversion>,
    delta: &mut TotalsDelta,
) -> Result<InsertOutcome, tokio_postgres::Error> {
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
    let Deduplicated {
        new,
        replaced,
        changed,
        updates,
        stored_instead,
        deleted,
        imported,
        restored,
    } = deduplicate(transaction, rows).await?;
    conversion_delete_all(transaction, &replaced, delta).await?;
    former_identity_delete_all(transaction, &restored).await?;
    conversion_insert_rows(transaction, &new).await?;
    conversion_apply_states(transaction, &changed, delta).await?;
    update_insert_all(transaction, &updates).await?;
    let ids: BTreeSet<_> = new.iter().map(|(c, _)| c.conversion_id).collect();
    let n_new = ids.len() as u64;
    let concerned = ids.into_iter().chain(changed.into_keys()).collect();
    conversion_credit_all(transaction, &concerned, delta).await?;
    Ok(InsertOutcome {
        n_new,
        n_duplicates: n_given - n_new - n_rejected,
        n_rejected,
        stored_instead,
        deleted,
        imported,
    })
}

fn conversion_id(row: &Row) -> ConversionId {
    ConversionId::from_uuid(row.get("conversion_id")).expect("only conversion ids are stored")
}
