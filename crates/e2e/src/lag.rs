//! Clicks of uninvolved accounts, and how late they are stored: they show whether the trouble
//! of one account delays the others.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use domain::{
    event::{CONTENT_TYPE, SCHEMA_VERSION},
    id::{AccountId, ClickId},
    partition::partition_of_account,
};
use lapin::{
    BasicProperties, Channel, Connection,
    options::{BasicPublishOptions, ConfirmSelectOptions},
    types::{AMQPValue, FieldTable},
};
use platform::amqp::{DELIVERY_MODE_PERSISTENT, Topology, check_confirmation};
use serde_json::json;
use tokio::task::JoinHandle;
use tokio_postgres::Client;

use crate::test_environment::TestEnvironment;

/// The first of the accounts that no other part of the tests uses.
pub const FIRST_ACCOUNT: i64 = 900_001;
/// How often stored clicks are looked for: the resolution of a lag.
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// How often clicks are published.
const PUBLISH_INTERVAL: Duration = Duration::from_millis(20);
/// How long the last clicks may take to be stored before they count as lost.
const SETTLE_LIMIT: Duration = Duration::from_secs(60);

/// How late clicks were stored.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Lags {
    /// Milliseconds of each click, in order.
    sorted_ms: Vec<u64>,
    pub n_lost: usize,
}

impl Lags {
    pub fn n_clicks(&self) -> usize {
        self.sorted_ms.len()
    }

    /// The lag that `per_cent` of the clicks do not exceed, in milliseconds.
    pub fn percentile_ms(&self, per_cent: usize) -> u64 {
        let rank = (self.sorted_ms.len() * per_cent).div_ceil(100).max(1) - 1;
        self.sorted_ms.get(rank).copied().unwrap_or(0)
    }

    pub fn max_ms(&self) -> u64 {
        self.sorted_ms.last().copied().unwrap_or(0)
    }
}

/// Publishes clicks and looks for them in Postgres, until [`finish`](Self::finish) is called.
pub struct LagProbe {
    is_finished: Arc<AtomicBool>,
    task: JoinHandle<Lags>,
}

impl LagProbe {
    /// Publishes clicks of the accounts in turn, `clicks_per_second` for all of them together.
    pub async fn start(
        test_env: &TestEnvironment,
        accounts: impl IntoIterator<Item = i64>,
        clicks_per_second: u32,
    ) -> Self {
        let (connection, channel) = test_env.amqp().await;
        let confirms = channel.confirm_select(ConfirmSelectOptions::default());
        confirms.await.expect("confirms");
        let topology = test_env.topology();
        topology.declare(&channel).await.expect("the queues");
        let publisher = Publisher {
            _connection: connection,
            channel,
            topology,
            accounts: accounts.into_iter().collect(),
            n_published: 0,
        };
        let is_finished = Arc::new(AtomicBool::new(false));
        let db = test_env.connect().await;
        let task = tokio::spawn(run(publisher, db, clicks_per_second, is_finished.clone()));
        Self { is_finished, task }
    }

    /// Stops publishing, waits until all clicks are stored, and returns their lags.
    pub async fn finish(self) -> Lags {
        self.is_finished.store(true, Ordering::Relaxed);
        self.task.await.expect("the probe runs")
    }
}

async fn run(
    mut publisher: Publisher,
    db: Client,
    clicks_per_second: u32,
    is_finished: Arc<AtomicBool>,
) -> Lags {
    let watch = Watch {
        db,
        unstored: BTreeSet::new(),
        lags_ms: Vec::new(),
    };
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
    let watching = tokio::spawn(watch.run(receiver));
    let start = tokio::time::Instant::now();
    while !is_finished.load(Ordering::Relaxed) {
        tokio::time::sleep(PUBLISH_INTERVAL).await;
        let due = start.elapsed().as_secs_f64() * f64::from(clicks_per_second);
        while (publisher.n_published as f64) < due {
            let id = publisher.publish().await;
            sender.send(id).expect("the watch task runs");
        }
    }
    drop(sender);
    watching.await.expect("the watch runs")
}

struct Publisher {
    _connection: Connection,
    channel: Channel,
    topology: Topology,
    accounts: Vec<i64>,
    n_published: u64,
}

impl Publisher {
    async fn publish(&mut self) -> ClickId {
        self.n_published += 1;
        let number = self.n_published;
        let now_ms = jiff::Timestamp::now().as_millisecond();
        let unix_ms = u64::try_from(now_ms).expect("after 1970");
        let id = ClickId::generate(unix_ms, &mut rand::rng());
        let turn = usize::try_from(number).expect("64 bits") % self.accounts.len();
        let account_id = self.accounts[turn];
        let line = json!({
            "click_id": id, "account_id": account_id, "link_key": account_id, "link_id": "Ab3kX9q",
            "ip": format!("198.51.100.{}", number % 250), "user_agent": "Safari",
            "sub1": format!("other{number}"),
        })
        .to_string();
        let mut headers = FieldTable::default();
        headers.insert("schema-version".into(), AMQPValue::LongInt(SCHEMA_VERSION));
        let properties = BasicProperties::default()
            .with_content_type(CONTENT_TYPE.into())
            .with_delivery_mode(DELIVERY_MODE_PERSISTENT)
            .with_headers(headers);
        let partition = partition_of_account(AccountId(account_id), self.topology.n_partitions);
        let published = self.channel.basic_publish(
            self.topology.clicks_exchange.clone(),
            Topology::partition_routing_key(partition),
            BasicPublishOptions::default(),
            line.as_bytes(),
            properties,
        );
        check_confirmation(published.await.expect("a channel").await).expect("a confirm");
        id
    }
}

/// The clicks that were published and are not stored yet.
struct Watch {
    db: Client,
    unstored: BTreeSet<ClickId>,
    lags_ms: Vec<u64>,
}

impl Watch {
    async fn run(mut self, mut published: tokio::sync::mpsc::UnboundedReceiver<ClickId>) -> Lags {
        let mut end = None;
        loop {
            tokio::time::sleep(POLL_INTERVAL).await;
            loop {
                match published.try_recv() {
                    Ok(id) => {
                        self.unstored.insert(id);
                    }
                    Err(tokio::sync::mpsc::error::TryRecvError::Empty) => break,
                    Err(tokio::sync::mpsc::error::TryRecvError::Disconnected) => {
                        end.get_or_insert(tokio::time::Instant::now() + SETTLE_LIMIT);
                        break;
                    }
                }
            }
            self.look().await;
            let is_late = end.is_some_and(|end| tokio::time::Instant::now() > end);
            if end.is_some() && (self.unstored.is_empty() || is_late) {
                self.lags_ms.sort_unstable();
                return Lags {
                    sorted_ms: self.lags_ms,
                    n_lost: self.unstored.len(),
                };
            }
        }
    }

    async fn look(&mut self) {
        if self.unstored.is_empty() {
            return;
        }
        let ids: Vec<_> = self.unstored.iter().map(ClickId::as_uuid).collect();
        let times: Vec<_> = self.unstored.iter().map(ClickId::time).collect();
        let sql = "SELECT c.click_id
                   FROM unnest($1::uuid[], $2::timestamptz[]) AS n (click_id, clicked_at)
                   JOIN clicks c ON c.clicked_at = n.clicked_at AND c.click_id = n.click_id";
        // A failing query means that Postgres is down, and that counts as lag.
        let Ok(rows) = self.db.query(sql, &[&ids, &times]).await else {
            return;
        };
        let now_ms = jiff::Timestamp::now().as_millisecond();
        for row in rows {
            let id = ClickId::from_uuid(row.get(0)).expect("a click id");
            self.unstored.remove(&id);
            let lag_ms = now_ms - id.unix_ms();
            self.lags_ms.push(u64::try_from(lag_ms).unwrap_or(0));
        }
    }
}
