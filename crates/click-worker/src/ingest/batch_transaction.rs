//! Storing the events of a batch in its transaction, and what follows from them.

use std::collections::{BTreeMap, BTreeSet};

use domain::{conversion::Conversion, id::ClickId, visitor::VisitorHashKey};
use jiff::Timestamp;
use ledger::{
    conversions::{
        NewConversion, conversion_credit_all, conversion_find_affected, conversion_insert_all,
        unmatched_conversion_insert_all, unmatched_conversion_resolve_all,
    },
    message_clicks::{message_click_load_all, message_click_merge_all},
    totals::TotalsDelta,
};
use postgres::pool::{Object, Transaction};

use super::{
    StoreError, WriteOutcome, account_policy::AccountPolicy,
    burst_minutes::mark_minutes_for_burst_scan, click_effects::ClickEffects, click_row::ClickRow,
    clicks::click_insert_all, conversions::conversion_facts, outcome::StoredCounts,
};

/// What a transaction that stores events knows about their accounts.
pub(super) struct BatchTransaction<'b> {
    pub lookup_client: &'b Object,
    /// The accounts whose lock the transaction holds. Events of others are left out.
    pub locked_accounts: &'b BTreeSet<i64>,
    pub policies: &'b BTreeMap<i64, AccountPolicy>,
    pub visitor_key: &'b VisitorHashKey,
}

impl BatchTransaction<'_> {
    /// Stores clicks and everything that follows from them, except the totals: it returns their
    /// delta. `rows` must be sorted by id.
    pub async fn store_clicks(
        &self,
        transaction: &mut Transaction<'_>,
        rows: &mut [ClickRow<'_>],
        outcome: &mut WriteOutcome,
    ) -> Result<TotalsDelta, StoreError> {
        let mut accepted = Vec::with_capacity(rows.len());
        let mut n_given = 0;
        let mut previous_id = None;
        for row in rows {
            let account_id = row.event.account_id.0;
            if !self.locked_accounts.contains(&account_id) {
                continue;
            }
            if self.is_too_old(account_id, row.event.click_id.time()) {
                outcome.n_too_old += 1;
                continue;
            }
            n_given += 1;
            row.stored_ip = match self.policies.get(&account_id) {
                Some(policy) => policy.ip_storage.apply(row.event.ip),
                None => Some(row.event.ip),
            };
            // The rows of a click that was delivered twice are neighbours.
            if previous_id.replace(row.event.click_id) != Some(row.event.click_id) {
                accepted.push(&*row);
            }
        }
        if accepted.is_empty() {
            return Ok(TotalsDelta::default());
        }
        // While this session copies the clicks, another one loads the message clicks that they
        // may replace. The locks make sure that nobody changes these meanwhile.
        let (inserted, (mut effects, incumbents)) =
            tokio::try_join!(click_insert_all(transaction, &accepted), async {
                let effects = ClickEffects::from_rows(&accepted);
                let keys: Vec<_> = effects.candidates.keys().collect();
                let incumbents = message_click_load_all(self.lookup_client, &keys).await?;
                Ok((effects, incumbents))
            })?;
        let n_accepted = accepted.len();
        let new: Vec<_> = accepted
            .into_iter()
            .filter(|row| inserted.contains(&row.event.click_id.as_uuid()))
            .collect();
        outcome.clicks = StoredCounts {
            n_new: new.len() as u64,
            n_duplicates: n_given - new.len() as u64,
        };
        if new.len() < n_accepted {
            effects = ClickEffects::from_rows(&new);
        }
        let ClickEffects {
            candidates,
            mut delta,
        } = effects;
        if new.is_empty() {
            return Ok(delta);
        }
        let changes =
            message_click_merge_all(transaction, &candidates, &incumbents, &mut delta).await?;
        let affected = conversion_find_affected(transaction, &changes).await?;
        conversion_credit_all(transaction, &affected, &mut delta).await?;
        let ids: Vec<ClickId> = new.iter().map(|row| row.event.click_id).collect();
        outcome.n_without_secret +=
            unmatched_conversion_resolve_all(transaction, &ids, &mut delta).await?;
        mark_minutes_for_burst_scan(transaction, &new).await?;
        Ok(delta)
    }

    /// Stores the conversions of locked accounts, and those of no account. A conversion that
    /// names nothing but a click comes with the account of that click, if the click is stored;
    /// else it is stored as unmatched.
    pub async fn store_conversions(
        &self,
        transaction: &Transaction<'_>,
        conversions: &[(Option<i64>, &Conversion<'static>)],
        delta: &mut TotalsDelta,
        outcome: &mut WriteOutcome,
    ) -> Result<(), StoreError> {
        let (mut accepted, mut unmatched): (Vec<NewConversion>, Vec<NewConversion>) =
            Default::default();
        for (account_id, conversion) in conversions {
            let facts = || conversion_facts(conversion, self.visitor_key);
            match account_id {
                None => unmatched.push(facts()),
                Some(id) if !self.locked_accounts.contains(id) => {}
                Some(id) if self.is_too_old(*id, conversion.conversion_id.time()) => {
                    outcome.n_too_old += 1;
                }
                Some(_) => accepted.push(facts()),
            }
        }
        if !accepted.is_empty() {
            let inserted = conversion_insert_all(transaction, accepted, delta).await?;
            outcome.conversions = StoredCounts {
                n_new: inserted.n_new,
                n_duplicates: inserted.n_duplicates,
            };
            outcome.n_without_secret += inserted.n_rejected;
        }
        if !unmatched.is_empty() {
            outcome.conversions.n_new += unmatched.len() as u64;
            unmatched_conversion_insert_all(transaction, unmatched).await?;
        }
        Ok(())
    }

    fn is_too_old(&self, account_id: i64, time: Timestamp) -> bool {
        let policy = self.policies.get(&account_id);
        policy
            .and_then(|policy| policy.raw_since)
            .is_some_and(|since| time < since)
    }
}
