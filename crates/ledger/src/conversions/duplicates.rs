//! One conversion for each identity: the earliest. What later requests say about it are its
//! updates.

use domain::{
    conversion::{ConversionFlag, DuplicateMode},
    dedupe::Identity,
};
use postgres::pool::Transaction;

use super::{
    ImportOutcome, NewConversion,
    context::ConversionContext,
    deduplicated::Deduplicated,
    slot::Slot,
    stored_slots::{Match, StoredSlots},
};

/// Decides for each conversion whether it is a new one, or an update or the repetition of
/// one.
pub(super) async fn deduplicate(
    transaction: &Transaction<'_>,
    rows: Vec<(NewConversion, ConversionContext)>,
) -> Result<Deduplicated, tokio_postgres::Error> {
    let mut rows = rows;
    // The rows of an import are applied in their order: the last one of an identity prevails.
    rows.sort_by_key(|(conversion, _)| {
        let row = conversion.import.as_ref().map(|row| row.index);
        (row, conversion.conversion_id)
    });
    let mut stored = StoredSlots::load(transaction, &rows).await?;
    let mut result = Deduplicated::default();
    for (conversion, context) in rows {
        match conversion.account_id {
            Some(account_id) => result.add(&mut stored, account_id, conversion, context),
            // It is unmatched, and has no identity until its account is known.
            None => result.new.push((conversion, context)),
        }
    }
    for ((_, dedupe_key), slot) in stored.slots {
        slot.finish(dedupe_key, &mut result);
    }
    Ok(result)
}

impl Deduplicated {
    fn add(
        &mut self,
        stored: &mut StoredSlots,
        account_id: i64,
        mut conversion: NewConversion,
        context: ConversionContext,
    ) {
        let id = conversion.conversion_id;
        let fields = conversion.dedupe_fields(&context);
        let identity = fields.identity();
        let dedupe_key = fields.dedupe_key();
        let restores = conversion
            .import
            .as_ref()
            .is_some_and(|row| row.restores_deleted);
        match stored.find(account_id, identity.stored_keys(id.time())) {
            Match::Slot(slot) => {
                slot.mode = context.duplicate_mode;
                self.add_to(slot, &identity, conversion, context);
                return;
            }
            Match::Deleted(_) if !restores => {
                if conversion.import.is_some() {
                    self.imported.insert(id, ImportOutcome::Deleted);
                }
                self.deleted.insert(id);
                return;
            }
            Match::Deleted(former_key) => self.restored.push((account_id, former_key)),
            Match::None => {}
        }
        if context.duplicate_mode == DuplicateMode::NewRepeated
            && stored.has_earlier(account_id, &identity, id)
        {
            conversion.flags.push(ConversionFlag::Repeated);
        }
        if conversion.import.is_some() {
            self.imported.insert(id, ImportOutcome::Created(id));
        }
        let slot = Slot::from_new(conversion, context);
        stored.slots.insert((account_id, dedupe_key), slot);
    }

    /// Adds a conversion that is the same as another one.
    fn add_to(
        &mut self,
        slot: &mut Slot,
        identity: &Identity,
        conversion: NewConversion,
        context: ConversionContext,
    ) {
        let id = conversion.conversion_id;
        if let Some(row) = &conversion.import {
            self.stored_instead.insert(id, slot.conversion_id);
            let outcome = slot.correct(conversion.revenue, row);
            self.imported.insert(id, outcome);
        } else if id < slot.conversion_id && matches!(identity, Identity::Key(_)) {
            // It cannot be of this batch, which is sorted by id: the later one is stored.
            self.replaced.push(slot.conversion_id);
            self.stored_instead.insert(slot.conversion_id, id);
            slot.put_first(conversion, context);
        } else {
            self.stored_instead.insert(id, slot.conversion_id);
            slot.add(&conversion, identity);
        }
    }
}
