//! Corrections of stored conversions by their accounts.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    conversion::{Author, ConversionStatus, ConversionUpdate, EventType, effective_conversion},
    id::ConversionId,
};
use postgres::pool::{GenericClient as _, Transaction};
use rust_decimal::Decimal;

use super::{
    ImportedRow,
    attribution::conversion_credit_all,
    context::enrich,
    conversion_id,
    former_identities::{former_identity_load_all, former_identity_move},
    rows::{conversion_from_row, conversion_load},
    updates::{
        NewUpdate, conversion_apply_states, update_from_conversion_row, update_insert_all,
        update_load_all,
    },
};
use crate::totals::TotalsDelta;

/// The most corrections of a conversion.
pub const MAX_CORRECTIONS: usize = 100;

/// What an account says about one of its conversions. `None` leaves a field as it is.
#[derive(Debug, Clone)]
pub struct Correction {
    /// The id of the update. Its time is now.
    pub update_id: ConversionId,
    pub author: Author,
    pub status: Option<ConversionStatus>,
    pub revenue: Option<Decimal>,
    pub currency: Option<String>,
    pub event: Option<EventType>,
}

/// What became of a correction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CorrectionOutcome {
    Corrected,
    /// The account has said the same already.
    Unchanged,
    /// The account has no such conversion.
    NotFound,
    /// Another conversion has, or had, the identity that the event would give this one.
    IdentityTaken,
    TooManyCorrections,
}

/// Corrects a conversion of the account. Credits, the reversals of its order and totals follow.
/// Needs the lock of the account.
pub async fn conversion_correct(
    transaction: &Transaction<'_>,
    account_id: i64,
    id: ConversionId,
    correction: &Correction,
    delta: &mut TotalsDelta,
) -> Result<CorrectionOutcome, tokio_postgres::Error> {
    let Some(row) = conversion_load(transaction, account_id, id).await? else {
        return Ok(CorrectionOutcome::NotFound);
    };
    let mut updates = update_load_all(transaction, &[id]).await?;
    let updates = updates.remove(&id);
    let mut updates = updates.unwrap_or_else(|| vec![update_from_conversion_row(&row)]);
    if correction.is_known(&updates) {
        return Ok(CorrectionOutcome::Unchanged);
    }
    if n_corrections(&updates) >= MAX_CORRECTIONS {
        return Ok(CorrectionOutcome::TooManyCorrections);
    }
    let first_revenue = updates.iter().min_by_key(|u| u.id).and_then(|u| u.revenue);
    updates.push(correction.update_after(&updates));

    let old_key: String = row.get("dedupe_key");
    let mut conversion = conversion_from_row(&row);
    let old_event = conversion.event;
    conversion.event = correction.event.unwrap_or(old_event);
    // Of its identity is the amount that the sender named.
    conversion.revenue = first_revenue;
    let enriched = enrich(transaction, vec![conversion]).await?;
    let Some((conversion, context)) = enriched.into_iter().next() else {
        return Ok(CorrectionOutcome::NotFound);
    };
    let fields = conversion.dedupe_fields(&context);
    if conversion.event != old_event {
        let (from, to) = fields.identity().stored_keys(id.time()).into_inner();
        if is_taken(transaction, (account_id, from, to), id, &old_key).await? {
            return Ok(CorrectionOutcome::IdentityTaken);
        }
    }
    let state = effective_conversion(&updates, context.duplicate_mode);
    conversion_apply_states(transaction, &BTreeMap::from([(id, state)]), delta).await?;
    if conversion.event != old_event {
        let new_key = fields.dedupe_key();
        set_event(transaction, id, conversion.event, &new_key).await?;
        former_identity_move(transaction, account_id, &old_key, Some(&new_key)).await?;
    }
    let updates = updates.into_iter().map(|update| NewUpdate {
        conversion_id: id,
        update,
    });
    update_insert_all(transaction, &updates.collect::<Vec<_>>()).await?;
    conversion_credit_all(transaction, &BTreeSet::from([id]), delta).await?;
    Ok(CorrectionOutcome::Corrected)
}

impl Correction {
    /// The update, behind all corrections that there are: two of them may come in one
    /// millisecond.
    pub(super) fn update_after(&self, updates: &[ConversionUpdate]) -> ConversionUpdate {
        let corrections = updates.iter().filter(|update| update.is_correction);
        let last_ms = corrections.map(|update| update.id.unix_ms()).max();
        let own_ms = self.update_id.unix_ms();
        let ms = last_ms.map_or(own_ms, |last_ms| own_ms.max(last_ms + 1));
        ConversionUpdate {
            id: self.update_id.with_unix_ms(u64::try_from(ms).unwrap_or(0)),
            status: self.status,
            revenue: self.revenue,
            currency: self.currency.clone(),
            is_correction: true,
            event: self.event,
            author: Some(self.author),
        }
    }

    /// Whether the corrections that there are say all of it.
    fn is_known(&self, updates: &[ConversionUpdate]) -> bool {
        let mut corrections: Vec<_> = updates.iter().filter(|u| u.is_correction).collect();
        corrections.sort_by_key(|update| update.id);
        let mut known = (None, None, None, None);
        for update in corrections {
            known = (
                update.status.or(known.0),
                update.revenue.or(known.1),
                update.currency.as_deref().or(known.2),
                update.event.or(known.3),
            );
        }
        let is_same = |is_given: bool, is_equal: bool| !is_given || is_equal;
        is_same(self.status.is_some(), self.status == known.0)
            && is_same(self.revenue.is_some(), self.revenue == known.1)
            && is_same(self.currency.is_some(), self.currency.as_deref() == known.2)
            && is_same(self.event.is_some(), self.event == known.3)
    }
}

impl ImportedRow {
    pub(super) fn correction(&self, revenue: Option<Decimal>) -> Correction {
        Correction {
            update_id: self.update_id,
            author: self.author,
            status: self.status,
            revenue,
            currency: self.currency.clone(),
            event: None,
        }
    }
}

pub(super) fn n_corrections(updates: &[ConversionUpdate]) -> usize {
    updates.iter().filter(|update| update.is_correction).count()
}

/// Whether another conversion has an identity, or has had it. One that was deleted does not
/// count.
async fn is_taken(
    transaction: &Transaction<'_>,
    range: (i64, String, String),
    id: ConversionId,
    own_key: &str,
) -> Result<bool, tokio_postgres::Error> {
    let statement = transaction
        .prepare_cached(
            "SELECT conversion_id
             FROM conversions
             WHERE account_id = $1
               AND account_id IS NOT NULL
               AND dedupe_key >= $2
               AND dedupe_key <= $3",
        )
        .await?;
    let (account_id, from, to) = &range;
    let rows = transaction
        .query(&statement, &[account_id, from, to])
        .await?;
    let former = former_identity_load_all(transaction, &BTreeSet::from([range])).await?;
    let is_own = |key: &String| key == own_key;
    Ok(rows.iter().any(|row| conversion_id(row) != id)
        || former.values().flatten().any(|key| !is_own(key)))
}

async fn set_event(
    transaction: &Transaction<'_>,
    id: ConversionId,
    event: EventType,
    dedupe_key: &str,
) -> Result<(), tokio_postgres::Error> {
    let statement = transaction
        .prepare_cached(
            "UPDATE conversions SET event = $2, dedupe_key = $3 WHERE conversion_id = $1",
        )
        .await?;
    transaction
        .execute(&statement, &[&id.as_uuid(), &event.as_str(), &dedupe_key])
        .await?;
    Ok(())
}
