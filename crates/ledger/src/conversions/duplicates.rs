//! One conversion for each identity: the earliest. What later requests say about it are its
//! updates.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    conversion::{
        ConversionFlag, ConversionUpdate, DuplicateMode, EffectiveConversion, effective_conversion,
    },
    dedupe::{Identity, RETRY_WINDOW},
    id::ConversionId,
};
use postgres::pool::{GenericClient as _, Transaction};

use super::{
    NewConversion,
    context::ConversionContext,
    conversion_id,
    updates::{NewUpdate, update_from_conversion_row, update_load_all},
};
use crate::unnest::column;

/// The most updates of a conversion. Later ones change nothing: a sender that goes on cannot
/// make each of its requests dearer than the one before.
const MAX_UPDATES: usize = 100;

/// What is to be done to store conversions.
#[derive(Debug, Default)]
pub(super) struct Deduplicated {
    /// The conversions to insert.
    pub new: Vec<(NewConversion, ConversionContext)>,
    /// Stored ones of which an earlier one is among `new`: they are to be deleted.
    pub replaced: Vec<ConversionId>,
    /// The states of stored ones that have changed.
    pub changed: BTreeMap<ConversionId, EffectiveConversion>,
    /// Updates to insert, of conversions that have several. Some may be stored already.
    pub updates: Vec<NewUpdate>,
    /// By the id of a conversion that is not stored, the one that is stored instead.
    pub stored_instead: BTreeMap<ConversionId, ConversionId>,
}

/// A conversion that is stored or is to be, with all of its updates.
#[derive(Debug)]
struct Slot {
    conversion_id: ConversionId,
    updates: Vec<ConversionUpdate>,
    mode: DuplicateMode,
    /// What to insert; `None` if the conversion is stored.
    new: Option<(NewConversion, ConversionContext)>,
    is_changed: bool,
}

/// Decides for each conversion whether it is a new one, or an update or the repetition of
/// one.
pub(super) async fn deduplicate(
    transaction: &Transaction<'_>,
    rows: Vec<(NewConversion, ConversionContext)>,
) -> Result<Deduplicated, tokio_postgres::Error> {
    let mut rows = rows;
    rows.sort_by_key(|(conversion, _)| conversion.conversion_id);
    let mut slots = load_stored(transaction, &rows).await?;
    let mut result = Deduplicated::default();
    for (mut conversion, context) in rows {
        let Some(account_id) = conversion.account_id else {
            // It is pending, and has no identity until its account is known.
            result.new.push((conversion, context));
            continue;
        };
        let id = conversion.conversion_id;
        let fields = conversion.dedupe_fields(&context);
        let identity = fields.identity();
        let (dedupe_key, stored_keys) = (fields.dedupe_key(), identity.stored_keys(id.time()));
        let (from, to) = stored_keys.into_inner();
        let same = slots
            .range_mut((account_id, from)..=(account_id, to))
            .next();
        let Some((_, slot)) = same else {
            if context.duplicate_mode == DuplicateMode::NewRepeated
                && has_earlier(&slots, account_id, &identity, id)
            {
                conversion.flags.push(ConversionFlag::Repeated);
            }
            let slot = Slot {
                conversion_id: id,
                updates: vec![conversion.update()],
                mode: context.duplicate_mode,
                new: Some((conversion, context)),
                is_changed: false,
            };
            slots.insert((account_id, dedupe_key), slot);
            continue;
        };
        slot.mode = context.duplicate_mode;
        if id < slot.conversion_id && matches!(identity, Identity::Key(_)) {
            // It cannot be of this batch, which is sorted by id: the later one is stored.
            result.replaced.push(slot.conversion_id);
            result.stored_instead.insert(slot.conversion_id, id);
            slot.put_first(conversion, context);
        } else {
            result.stored_instead.insert(id, slot.conversion_id);
            slot.add(&conversion, &identity);
        }
    }
    for slot in slots.into_values() {
        slot.finish(&mut result);
    }
    Ok(result)
}

impl Slot {
    /// Makes an earlier conversion the one that is stored, and the present one an update.
    fn put_first(&mut self, conversion: NewConversion, context: ConversionContext) {
        let update = conversion.update();
        self.updates.retain(|other| !is_retry(&update, other));
        self.updates.push(update);
        self.conversion_id = conversion.conversion_id;
        self.new = Some((conversion, context));
        self.is_changed = true;
    }

    /// Adds a later conversion as an update, unless it is a retry.
    fn add(&mut self, conversion: &NewConversion, identity: &Identity) {
        if matches!(identity, Identity::KeyInWindow(_)) || self.updates.len() >= MAX_UPDATES {
            return;
        }
        let update = conversion.update();
        if !self.updates.iter().any(|other| is_retry(other, &update)) {
            self.updates.push(update);
            self.is_changed = true;
        }
    }

    fn finish(self, result: &mut Deduplicated) {
        let has_history = self.updates.len() > 1;
        let state = effective_conversion(&self.updates, self.mode);
        if has_history && (self.is_changed || self.new.is_some()) {
            let conversion_id = self.conversion_id;
            let updates = self.updates.into_iter();
            result.updates.extend(updates.map(|update| NewUpdate {
                conversion_id,
                update,
            }));
        }
        match self.new {
            Some((mut conversion, context)) => {
                if has_history {
                    conversion.status = state.status;
                    conversion.revenue = state.revenue;
                    conversion.currency = state.currency.unwrap_or(conversion.currency);
                }
                result.new.push((conversion, context));
            }
            None if self.is_changed => {
                result.changed.insert(self.conversion_id, state);
            }
            None => {}
        }
    }
}

impl NewConversion {
    fn update(&self) -> ConversionUpdate {
        ConversionUpdate {
            id: self.conversion_id,
            status: Some(self.status),
            revenue: self.revenue,
            currency: Some(self.currency.clone()),
            is_correction: false,
        }
    }
}

/// Whether two updates say the same within the time in which senders retry.
fn is_retry(one: &ConversionUpdate, other: &ConversionUpdate) -> bool {
    let distance = one.id.time().duration_since(other.id.time()).abs();
    let content = |update: &ConversionUpdate| {
        (
            update.status,
            update.revenue,
            update.currency.clone(),
            update.is_correction,
        )
    };
    distance <= RETRY_WINDOW && content(one) == content(other)
}

/// Whether there is a conversion of the identity at any earlier time.
fn has_earlier(
    slots: &BTreeMap<(i64, String), Slot>,
    account_id: i64,
    identity: &Identity,
    id: ConversionId,
) -> bool {
    let (from, to) = identity.all_stored_keys().into_inner();
    let mut same = slots.range((account_id, from)..=(account_id, to));
    same.any(|(_, slot)| slot.conversion_id < id)
}

/// Loads the stored conversions that some are the same as, by account and dedupe key.
async fn load_stored(
    transaction: &Transaction<'_>,
    rows: &[(NewConversion, ConversionContext)],
) -> Result<BTreeMap<(i64, String), Slot>, tokio_postgres::Error> {
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
    let ranges: Vec<_> = ranges.into_iter().collect();
    let statement = transaction
        .prepare_cached(
            "SELECT c.conversion_id, c.account_id, c.dedupe_key, c.status, c.revenue, c.currency
             FROM unnest($1::bigint[], $2::text[], $3::text[]) AS k (account_id, lowest, highest)
             CROSS JOIN LATERAL (
                 SELECT *
                 FROM conversions c
                 WHERE c.account_id = k.account_id
                   AND c.account_id IS NOT NULL
                   AND c.dedupe_key >= k.lowest
                   AND c.dedupe_key <= k.highest
                 ORDER BY c.dedupe_key
                 LIMIT 100
             ) AS c",
        )
        .await?;
    let stored = transaction
        .query(
            &statement,
            &[
                &column(&ranges, |(account_id, _, _)| *account_id),
                &column(&ranges, |(_, from, _)| from.as_str()),
                &column(&ranges, |(_, _, to)| to.as_str()),
            ],
        )
        .await?;
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
