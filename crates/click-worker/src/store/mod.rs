//! One transaction per batch: clicks and conversions of some accounts, with all that
//! follows from them. What is counted is `ledger`'s.
//!
//! Events of an account are stored under its lock. An account whose lock somebody else
//! has is left out, with all of its events, and the rest is stored. Rows go in as arrays,
//! one statement for each table whatever the batch's size. Repeating a batch changes
//! nothing.

mod accounts;
mod clicks;
mod conversions;
mod devices;
mod error;
pub mod partitions;

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
    time::Duration,
};

use domain::{
    attribution::earliest_click_per_key,
    click::ClickEvent,
    conversion::Conversion,
    device::Device,
    id::ClickId,
    message_click_key::MessageClickKey,
    visitor::{VisitorHash, VisitorHashKey},
};
use jiff::Timestamp;
use ledger::{
    ClickFacts, account_lock, account_try_lock_all,
    conversions::{
        NewConversion, click_load_accounts, conversion_credit_all, conversion_find_affected,
        conversion_insert_all, pending_conversion_insert_all, pending_conversion_resolve_all,
    },
    message_clicks::{MessageClick, message_click_load_all, message_click_merge_all},
    totals::{Dimensions, Measures, RecentLinkTotals, TotalsDelta},
};
use postgres::pool::{self, GenericClient, Object, Pool, Transaction};
use tokio_postgres::error::SqlState;

use crate::event::Event;
use accounts::{AccountPolicy, account_find_policies};
use devices::Devices;
pub use error::{PARKING_REASONS, Remedy, StoreError};
use partitions::Partitions;

/// Accounts that one transaction writes at most: each has a lock in the shared memory of
/// Postgres, where `max_locks_per_transaction` times `max_connections` have room.
pub const MAX_ACCOUNTS: usize = 200;

/// How long the lock of one account is waited for that was not free before.
const HELD_ACCOUNT_TIMEOUT: &str = "200ms";

/// What became of a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    pub clicks: Counts,
    pub conversions: Counts,
    /// Events from before what their accounts keep.
    pub n_too_old: u64,
    /// Conversions that name nothing but a click, whose account wants a secret.
    pub n_without_secret: u64,
    /// Accounts whose lock somebody else had: none of their events is stored.
    pub held_accounts: BTreeSet<i64>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub n_new: u64,
    /// Stored already, or the same as another that is.
    pub n_duplicates: u64,
}

/// Stores batches.
pub struct Store {
    pool: Pool,
    /// For looking up what is there while clicks are copied, by another session.
    lookup_pool: Pool,
    visitor_key: VisitorHashKey,
    /// How long the answer to a batch is waited for.
    answer_limit: Duration,
    partitions: Partitions,
    devices: Devices,
    recent_link_totals: RecentLinkTotals,
}

/// A click, and whose message click it may become.
struct Row<'e> {
    event: &'e ClickEvent<'static>,
    visitor: VisitorHash,
    device: Arc<Device>,
    /// What the account keeps of the address.
    kept_ip: Option<IpAddr>,
}

/// How a batch is stored.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// An account whose lock was not free before and is waited for now.
    pub awaited_account: Option<i64>,
    /// How long a statement may run, where that is not what the session has.
    pub statement_timeout: Option<Duration>,
    /// A row of `parked_events` that goes with the commit.
    pub parked_id: Option<i64>,
}

impl Store {
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

    /// The accounts of clicks that conversions name, of those clicks that are stored.
    pub async fn find_accounts(
        &self,
        clicks: &[ClickId],
    ) -> Result<BTreeMap<ClickId, i64>, StoreError> {
        let client = self.pool.get().await?;
        let found = click_load_accounts(&client, clicks);
        match tokio::time::timeout(self.answer_limit, found).await {
            Ok(found) => Ok(found?),
            Err(_) => {
                pool::discard(client);
                Err(StoreError::NoAnswer)
            }
        }
    }

    /// Stores all events of the accounts whose lock is free, or nothing. Each event is
    /// given with its account, if that is known; at most [`MAX_ACCOUNTS`] of them.
    pub async fn store(
        &mut self,
        events: &[(Option<i64>, &Event)],
        options: Options,
    ) -> Result<Outcome, StoreError> {
        let mut client = self.pool.get().await?;
        let lookup = self.lookup_pool.get().await?;
        let limit = match options.statement_timeout {
            Some(statement_timeout) => self.answer_limit + statement_timeout,
            None => self.answer_limit,
        };
        let storing = self.try_store(&mut client, &lookup, events, options);
        let result = match tokio::time::timeout(limit, storing).await {
            Ok(result) => result,
            Err(_) => {
                pool::discard(client);
                pool::discard(lookup);
                Err(StoreError::NoAnswer)
            }
        };
        if result.is_err() {
            // Somebody may have dropped one.
            self.partitions.forget();
        }
        result
    }

    async fn try_store(
        &mut self,
        client: &mut Object,
        lookup: &Object,
        events: &[(Option<i64>, &Event)],
        options: Options,
    ) -> Result<Outcome, StoreError> {
        let clicks = || {
            events.iter().filter_map(|(_, event)| match event {
                Event::Click(click) => Some(click),
                Event::Conversion(_) => None,
            })
        };
        self.partitions.ensure(client, clicks()).await?;
        let mut rows: Vec<_> = clicks().map(|click| self.row(click)).collect();
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
        prepare(&transaction, options).await?;
        let locked = account_try_lock_all(&transaction, &accounts).await?;
        // After the locks: what retention says before it removes rows is seen.
        let policies = account_find_policies(&transaction, &locked).await?;
        let batch = Batch {
            lookup,
            locked: &locked,
            policies: &policies,
            visitor_key: &self.visitor_key,
        };
        let mut outcome = Outcome {
            held_accounts: accounts.difference(&locked).copied().collect(),
            ..Outcome::default()
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
            && outcome.held_accounts.is_empty()
        {
            let sql = "DELETE FROM parked_events WHERE id = $1";
            transaction.execute(sql, &[&parked_id]).await?;
        }
        transaction.commit().await?;
        Ok(outcome)
    }

    fn row<'e>(&mut self, event: &'e ClickEvent<'static>) -> Row<'e> {
        let user_agent = event.user_agent.as_deref();
        Row {
            event,
            visitor: VisitorHash::new(
                &self.visitor_key,
                event.click_id.time(),
                event.ip,
                user_agent,
            ),
            device: self.devices.of(user_agent),
            kept_ip: None,
        }
    }
}

/// Sets a transaction's limits, and waits for the one account that it may wait for,
/// while it holds no other.
async fn prepare(transaction: &Transaction<'_>, options: Options) -> Result<(), StoreError> {
    if let Some(timeout) = options.statement_timeout {
        let sql = format!("SET LOCAL statement_timeout = {}", timeout.as_millis());
        transaction.batch_execute(&sql).await?;
    }
    let Some(account_id) = options.awaited_account else {
        return Ok(());
    };
    let sql = format!("SET LOCAL lock_timeout = '{HELD_ACCOUNT_TIMEOUT}'");
    transaction.batch_execute(&sql).await?;
    match account_lock(transaction, account_id).await {
        Ok(()) => {}
        Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => {
            return Err(StoreError::AccountHeld);
        }
        Err(error) => return Err(error.into()),
    }
    let sql = "SET LOCAL lock_timeout TO DEFAULT";
    transaction.batch_execute(sql).await?;
    Ok(())
}

/// What a transaction that stores events knows of their accounts.
struct Batch<'b> {
    lookup: &'b Object,
    locked: &'b BTreeSet<i64>,
    policies: &'b BTreeMap<i64, AccountPolicy>,
    visitor_key: &'b VisitorHashKey,
}

impl Batch<'_> {
    /// Stores clicks with what follows from them, but for the totals, which it answers.
    /// `rows` are in the order of their ids.
    async fn store_clicks(
        &self,
        transaction: &mut Transaction<'_>,
        rows: &mut [Row<'_>],
        outcome: &mut Outcome,
    ) -> Result<TotalsDelta, StoreError> {
        let mut wanted = Vec::with_capacity(rows.len());
        let mut n_given = 0;
        let mut last = None;
        for row in rows {
            let account_id = row.event.account_id.0;
            if !self.locked.contains(&account_id) {
                continue;
            }
            if self.is_too_old(account_id, row.event.click_id.time()) {
                outcome.n_too_old += 1;
                continue;
            }
            n_given += 1;
            row.kept_ip = match self.policies.get(&account_id) {
                Some(policy) => policy.ip_storage.kept(row.event.ip),
                None => Some(row.event.ip),
            };
            // One that was delivered twice stands beside itself.
            if last.replace(row.event.click_id) != Some(row.event.click_id) {
                wanted.push(&*row);
            }
        }
        if wanted.is_empty() {
            return Ok(Default::default());
        }
        // What is there of what clicks change is read by another session while they are
        // copied: the locks keep it as it is.
        let (inserted, (mut effects, current)) =
            tokio::try_join!(clicks::click_insert_all(transaction, &wanted), async {
                let effects = Effects::of(&wanted);
                let keys: Vec<_> = effects.candidates.keys().collect();
                let current = message_click_load_all(self.lookup, &keys).await?;
                Ok((effects, current))
            })?;
        let n_wanted = wanted.len();
        let new: Vec<_> = wanted
            .into_iter()
            .filter(|row| inserted.contains(&row.event.click_id.as_uuid()))
            .collect();
        outcome.clicks = Counts {
            n_new: new.len() as u64,
            n_duplicates: n_given - new.len() as u64,
        };
        if new.len() < n_wanted {
            effects = Effects::of(&new);
        }
        let Effects {
            candidates,
            mut delta,
        } = effects;
        if new.is_empty() {
            return Ok(delta);
        }
        let changes =
            message_click_merge_all(transaction, &candidates, &current, &mut delta).await?;
        let affected = conversion_find_affected(transaction, &changes).await?;
        conversion_credit_all(transaction, &affected, &mut delta).await?;
        let ids: Vec<ClickId> = new.iter().map(|row| row.event.click_id).collect();
        outcome.n_without_secret +=
            pending_conversion_resolve_all(transaction, &ids, &mut delta).await?;
        mark_minutes(transaction, &new).await?;
        Ok(delta)
    }

    /// Stores conversions of accounts whose lock is held, and of none. The account beside
    /// one is that of the click which it names, where it names nothing else.
    async fn store_conversions(
        &self,
        transaction: &Transaction<'_>,
        conversions: &[(Option<i64>, &Conversion<'static>)],
        delta: &mut TotalsDelta,
        outcome: &mut Outcome,
    ) -> Result<(), StoreError> {
        let (mut known, mut waiting): (Vec<NewConversion>, Vec<NewConversion>) = Default::default();
        for (account_id, conversion) in conversions {
            let facts = || conversions::facts(conversion, self.visitor_key);
            match account_id {
                None => waiting.push(facts()),
                Some(id) if !self.locked.contains(id) => {}
                Some(id) if self.is_too_old(*id, conversion.conversion_id.time()) => {
                    outcome.n_too_old += 1;
                }
                Some(_) => known.push(facts()),
            }
        }
        if !known.is_empty() {
            let stored = conversion_insert_all(transaction, known, delta).await?;
            outcome.conversions = Counts {
                n_new: stored.n_new,
                n_duplicates: stored.n_duplicates,
            };
            outcome.n_without_secret += stored.n_rejected;
        }
        if !waiting.is_empty() {
            outcome.conversions.n_new += waiting.len() as u64;
            pending_conversion_insert_all(transaction, waiting).await?;
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

/// What clicks that are new would change by themselves.
struct Effects {
    /// Of each key the earliest that is not a bot's.
    candidates: BTreeMap<MessageClickKey, MessageClick>,
    delta: TotalsDelta,
}

impl Effects {
    fn of(rows: &[&Row<'_>]) -> Self {
        let mut delta = TotalsDelta::default();
        for row in rows {
            row.count(&mut delta);
        }
        let keyed = rows.iter().map(|row| {
            (
                row.event,
                MessageClickKey::for_click(row.event, &row.visitor),
            )
        });
        let candidates = earliest_click_per_key(keyed)
            .into_iter()
            .map(|(key, (index, _))| (key.clone(), rows[index].message_click(key)))
            .collect();
        Self { candidates, delta }
    }
}

/// Says which minutes of which accounts are to be looked at for bursts.
async fn mark_minutes(
    transaction: &Transaction<'_>,
    rows: &[&Row<'_>],
) -> Result<(), tokio_postgres::Error> {
    let minutes: BTreeSet<(i64, i64)> = rows
        .iter()
        .map(|row| {
            let second = row.event.click_id.time().as_second();
            (row.event.account_id.0, second.div_euclid(60) * 60)
        })
        .collect();
    let (accounts, minutes): (Vec<i64>, Vec<Timestamp>) = minutes
        .into_iter()
        .filter_map(|(account_id, second)| Some((account_id, Timestamp::from_second(second).ok()?)))
        .unzip();
    let statement = transaction
        .prepare_cached(
            "INSERT INTO burst_minutes (account_id, minute)
             SELECT * FROM unnest($1::bigint[], $2::timestamptz[])",
        )
        .await?;
    transaction
        .execute(&statement, &[&accounts, &minutes])
        .await?;
    Ok(())
}

impl Row<'_> {
    fn facts(&self) -> ClickFacts {
        let event = self.event;
        let text = |value: &Option<Cow<'_, str>>| value.as_deref().map(str::to_owned);
        ClickFacts {
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

    /// Where it is counted: the same as [`ClickFacts::dimensions`], without a copy of the rest.
    fn dimensions(&self) -> Dimensions {
        let event = self.event;
        Dimensions {
            account_id: event.account_id.0,
            link_key: Some(event.link_key.0),
            offer_id: event.offer_id.map(|id| id.to_string()),
            list_id: event.list_id.map(|id| id.0),
            creative_id: event.creative_id.map(|id| id.0),
            campaign_id: event.campaign_id.as_ref().map(ToString::to_string),
            country: event.country.as_deref().map(str::to_owned),
            device: self.device.class.map(str::to_owned),
        }
    }

    fn count(&self, delta: &mut TotalsDelta) {
        let measures = Measures {
            clicks: 1,
            bot_clicks: i32::from(self.event.is_bot()),
            confirmed_clicks: i32::from(self.event.confirmed),
            ..Measures::default()
        };
        delta.add(self.dimensions(), self.event.click_id.time(), "", measures);
    }

    fn message_click(&self, key: MessageClickKey) -> MessageClick {
        MessageClick {
            key,
            click: self.facts(),
        }
    }
}
