//! Writing a batch of events in one transaction.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use domain::{id::ClickId, visitor::VisitorHashKey};
use ledger::{
    account_lock, account_try_lock_all, conversions::click_load_accounts, totals::RecentLinkTotals,
};
use postgres::pool::{self, GenericClient as _, Object, Pool, Transaction};
use tokio_postgres::error::SqlState;

use super::{
    StoreError, WriteOutcome, account_policy::account_load_policies,
    batch_transaction::BatchTransaction, click_row::ClickRow, devices::Devices,
    partitions::Partitions,
};
use crate::event::Event;

/// How long a transaction waits for the lock of an account that was not free before.
const AWAITED_ACCOUNT_TIMEOUT: &str = "200ms";

/// Writes batches of events. It remembers partitions, devices and recent totals from one batch
/// to the next.
pub struct BatchWriter {
    pool: Pool,
    /// For looking up rows in another session while clicks are copied.
    lookup_pool: Pool,
    visitor_key: VisitorHashKey,
    /// How long the answer to a statement may take.
    answer_limit: Duration,
    partitions: Partitions,
    devices: Devices,
    recent_link_totals: RecentLinkTotals,
}

/// How a batch is written.
#[derive(Debug, Clone, Copy, Default)]
pub struct WriteOptions {
    /// An account whose lock was not free before, and for which this transaction waits.
    pub awaited_account: Option<i64>,
    /// How long a statement may run. `None` is the session's timeout.
    pub statement_timeout: Option<Duration>,
    /// A row of `parked_events` that is deleted with the commit.
    pub parked_id: Option<i64>,
}

impl BatchWriter {
    pub fn new(
        pool: Pool,
        lookup_pool: Pool,
        visitor_key: VisitorHashKey,
        answer_limit: Duration,
    ) -> Self {
        Self {
            pool,
            lookup_pool,
            visitor_key,
            answer_limit,
            partitions: Partitions::default(),
            devices: Devices::default(),
            recent_link_totals: RecentLinkTotals::default(),
        }
    }

    /// Loads the accounts of those of some clicks that are stored.
    pub async fn load_click_accounts(
        &self,
        clicks: &[ClickId],
    ) -> Result<BTreeMap<ClickId, i64>, StoreError> {
        let client = self.pool.get().await?;
        let loading = click_load_accounts(&client, clicks);
        match tokio::time::timeout(self.answer_limit, loading).await {
            Ok(accounts) => Ok(accounts?),
            Err(_) => {
                pool::discard(client);
                Err(StoreError::NoAnswer)
            }
        }
    }

    /// Stores all events of the accounts whose lock is free, or nothing if it fails. Each event
    /// comes with its account, if that is known. There may be at most [`super::MAX_ACCOUNTS`]
    /// accounts.
    pub async fn write(
        &mut self,
        events: &[(Option<i64>, &Event)],
        options: WriteOptions,
    ) -> Result<WriteOutcome, StoreError> {
        let mut client = self.pool.get().await?;
        let lookup_client = self.lookup_pool.get().await?;
        let limit = match options.statement_timeout {
            Some(statement_timeout) => self.answer_limit + statement_timeout,
            None => self.answer_limit,
        };
        let writing = self.write_with(&mut client, &lookup_client, events, options);
        let result = match tokio::time::timeout(limit, writing).await {
            Ok(result) => result,
            Err(_) => {
                pool::discard(client);
                pool::discard(lookup_client);
                Err(StoreError::NoAnswer)
            }
        };
        if result.is_err() {
            // The reason may be that retention has dropped a partition.
            self.partitions.forget();
        }
        result
    }

    async fn write_with(
        &mut self,
        client: &mut Object,
        lookup_client: &Object,
        events: &[(Option<i64>, &Event)],
        options: WriteOptions,
    ) -> Result<WriteOutcome, StoreError> {
        let clicks = || {
            events.iter().filter_map(|(_, event)| match event {
                Event::Click(click) => Some(click),
                Event::Conversion(_) => None,
            })
        };
        self.partitions.create_missing(client, clicks()).await?;
        let mut rows: Vec<_> = clicks()
            .map(|click| ClickRow::new(click, &self.visitor_key, &mut self.devices))
            .collect();
        rows.sort_by_key(|row| row.event.click_id);
        let conversions: Vec<_> = events
            .iter()
            .filter_map(|(account_id, event)| match event {
                Event::Conversion(conversion) => Some((*account_id, conversion)),
                Event::Click(_) => None,
            })
            .collect();
        let accounts: BTreeSet<i64> = events.iter().filter_map(|(id, _)| *id).collect();
        let mut transaction = client.transaction().await?;
        set_up(&transaction, options).await?;
        let locked = account_try_lock_all(&transaction, &accounts).await?;
        // The policies are loaded under the locks: retention changes them before it deletes
        // rows.
        let policies = account_load_policies(&transaction, &locked).await?;
        let mut outcome = WriteOutcome {
            contended_accounts: accounts.difference(&locked).copied().collect(),
            ..WriteOutcome::default()
        };
        let batch = BatchTransaction {
            lookup_client,
            locked_accounts: &locked,
            policies: &policies,
            visitor_key: &self.visitor_key,
        };
        let mut delta = batch
            .store_clicks(&mut transaction, &mut rows, &mut outcome)
            .await?;
        batch
            .store_conversions(&transaction, &conversions, &mut delta, &mut outcome)
            .await?;
        delta
            .apply_with_memory(&transaction, &mut self.recent_link_totals)
            .await?;
        if let Some(parked_id) = options.parked_id
            && outcome.contended_accounts.is_empty()
        {
            let sql = "DELETE FROM parked_events WHERE id = $1";
            transaction.execute(sql, &[&parked_id]).await?;
        }
        transaction.commit().await?;
        Ok(outcome)
    }
}

/// Sets the limits of a transaction, and waits for the lock of the awaited account. It may wait
/// for that one account because it holds no other lock yet.
async fn set_up(transaction: &Transaction<'_>, options: WriteOptions) -> Result<(), StoreError> {
    if let Some(timeout) = options.statement_timeout {
        let sql = format!("SET LOCAL statement_timeout = {}", timeout.as_millis());
        transaction.batch_execute(&sql).await?;
    }
    let Some(account_id) = options.awaited_account else {
        return Ok(());
    };
    let sql = format!("SET LOCAL lock_timeout = '{AWAITED_ACCOUNT_TIMEOUT}'");
    transaction.batch_execute(&sql).await?;
    match account_lock(transaction, account_id).await {
        Ok(()) => {}
        Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => {
            return Err(StoreError::AccountLocked);
        }
        Err(error) => return Err(error.into()),
    }
    let sql = "SET LOCAL lock_timeout TO DEFAULT";
    transaction.batch_execute(sql).await?;
    Ok(())
}
