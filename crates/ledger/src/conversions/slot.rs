//! A conversion with all of its updates, while requests are compared with it.

use domain::{
    conversion::{ConversionUpdate, DuplicateMode, EffectiveConversion, effective_conversion},
    dedupe::{Identity, RETRY_WINDOW},
    id::ConversionId,
};

use rust_decimal::Decimal;

use super::{
    ImportOutcome, ImportedRow, NewConversion,
    context::ConversionContext,
    corrections::{MAX_CORRECTIONS, n_corrections},
    deduplicated::Deduplicated,
    updates::NewUpdate,
};

/// The most updates of a conversion by postbacks. Later ones change nothing: a sender that goes
/// on cannot make each of its requests dearer than the one before.
const MAX_UPDATES: usize = 100;

/// A conversion that is stored or is to be, with all of its updates.
#[derive(Debug)]
pub(super) struct Slot {
    pub conversion_id: ConversionId,
    pub updates: Vec<ConversionUpdate>,
    pub mode: DuplicateMode,
    /// What to insert; `None` if the conversion is stored.
    pub new: Option<(NewConversion, ConversionContext)>,
    pub is_changed: bool,
}

impl Slot {
    pub(super) fn from_new(conversion: NewConversion, context: ConversionContext) -> Self {
        Self {
            conversion_id: conversion.conversion_id,
            updates: conversion.updates(),
            mode: context.duplicate_mode,
            new: Some((conversion, context)),
            is_changed: false,
        }
    }

    /// Makes an earlier conversion the one that is stored, and the present one an update.
    pub(super) fn put_first(&mut self, conversion: NewConversion, context: ConversionContext) {
        let updates = conversion.updates();
        let is_repeated = |other: &ConversionUpdate| updates.iter().any(|u| is_retry(u, other));
        self.updates
            .retain(|other| other.is_correction || !is_repeated(other));
        self.updates.extend(updates);
        self.conversion_id = conversion.conversion_id;
        self.new = Some((conversion, context));
        self.is_changed = true;
    }

    /// Adds a later conversion as an update, unless it is a retry.
    pub(super) fn add(&mut self, conversion: &NewConversion, identity: &Identity) {
        for update in conversion.updates() {
            let n_updates = self.updates.len() - n_corrections(&self.updates);
            let is_dropped = matches!(identity, Identity::KeyInWindow(_))
                || n_updates >= MAX_UPDATES
                || self.updates.iter().any(|other| is_retry(other, &update));
            if update.is_correction || !is_dropped {
                self.updates.push(update);
                self.is_changed = true;
            }
        }
    }

    /// Applies what a row of an import says, unless that is known.
    pub(super) fn correct(&mut self, revenue: Option<Decimal>, row: &ImportedRow) -> ImportOutcome {
        let conversion_id = self.conversion_id;
        let before = self.state();
        let update = row.correction(revenue).update_after(&self.updates);
        self.updates.push(update);
        if self.state() == before {
            self.updates.pop();
            return ImportOutcome::Unchanged(conversion_id);
        }
        if n_corrections(&self.updates) > MAX_CORRECTIONS {
            self.updates.pop();
            return ImportOutcome::TooManyCorrections;
        }
        self.is_changed = true;
        ImportOutcome::Updated(conversion_id)
    }

    fn state(&self) -> EffectiveConversion {
        effective_conversion(&self.updates, self.mode)
    }

    /// Adds what is to be done to `result`. `dedupe_key` is the one that the conversion has.
    pub(super) fn finish(self, dedupe_key: String, result: &mut Deduplicated) {
        let state = self.state();
        // One that was imported has a history from the start, which says by whom.
        let has_history =
            self.updates.len() > 1 || self.updates.iter().any(|update| update.author.is_some());
        if has_history && (self.is_changed || self.new.is_some()) {
            let conversion_id = self.conversion_id;
            let updates = self.updates.into_iter();
            result.updates.extend(updates.map(|update| NewUpdate {
                conversion_id,
                update,
            }));
        }
        match self.new {
            Some((mut conversion, mut context)) => {
                if has_history {
                    conversion.status = state.status;
                    conversion.revenue = state.revenue;
                    conversion.currency = state.currency.unwrap_or(conversion.currency);
                }
                if let Some(event) = state.event {
                    conversion.event = event;
                    context.dedupe_key = Some(dedupe_key);
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
    /// Its updates: what created it, unless it has a history.
    fn updates(&self) -> Vec<ConversionUpdate> {
        if !self.history.is_empty() {
            return self.history.clone();
        }
        vec![ConversionUpdate {
            id: self.conversion_id,
            status: Some(self.status),
            revenue: self.revenue,
            currency: Some(self.currency.clone()),
            is_correction: false,
            event: None,
            author: self.import.as_ref().map(|row| row.author),
        }]
    }
}

/// Whether two updates say the same within the time in which senders retry.
fn is_retry(one: &ConversionUpdate, other: &ConversionUpdate) -> bool {
    let distance = one.id.time().duration_since(other.id.time()).abs();
    distance <= RETRY_WINDOW
        && one.status == other.status
        && one.revenue == other.revenue
        && one.currency == other.currency
        && one.is_correction == other.is_correction
}
