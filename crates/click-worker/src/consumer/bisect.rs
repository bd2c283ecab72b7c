//! Storing the events of a batch, whatever goes wrong. A batch that fails because of one of
//! its events is halved until that event is alone: then it is rejected for good, or parked
//! to be retried apart from the queue.

use std::collections::{BTreeSet, VecDeque};

use jiff::Timestamp;
use platform::backoff::Backoff;
use postgres::pool::Pool;
use tokio_util::sync::CancellationToken;

use super::{
    batch::{BatchResult, PendingEvent, split_by_accounts},
    decode::RejectedEvent,
    session_end::SessionEnd,
};
use crate::{
    ingest::{BatchWriter, Remedy, StoreError, WriteOptions, WriteOutcome},
    metrics::Metrics,
    parked::park,
    progress::Progress,
};

/// Stores the batches of one queue.
pub struct BatchStorer {
    queue: String,
    writer: BatchWriter,
    pool: Pool,
    progress: Progress,
    metrics: Metrics,
    stop: CancellationToken,
    /// Accounts whose lock was not free, in the order in which the next transactions wait for
    /// them.
    contended_accounts: VecDeque<i64>,
}

impl BatchStorer {
    pub fn new(
        queue: &str,
        writer: BatchWriter,
        pool: Pool,
        progress: Progress,
        metrics: Metrics,
        stop: CancellationToken,
    ) -> Self {
        Self {
            queue: queue.to_owned(),
            writer,
            pool,
            progress,
            metrics,
            stop,
            contended_accounts: VecDeque::new(),
        }
    }

    /// Stores events. Waits for Postgres for as long as it takes, or until the consumer is
    /// told to stop.
    pub async fn store_events(
        &mut self,
        mut events: Vec<PendingEvent>,
    ) -> Result<BatchResult, SessionEnd> {
        let mut result = BatchResult::default();
        let mut backoff = Backoff::default();
        while let Err(error) = self.find_accounts(&mut events).await {
            self.wait_to_retry(&error, events.len(), &mut backoff)
                .await?;
        }
        // A stack: the last batch is stored next.
        let mut batches = split_by_accounts(events);
        while let Some(mut batch) = batches.pop() {
            let error = match self.write_batch(&batch).await {
                Ok(outcome) => {
                    backoff.reset();
                    self.record_outcome(batch, &outcome, &mut result);
                    continue;
                }
                Err(error) => error,
            };
            match error.remedy() {
                Remedy::SkipAccount => {
                    let (contended, others) = self.take_awaited_account(batch);
                    result.contended.extend(contended);
                    if !others.is_empty() {
                        batches.push(others);
                    }
                }
                Remedy::BisectAndReject | Remedy::BisectAndPark(_) if batch.len() > 1 => {
                    self.metrics.store_failures.inc();
                    tracing::info!(error = %error, events = batch.len(), "storing a batch failed, halving it");
                    let right = batch.split_off(batch.len() / 2);
                    batches.extend([right, batch]);
                }
                Remedy::BisectAndReject => {
                    let reject = |pending: PendingEvent| RejectedEvent {
                        body: pending.event.line(),
                        reason: "refused_by_postgres",
                        detail: error.to_string(),
                    };
                    let rejected = batch.into_iter().map(|p| (p.delivery_tag, reject(p)));
                    result.rejected.extend(rejected);
                }
                Remedy::BisectAndPark(reason) => match self.park(&batch, reason, &error).await {
                    Ok(()) => result.settled.extend(batch.iter().map(|p| p.delivery_tag)),
                    Err(error) => {
                        self.wait_to_retry(&error, batch.len(), &mut backoff)
                            .await?;
                        batches.push(batch);
                    }
                },
                Remedy::Retry => {
                    self.wait_to_retry(&error, batch.len(), &mut backoff)
                        .await?;
                    batches.push(batch);
                }
            }
        }
        Ok(result)
    }

    async fn wait_to_retry(
        &self,
        error: &StoreError,
        n_events: usize,
        backoff: &mut Backoff,
    ) -> Result<(), SessionEnd> {
        self.metrics.store_failures.inc();
        let retry_in = backoff.next_wait();
        tracing::warn!(
            error.message = %error,
            queue = self.queue,
            events = n_events,
            retry_in_ms = retry_in.as_millis(),
            "storing a batch failed, retrying"
        );
        tokio::select! {
            () = tokio::time::sleep(retry_in) => Ok(()),
            () = self.stop.cancelled() => Err(SessionEnd::Stopping),
        }
    }

    /// Gives conversions that name nothing but a click the account of that click.
    async fn find_accounts(&self, events: &mut [PendingEvent]) -> Result<(), StoreError> {
        let named_click = |pending: &PendingEvent| match pending.account_id {
            None => pending.event.named_click(),
            Some(_) => None,
        };
        let clicks: Vec<_> = events.iter().filter_map(named_click).collect();
        if clicks.is_empty() {
            return Ok(());
        }
        let accounts = self.writer.load_click_accounts(&clicks).await?;
        for pending in events {
            if let Some(click) = named_click(pending) {
                pending.account_id = accounts.get(&click).copied();
            }
        }
        Ok(())
    }

    async fn write_batch(&mut self, batch: &[PendingEvent]) -> Result<WriteOutcome, StoreError> {
        let is_in_batch = |id: &&i64| batch.iter().any(|e| e.account_id == Some(**id));
        let awaited_account = self.contended_accounts.front().filter(is_in_batch).copied();
        let options = WriteOptions {
            awaited_account,
            ..WriteOptions::default()
        };
        let events: Vec<_> = batch
            .iter()
            .map(|pending| (pending.account_id, &*pending.event))
            .collect();
        self.writer.write(&events, options).await
    }

    /// Divides a batch into the events of the account that it has awaited in vain, and the
    /// others. The next transaction waits for another account.
    fn take_awaited_account(
        &mut self,
        batch: Vec<PendingEvent>,
    ) -> (Vec<PendingEvent>, Vec<PendingEvent>) {
        let awaited = self.contended_accounts.front().copied();
        self.contended_accounts.rotate_left(1);
        batch
            .into_iter()
            .partition(|pending| pending.account_id.is_some() && pending.account_id == awaited)
    }

    /// Records what is stored, and keeps the events of contended accounts.
    fn record_outcome(
        &mut self,
        batch: Vec<PendingEvent>,
        outcome: &WriteOutcome,
        result: &mut BatchResult,
    ) {
        let accounts: BTreeSet<i64> = batch.iter().filter_map(|e| e.account_id).collect();
        self.contended_accounts
            .retain(|id| outcome.contended_accounts.contains(id) || !accounts.contains(id));
        for account_id in &outcome.contended_accounts {
            if !self.contended_accounts.contains(account_id) {
                self.contended_accounts.push_back(*account_id);
            }
        }
        let is_contended = |pending: &PendingEvent| {
            let account_id = pending.account_id.as_ref();
            account_id.is_some_and(|id| outcome.contended_accounts.contains(id))
        };
        let (contended, settled): (Vec<_>, Vec<_>) = batch.into_iter().partition(is_contended);
        let now = Timestamp::now();
        let events = settled.iter().map(|pending| &*pending.event);
        self.metrics.record_batch(events, outcome, now);
        self.progress.record_commit(now);
        result.contended.extend(contended);
        let tags = settled.iter().map(|pending| pending.delivery_tag);
        result.settled.extend(tags);
    }

    async fn park(
        &self,
        batch: &[PendingEvent],
        reason: &'static str,
        error: &StoreError,
    ) -> Result<(), StoreError> {
        let detail = error.to_string();
        for PendingEvent {
            event, account_id, ..
        } in batch
        {
            park(&self.pool, event, *account_id, reason, &detail).await?;
            self.metrics.parked(reason);
            tracing::error!(
                event.id = %event.id(),
                account.id = *account_id,
                reason,
                detail,
                "storing one event failed and it was parked"
            );
        }
        Ok(())
    }
}
