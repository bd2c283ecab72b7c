//! The stored conversions that new ones may be the same as.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
};

use domain::{conversion::DuplicateMode, dedupe::Identity, id::ConversionId};
use postgres::pool::{GenericClient as _, Transaction};

use super::{
    NewConversion,
    context::ConversionContext,
    conversion_id,
    former_identities::former_identity_load_all,
    key_ranges::{KEY_RANGES, KeyRange, KeyRangeColumns},
    slot::Slot,
    updates::{update_from_conversion_row, update_load_all},
};

/// Conversions by account and dedupe key.
pub(super) struct StoredSlots {
    pub slots: BTreeMap<(i64, String), Slot>,
    /// Identities that conversions do not have any more, with the keys that they have now;
    /// `None` if they were deleted.
    former: BTreeMap<(i64, String), Option<String>>,
}

/// What an identity stands for.
pub(super) enum Match<'s> {
    Slot(&'s mut Slot),
    /// A conversion that was deleted, with the key that it had.
    Deleted(String),
    None,
}

impl StoredSlots {
    /// Loads the conversions that some are the same as.
    pub(super) async fn load(
        transaction: &Transaction<'_>,
        rows: &[(NewConversion, ConversionContext)],
    ) -> Result<Self, tokio_postgres::Error> {
        let mut ranges = BTreeSet::new();
        for (conversion, context) in rows {
            let Some(account_id) = conversion.account_id else {
                continue;
            };
            let identity = conversion.dedupe_fields(context).identity();
            let keys = match context.duplicate_mode {
                DuplicateMode::NewRepeated => identity.all_stored_keys(),
                _ => identity.stored_keys(conversion.conversion_id.time()),
            };
            let (from, to) = keys.into_inner();
            ranges.insert((account_id, from, to));
        }
        if ranges.is_empty() {
            return Ok(Self {
                slots: BTreeMap::new(),
                former: BTreeMap::new(),
            });
        }
        let former = former_identity_load_all(transaction, &ranges).await?;
        for ((account_id, _), current_key) in &former {
            if let Some(key) = current_key {
                ranges.insert((*account_id, key.clone(), key.clone()));
            }
        }
        let slots = load_slots(transaction, &ranges).await?;
        Ok(Self { slots, former })
    }

    /// Finds what the keys of an identity stand for: a conversion that has one of them, or else
    /// one that had.
    pub(super) fn find(&mut self, account_id: i64, keys: RangeInclusive<String>) -> Match<'_> {
        let (from, to) = keys.into_inner();
        let range = (account_id, from)..=(account_id, to);
        let present = self.slots.range(range.clone()).next();
        let present = present.map(|(key, _)| key.clone());
        let mut former = self.former.range(range);
        let key = match (present, former.next()) {
            (Some(key), _) => key,
            (None, Some((_, Some(current_key)))) => (account_id, current_key.clone()),
            (None, Some(((_, key), None))) => return Match::Deleted(key.clone()),
            (None, None) => return Match::None,
        };
        self.slots.get_mut(&key).map_or(Match::None, Match::Slot)
    }

    /// Whether there is a conversion of the identity at any earlier time.
    pub(super) fn has_earlier(
        &self,
        account_id: i64,
        identity: &Identity,
        id: ConversionId,
    ) -> bool {
        let (from, to) = identity.all_stored_keys().into_inner();
        let mut same = self.slots.range((account_id, from)..=(account_id, to));
        same.any(|(_, slot)| slot.conversion_id < id)
    }
}

async fn load_slots(
    transaction: &Transaction<'_>,
    ranges: &BTreeSet<KeyRange>,
) -> Result<BTreeMap<(i64, String), Slot>, tokio_postgres::Error> {
    // A key within a window ends with the id, which begins with the time: the latest are
    // loaded, which a conversion that comes now may be a retry of.
    let statement = transaction
        .prepare_cached(&format!(
            "SELECT c.conversion_id, c.account_id, c.dedupe_key, c.status, c.revenue, c.currency
             FROM {KEY_RANGES}
             CROSS JOIN LATERAL (
                 SELECT *
                 FROM conversions c
                 WHERE c.account_id = k.account_id
                   AND c.account_id IS NOT NULL
                   AND c.dedupe_key >= k.lowest
                   AND c.dedupe_key <= k.highest
                 ORDER BY c.dedupe_key DESC
                 LIMIT 100
             ) AS c"
        ))
        .await?;
    let ranges = KeyRangeColumns::from_ranges(ranges);
    let stored = transaction.query(&statement, &ranges.parameters()).await?;
    let ids: Vec<_> = stored.iter().map(conversion_id).collect();
    let mut updates = update_load_all(transaction, &ids).await?;
    let mut slots = BTreeMap::new();
    for row in &stored {
        let id = conversion_id(row);
        let updates = updates.remove(&id);
        let slot = Slot {
            conversion_id: id,
            updates: updates.unwrap_or_else(|| vec![update_from_conversion_row(row)]),
            mode: DuplicateMode::default(),
            new: None,
            is_changed: false,
        };
        slots.insert((row.get("account_id"), row.get("dedupe_key")), slot);
    }
    Ok(slots)
}
