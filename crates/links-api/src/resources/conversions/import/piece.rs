//! A piece of an import, in a transaction of its own: the events of the account wait for no
//! more than one piece.

use std::{collections::BTreeMap, time::Duration};

use domain::{
    conversion::{Author, ConversionFlag, ConversionSource},
    id::ConversionId,
};
use jiff::Timestamp;
use ledger::{
    account_lock,
    conversions::{ImportOutcome, ImportedRow, NewConversion, conversion_insert_all},
    totals::TotalsDelta,
};
use postgres::pool::{Object, Transaction};

use super::{
    response::ImportResponse,
    row::{ImportRow, ValidRow},
    targets::{FoundTarget, Targets},
};
use crate::{
    audit::{AuditEntry, Change},
    auth::Caller,
    db::import_targets::ImportTerms,
    error::{ApiError, RowFailure},
    resources::conversions::input::generate_id,
    state::{AppState, PoolKind},
};

/// How often a piece is tried whose account is busy, and the pause before the next attempt.
const ATTEMPTS: usize = 3;
const PAUSE: Duration = Duration::from_millis(200);

/// What all rows of an import have in common.
pub struct Importer<'a> {
    pub state: &'a AppState,
    pub caller: &'a Caller,
    pub author: Author,
    pub audit: &'a AuditEntry<'a>,
    pub terms: ImportTerms,
    pub restores_deleted: bool,
}

impl Importer<'_> {
    /// Stores the rows of a piece, and returns what became of each. If it fails, nothing of the
    /// piece is stored. `so_far` is what became of the pieces before: the row of the audit trail,
    /// which each piece writes again, is about all that is stored by then.
    pub async fn store(
        &self,
        rows: &[Result<ImportRow, RowFailure>],
        so_far: &ImportResponse,
    ) -> Result<ImportResponse, ApiError> {
        let mut attempt = 1;
        loop {
            match self.try_store(rows, so_far).await {
                Err(ApiError::Unavailable(_)) if attempt < ATTEMPTS => attempt += 1,
                result => return result,
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// The request itself has a connection of the pool for exports, which are few: with a second
    /// one of the same pool, requests could wait for each other.
    async fn try_store(
        &self,
        rows: &[Result<ImportRow, RowFailure>],
        so_far: &ImportResponse,
    ) -> Result<ImportResponse, ApiError> {
        let pools = &self.state.pools;
        let mut client = pools.select(PoolKind::Requests).get().await?;
        let storing = self.store_in_transaction(&mut client, rows, so_far);
        match tokio::time::timeout(pools.answer_limit, storing).await {
            Ok(result) => result,
            Err(_) => {
                postgres::pool::discard(client);
                let error = anyhow::anyhow!("Postgres does not answer");
                Err(ApiError::unavailable(error))
            }
        }
    }

    async fn store_in_transaction(
        &self,
        client: &mut Object,
        rows: &[Result<ImportRow, RowFailure>],
        so_far: &ImportResponse,
    ) -> Result<ImportResponse, ApiError> {
        let now = Timestamp::now();
        let transaction = client.transaction().await?;
        let account_id = self.caller.account_id;
        account_lock(&transaction, account_id.0).await?;
        let rows: Vec<_> = rows
            .iter()
            .map(|row| {
                row.as_ref()
                    .map_err(RowFailure::clone)?
                    .validate(&self.terms, now)
            })
            .collect();
        let targets = Targets::load(&transaction, account_id, rows.iter().flatten()).await?;
        let mut conversions = Vec::with_capacity(rows.len());
        let mut ids = Vec::with_capacity(rows.len());
        for (index, row) in rows.into_iter().enumerate() {
            let conversion = row.and_then(|row| {
                let target = targets.find(&row.target)?;
                Ok(self.conversion(index, row, target, now))
            });
            ids.push(conversion.map(|conversion| {
                let id = conversion.conversion_id;
                conversions.push(conversion);
                id
            }));
        }
        let imported = insert(&transaction, conversions).await?;
        let mut piece = ImportResponse::default();
        for id in ids {
            let outcome = id.map(|id| imported.get(&id).copied());
            let no_outcome = || ApiError::internal(anyhow::anyhow!("a row has no outcome"));
            piece.add(match outcome {
                Ok(outcome) => Ok(outcome.ok_or_else(no_outcome)?),
                Err(failure) => Err(failure),
            });
        }
        let change = Change {
            after: Some(so_far.summary_with(&piece)),
            ..Change::default()
        };
        self.audit.write(&transaction, change).await?;
        transaction.commit().await?;
        Ok(piece)
    }

    fn conversion(
        &self,
        index: usize,
        row: ValidRow,
        target: FoundTarget,
        now: Timestamp,
    ) -> NewConversion {
        let link = target.link.as_ref();
        let default_currency = || self.terms.default_currency.clone();
        let is_rounded = row.amount.as_ref().is_some_and(|read| read.is_rounded);
        let flags = is_rounded.then_some(ConversionFlag::AmountRounded);
        NewConversion {
            conversion_id: generate_id(row.converted_at),
            source: ConversionSource::Import,
            event: row.event,
            status: row.status.unwrap_or_default(),
            account_id: Some(self.caller.account_id.0),
            click_id: target.click_id,
            link_key: link.map(|link| link.key),
            link_id: link.map(|link| link.short_id.clone()),
            campaign_id: link.and_then(|link| link.campaign_id.clone()),
            contact_phone: link.and_then(|link| link.contact_phone.clone()),
            coupon: None,
            offer_id: target.offer_id,
            message_id: target.message_id,
            revenue: row.amount.map(|read| read.amount),
            currency: row.currency.clone().unwrap_or_else(default_currency),
            without_payout: false,
            txn_id: row.txn_id,
            refund_id: row.refund_id,
            request_digest: None,
            flags: flags.into_iter().collect(),
            parameters: BTreeMap::new(),
            authenticated: true,
            visitor: String::new(),
            address_key: None,
            customer_email_hash: None,
            metadata: None,
            history: Vec::new(),
            import: Some(ImportedRow {
                index,
                update_id: generate_id(now),
                author: self.author,
                status: row.status,
                currency: row.currency,
                restores_deleted: self.restores_deleted,
            }),
        }
    }
}

async fn insert(
    transaction: &Transaction<'_>,
    conversions: Vec<NewConversion>,
) -> Result<BTreeMap<ConversionId, ImportOutcome>, ApiError> {
    if conversions.is_empty() {
        return Ok(BTreeMap::new());
    }
    let mut delta = TotalsDelta::default();
    let outcome = conversion_insert_all(transaction, conversions, &mut delta).await?;
    delta.apply(transaction).await?;
    Ok(outcome.imported)
}
