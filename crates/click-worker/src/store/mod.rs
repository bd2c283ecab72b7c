//! One transaction per batch: clicks, then message clicks.
//!
//! Rows go in as arrays (one statement for each table, whatever the batch's
//! size), in the order of their keys, so that workers with the same rows wait
//! for each other instead of deadlocking. Repeating a batch changes nothing.

mod clicks;
mod devices;
mod message_clicks;
mod partitions;

use std::sync::Arc;

use ::store::pool::{Pool, PoolError};
use domain::{
    attribution::{MessageContact, VisitorHash, VisitorKey, earliest},
    click::ClickEvent,
    device::Device,
};
use tokio_postgres::error::SqlState;

use devices::Devices;
use partitions::Partitions;

/// What became of a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stored {
    pub n_new: u64,
    pub n_duplicates: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("no connection to Postgres: {0}")]
    NoConnection(#[from] PoolError),
    #[error("Postgres failed: {}", described(.0))]
    Failed(#[from] tokio_postgres::Error),
}

fn described(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(error) => format!("{} ({})", error.message(), error.code().code()),
        None => error.to_string(),
    }
}

impl StoreError {
    /// Whether the data is what Postgres refuses: then trying again cannot
    /// help, and a part of the batch can be stored. Everything else is an
    /// outage, and is waited for.
    pub fn is_about_the_data(&self) -> bool {
        match self {
            Self::NoConnection(_) => false,
            Self::Failed(error) => error.code().is_some_and(is_about_the_data),
        }
    }
}

/// SQLSTATE class 22 is data exceptions, 23 integrity constraints. A missing
/// partition is a check violation, and is made good by trying again.
fn is_about_the_data(state: &SqlState) -> bool {
    let class = state.code().get(..2);
    matches!(class, Some("22" | "23")) && *state != SqlState::CHECK_VIOLATION
}

/// Stores batches.
pub struct Store {
    pool: Pool,
    visitor_key: VisitorKey,
    partitions: Partitions,
    devices: Devices,
}

/// An event, and whose message click it may become.
struct Row<'e> {
    event: &'e ClickEvent<'static>,
    visitor: VisitorHash,
    device: Arc<Device>,
}

impl Store {
    pub fn new(pool: Pool, visitor_key: VisitorKey) -> Self {
        Self {
            pool,
            visitor_key,
            partitions: Partitions::default(),
            devices: Devices::default(),
        }
    }

    /// All of them or none. Events that are stored already change nothing.
    pub async fn store(&mut self, events: &[ClickEvent<'static>]) -> Result<Stored, StoreError> {
        let result = self.try_store(events).await;
        if result.is_err() {
            // Somebody may have dropped one.
            self.partitions.forget();
        }
        result
    }

    async fn try_store(&mut self, events: &[ClickEvent<'static>]) -> Result<Stored, StoreError> {
        let mut client = self.pool.get().await?;
        self.partitions.ensure(&mut client, events).await?;
        let mut rows: Vec<_> = events.iter().map(|event| self.row(event)).collect();
        rows.sort_by_key(|row| row.event.click_id);
        let keyed = rows
            .iter()
            .map(|row| (row.event, MessageContact::of(row.event, &row.visitor)));
        let message_clicks = earliest(keyed);

        // A click and the message click it becomes are seen together.
        let transaction = client.transaction().await?;
        let n_new = clicks::click_insert_all(&transaction, &rows).await?;
        message_clicks::message_click_merge_all(&transaction, &rows, &message_clicks).await?;
        transaction.commit().await?;
        Ok(Stored {
            n_new,
            n_duplicates: events.len() as u64 - n_new,
        })
    }

    fn row<'e>(&mut self, event: &'e ClickEvent<'static>) -> Row<'e> {
        let user_agent = event.user_agent.as_deref();
        Row {
            event,
            visitor: VisitorHash::of(&self.visitor_key, event.click_id, event.ip, user_agent),
            device: self.devices.of(user_agent),
        }
    }
}

/// A column of a batch, for `unnest`.
fn column<'r, T>(rows: &'r [Row<'_>], value: impl Fn(&'r Row<'_>) -> T) -> Vec<T> {
    rows.iter().map(value).collect()
}
