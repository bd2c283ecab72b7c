//! One transaction per batch: clicks with what follows from them, or
//! conversions with their credit. What is counted is `store::ledger`'s.
//!
//! Rows go in as arrays (one statement for each table, whatever the batch's
//! size), in the order of their keys, so that workers with the same rows wait
//! for each other instead of deadlocking. Repeating a batch changes nothing.

mod clicks;
mod conversions;
mod devices;
mod partitions;

use std::{collections::BTreeSet, sync::Arc};

use ::store::{
    ledger::{
        self, Clicked, Lock,
        conversions::{
            conversion_credit_all, conversion_find_affected, conversion_is_waiting,
            conversion_resolve_all,
        },
        message_clicks::{MessageClick, message_click_merge_all},
        totals::{Deltas, Measures},
    },
    pool::{GenericClient, Object, Pool, PoolError, Transaction},
};
use domain::{
    attribution::{MessageContact, VisitorHash, VisitorKey, earliest},
    click::ClickEvent,
    conversion::Conversion,
    device::Device,
    id::ClickId,
};
use jiff::Timestamp;
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

/// SQLSTATE class 21 is two rows for one place in a statement, 22 data exceptions,
/// 23 integrity constraints. A missing
/// partition is a check violation, and is made good by trying again.
fn is_about_the_data(state: &SqlState) -> bool {
    let class = state.code().get(..2);
    matches!(class, Some("21" | "22" | "23")) && *state != SqlState::CHECK_VIOLATION
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

    /// All of them or none. Clicks that are stored already change nothing.
    pub async fn store_clicks(
        &mut self,
        events: &[ClickEvent<'static>],
    ) -> Result<Stored, StoreError> {
        let result = self.try_store_clicks(events).await;
        if result.is_err() {
            // Somebody may have dropped one.
            self.partitions.forget();
        }
        result
    }

    async fn try_store_clicks(
        &mut self,
        events: &[ClickEvent<'static>],
    ) -> Result<Stored, StoreError> {
        let mut client = self.pool.get().await?;
        self.partitions.ensure(&mut client, events).await?;
        let mut rows: Vec<_> = events.iter().map(|event| self.row(event)).collect();
        rows.sort_by_key(|row| row.event.click_id);
        rows.dedup_by_key(|row| row.event.click_id);
        let n_new = match store_rows(&mut client, &rows, Lock::Shared).await? {
            Some(n_new) => n_new,
            // Rare: a conversion was here before its click.
            None => store_rows(&mut client, &rows, Lock::Exclusive)
                .await?
                .expect("it is stored under this lock"),
        };
        Ok(Stored {
            n_new,
            n_duplicates: events.len() as u64 - n_new,
        })
    }

    /// All of them or none. A conversion that is stored already, by its id or by
    /// what it is about, changes nothing.
    pub async fn store_conversions(
        &self,
        events: &[Conversion<'static>],
    ) -> Result<Stored, StoreError> {
        let mut client = self.pool.get().await?;
        let transaction = client.transaction().await?;
        ledger::lock(&transaction, Lock::Exclusive).await?;
        let mut deltas = Deltas::default();
        let conversions = events
            .iter()
            .map(|event| conversions::facts(event, &self.visitor_key))
            .collect();
        let stored =
            ledger::conversions::conversion_insert_all(&transaction, conversions, &mut deltas)
                .await?;
        deltas.write(&transaction).await?;
        transaction.commit().await?;
        Ok(Stored {
            n_new: stored.n_new,
            n_duplicates: stored.n_duplicates,
        })
    }

    fn row<'e>(&mut self, event: &'e ClickEvent<'static>) -> Row<'e> {
        let user_agent = event.user_agent.as_deref();
        Row {
            event,
            visitor: VisitorHash::of(
                &self.visitor_key,
                event.click_id.time(),
                event.ip,
                user_agent,
            ),
            device: self.devices.of(user_agent),
        }
    }
}

/// Stores clicks with what follows from them: all or none. Answers how many are
/// new; `None` if credits must change too, which needs the other lock.
async fn store_rows(
    client: &mut Object,
    rows: &[Row<'_>],
    lock: Lock,
) -> Result<Option<u64>, tokio_postgres::Error> {
    let transaction = client.transaction().await?;
    ledger::lock(&transaction, lock).await?;
    let inserted = clicks::click_insert_all(&transaction, rows).await?;
    let new: Vec<_> = rows
        .iter()
        .filter(|row| inserted.contains(&row.event.click_id.as_uuid()))
        .collect();
    let mut deltas = Deltas::default();
    for row in &new {
        row.count(&mut deltas);
    }
    let keyed = new
        .iter()
        .map(|row| (row.event, MessageContact::of(row.event, &row.visitor)));
    let candidates = earliest(keyed)
        .into_iter()
        .map(|(key, (index, _))| (key.clone(), new[index].message_click(key)))
        .collect();
    let taken = message_click_merge_all(&transaction, &candidates, &mut deltas).await?;

    let ids: Vec<ClickId> = new.iter().map(|row| row.event.click_id).collect();
    let affected = conversion_find_affected(&transaction, &taken).await?;
    let is_waited_for = conversion_is_waiting(&transaction, &ids).await?;
    if is_waited_for || !affected.is_empty() {
        if lock == Lock::Shared {
            return Ok(None);
        }
        conversion_credit_all(&transaction, &affected, &mut deltas).await?;
        conversion_resolve_all(&transaction, &ids, &mut deltas).await?;
    }
    deltas.write(&transaction).await?;
    mark_minutes(&transaction, &ids).await?;
    transaction.commit().await?;
    Ok(Some(ids.len() as u64))
}

/// Says whose minutes are to be looked at for bursts.
async fn mark_minutes(
    transaction: &Transaction<'_>,
    clicks: &[ClickId],
) -> Result<(), tokio_postgres::Error> {
    let minute = |click: &ClickId| click.time().as_second().div_euclid(60) * 60;
    let minutes: BTreeSet<i64> = clicks.iter().map(minute).collect();
    let minutes: Vec<_> = minutes
        .into_iter()
        .filter_map(|second| Timestamp::from_second(second).ok())
        .collect();
    let statement = transaction
        .prepare_cached("INSERT INTO burst_marks (minute) SELECT unnest($1::timestamptz[])")
        .await?;
    transaction.execute(&statement, &[&minutes]).await?;
    Ok(())
}

impl Row<'_> {
    fn clicked(&self) -> Clicked {
        let event = self.event;
        let text = |value: &Option<std::borrow::Cow<'_, str>>| value.as_deref().map(str::to_owned);
        Clicked {
            click_id: event.click_id,
            account_id: event.account_id.0,
            link_key: event.link_key.0,
            link_id: event.link_id.as_str().to_owned(),
            list_id: event.list_id.map(|id| id.0),
            offer_id: event.offer_id.map(|id| id.to_string()),
            creative_id: event.creative_id.map(|id| id.0),
            campaign_id: event.campaign_id.as_ref().map(ToString::to_string),
            message_id: text(&event.message_id),
            contact_phone: text(&event.contact_phone),
            country: text(&event.country),
            device: self.device.class.map(str::to_owned),
        }
    }

    fn count(&self, deltas: &mut Deltas) {
        let measures = Measures {
            clicks: 1,
            bot_clicks: i32::from(self.event.is_bot()),
            confirmed_clicks: i32::from(self.event.confirmed),
            ..Measures::default()
        };
        let clicked = self.clicked();
        deltas.add(clicked.place(), clicked.time(), "", measures);
    }

    fn message_click(&self, key: MessageContact) -> MessageClick {
        MessageClick {
            key,
            clicked: self.clicked(),
        }
    }
}

/// A column of a batch, for `unnest`.
fn column<'r, T>(rows: &'r [Row<'_>], value: impl Fn(&'r Row<'_>) -> T) -> Vec<T> {
    rows.iter().map(value).collect()
}
