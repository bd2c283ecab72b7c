//! What goes wrong in production, done on purpose under load, and the accounts
//! afterwards. `scripts/faults` runs them.

mod accounts;
mod broker;
mod cache;
mod changes;
mod database;
mod outage;
mod processes;
mod spool;
mod stage;

use std::{
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    accounting::{Audit, Destroyed, Sample, Summary, Traffic},
    lag::Lags,
};
pub use stage::{Plan, PrivateServers, Stage};

/// How long and how hard.
#[derive(Debug, Clone, Copy)]
pub struct Form {
    pub traffic: Traffic,
    pub n_links: usize,
    /// How long an outage lasts.
    pub outage: Duration,
    /// How long anything else lasts.
    pub fault: Duration,
    /// Before and after it.
    pub calm: Duration,
    /// What the 99th percentile of redirects may be where they keep answering, if
    /// that is looked at.
    pub max_p99_ms: Option<f64>,
    /// How late other accounts' clicks may be stored while one account or worker is in
    /// trouble, if that is looked at.
    pub max_lag_ms: Option<u64>,
    /// How long redirectors may take to obey a change, if that is looked at.
    pub max_change: Option<Duration>,
}

impl Form {
    pub const FULL: Self = Self {
        traffic: Traffic::clicks_and_more(1000),
        n_links: 5000,
        outage: Duration::from_secs(60),
        fault: Duration::from_secs(15),
        calm: Duration::from_secs(3),
        max_p99_ms: Some(250.0),
        max_lag_ms: Some(5_000),
        // Heartbeats that do not come are noticed after two seconds.
        max_change: Some(Duration::from_secs(3)),
    };
    /// For tests: no wall-clock time is judged.
    pub const SHORT: Self = Self {
        traffic: Traffic::clicks_and_more(150),
        n_links: 500,
        outage: Duration::from_secs(3),
        fault: Duration::from_secs(2),
        calm: Duration::from_millis(500),
        max_p99_ms: None,
        max_lag_ms: None,
        max_change: None,
    };
}

/// What a fault destroys by its nature, and what it leaves behind.
#[derive(Debug, Default)]
pub struct Expected {
    pub destroyed: Destroyed,
    pub n_dead_letters: u32,
    /// How late clicks of other accounts were stored meanwhile, where that is judged.
    pub lags: Option<Lags>,
    /// What did not happen that should have.
    pub wrong: Vec<String>,
}

type Doing<'a> = Pin<Box<dyn Future<Output = Expected> + 'a>>;

pub struct Fault {
    pub name: &'static str,
    /// What happens, in a few words.
    pub what: &'static str,
    plan: Plan,
    redirects: Redirects,
    act: for<'a> fn(&'a mut Stage) -> Doing<'a>,
}

/// What may happen to redirects meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Redirects {
    /// None fails.
    Answer,
    /// Nobody listens for a while; what was let in is answered.
    MayBeRefused,
    /// What was under way on a killed process breaks off.
    MayFail,
}

/// One doubled, or with a disk or a clock of its own.
const ONE: Plan = Plan {
    is_doubled: false,
    spool_disk: None,
    has_own_clock: false,
    has_worker_proxies: false,
    has_api_redis_proxy: false,
};
const TWO: Plan = Plan {
    is_doubled: true,
    ..ONE
};

/// All of them, in the order in which they run.
pub const FAULTS: &[Fault] = &[
    Fault {
        name: "redirector-killed",
        what: "kill -9 of one redirector of two, again and again",
        plan: TWO,
        redirects: Redirects::MayFail,
        act: |stage| Box::pin(processes::redirector_killed(stage)),
    },
    Fault {
        name: "worker-killed",
        what: "kill -9 of the worker in mid-batch, again and again",
        plan: ONE,
        redirects: Redirects::Answer,
        act: |stage| Box::pin(processes::worker_killed(stage)),
    },
    Fault {
        name: "worker-frozen",
        what: "one worker of two is frozen (SIGSTOP) inside of a transaction",
        plan: TWO,
        redirects: Redirects::Answer,
        act: |stage| Box::pin(accounts::worker_frozen(stage)),
    },
    Fault {
        name: "worker-power-cut",
        what: "the host of one worker of two vanishes: its connections end without a word",
        plan: Plan {
            has_worker_proxies: true,
            ..TWO
        },
        redirects: Redirects::Answer,
        act: |stage| Box::pin(accounts::worker_power_cut(stage)),
    },
    Fault {
        name: "hot-link",
        what: "a link gets very many conversions, and then new visitors",
        plan: ONE,
        redirects: Redirects::Answer,
        act: |stage| Box::pin(accounts::hot_link(stage)),
    },
    Fault {
        name: "report-storm",
        what: "slow reports without end, while redirectors' caches are emptied",
        plan: ONE,
        redirects: Redirects::Answer,
        act: |stage| Box::pin(accounts::report_storm(stage)),
    },
    Fault {
        name: "api-killed",
        what: "kill -9 of links-api, again and again",
        plan: ONE,
        redirects: Redirects::Answer,
        act: |stage| Box::pin(processes::api_killed(stage)),
    },
    Fault {
        name: "api-frozen",
        what: "links-api is frozen (SIGSTOP)",
        plan: ONE,
        redirects: Redirects::Answer,
        act: |stage| Box::pin(outage::api_frozen(stage)),
    },
    Fault {
        name: "redirector-cut-off",
        what: "Redis and links-api are frozen (SIGSTOP), both at once",
        plan: ONE,
        redirects: Redirects::Answer,
        act: |stage| Box::pin(outage::cut_off(stage)),
    },
    Fault {
        name: "rabbitmq-stopped",
        what: "RabbitMQ is stopped",
        plan: ONE,
        redirects: Redirects::Answer,
        act: |stage| Box::pin(outage::stopped(&stage.servers.rabbitmq, stage.form.outage)),
    },
    Fault {
        name: "rabbitmq-frozen",
        what: "RabbitMQ is frozen (SIGSTOP)",
        plan: ONE,
        redirects: Redirects::Answer,
        act: |stage| Box::pin(outage::frozen(&stage.servers.rabbitmq, stage.form.outage)),
    },
    Fault {
        name: "rabbitmq-memory",
        what: "RabbitMQ's memory alarm blocks publishers",
        plan: ONE,
        redirects: Redirects::Answer,
        act: |stage| Box::pin(broker::memory_alarm(stage)),
    },
    Fault {
        name: "queue-deleted",
        what: "the queue is deleted with what is in it, and declared again",
        plan: ONE,
        redirects: Redirects::Answer,
        act: |stage| Box::pin(broker::queue_deleted(stage)),
    },
    Fault {
        name: "redis-stopped",
        what: "Redis is stopped",
        plan: ONE,
        redirects: Redirects::Answer,
        act: |stage| Box::pin(outage::stopped(&stage.servers.redis, stage.form.fault)),
    },
    Fault {
        name: "redis-frozen",
        what: "Redis is frozen (SIGSTOP)",
        plan: ONE,
        redirects: Redirects::Answer,
        act: |stage| Box::pin(outage::frozen(&stage.servers.redis, stage.form.fault)),
    },
    Fault {
        name: "redis-emptied",
        what: "Redis is emptied, every half second",
        plan: ONE,
        redirects: Redirects::Answer,
        act: |stage| Box::pin(cache::emptied(stage)),
    },
    Fault {
        name: "redis-full",
        what: "Redis is full: it evicts, and then refuses writes; changes are obeyed",
        plan: TWO,
        redirects: Redirects::Answer,
        act: |stage| Box::pin(cache::full(stage)),
    },
    Fault {
        name: "redis-lost-by-api",
        what: "links-api alone loses Redis, refused and silent; changes are obeyed",
        plan: Plan {
            has_api_redis_proxy: true,
            ..TWO
        },
        redirects: Redirects::Answer,
        act: |stage| Box::pin(changes::api_loses_redis(stage)),
    },
    Fault {
        name: "postgres-stopped",
        what: "PostgreSQL is stopped",
        plan: ONE,
        redirects: Redirects::Answer,
        act: |stage| Box::pin(outage::stopped(&stage.servers.postgres, stage.form.outage)),
    },
    Fault {
        name: "postgres-frozen",
        what: "PostgreSQL is frozen (SIGSTOP)",
        plan: ONE,
        redirects: Redirects::Answer,
        act: |stage| Box::pin(outage::frozen(&stage.servers.postgres, stage.form.fault)),
    },
    Fault {
        name: "postgres-connections",
        what: "PostgreSQL has no connection left for anybody",
        plan: ONE,
        redirects: Redirects::Answer,
        act: |stage| Box::pin(database::out_of_connections(stage)),
    },
    Fault {
        name: "disk-full",
        what: "the spool's disk is full while RabbitMQ is frozen",
        plan: Plan {
            spool_disk: Some("1m"),
            ..ONE
        },
        redirects: Redirects::Answer,
        act: |stage| Box::pin(spool::disk_full(stage)),
    },
    Fault {
        name: "spool-corrupt",
        what: "a byte of a spooled click is flipped and the last record is torn",
        plan: ONE,
        redirects: Redirects::MayFail,
        act: |stage| Box::pin(spool::corrupted(stage)),
    },
    Fault {
        name: "delivered-twice",
        what: "every message is delivered twice",
        plan: ONE,
        redirects: Redirects::Answer,
        act: |stage| Box::pin(broker::delivered_twice(stage)),
    },
    Fault {
        name: "poison",
        what: "messages that cannot be read stand among the good ones",
        plan: ONE,
        redirects: Redirects::Answer,
        act: |stage| Box::pin(broker::poison(stage)),
    },
    Fault {
        name: "rolling-restart",
        what: "2 redirectors and 2 workers are restarted, one after the other",
        plan: TWO,
        redirects: Redirects::Answer,
        act: |stage| Box::pin(processes::rolling_restart(stage)),
    },
    Fault {
        name: "clock-back",
        what: "the redirector's clock is stepped back by a minute",
        plan: Plan {
            has_own_clock: true,
            ..ONE
        },
        redirects: Redirects::Answer,
        act: |stage| Box::pin(processes::clock_back(stage)),
    },
    Fault {
        name: "sigterm",
        what: "SIGTERM of each service under load, and its start",
        plan: ONE,
        redirects: Redirects::MayBeRefused,
        act: |stage| Box::pin(processes::sigterm(stage)),
    },
];

/// How it went.
pub struct Outcome {
    pub redirects: Summary,
    pub conversions: Summary,
    pub mints: Summary,
    /// Clicks that were said not to be recorded.
    pub n_unrecorded: usize,
    pub audit: Audit,
    /// From the end of the fault until everything promised by then was stored.
    pub recovery: Option<Duration>,
    pub lags: Option<Lags>,
    pub is_passed: bool,
}

impl Fault {
    pub async fn run(&self, servers: Arc<PrivateServers>, form: Form) -> Outcome {
        let mut stage = Stage::set(servers, &self.plan, form).await;
        tokio::time::sleep(form.calm).await;
        let begin = Instant::now();
        let expected = (self.act)(&mut stage).await;
        let end = Instant::now();
        let recovery = stage.wait_for_clicks(&expected.destroyed.clicks).await;
        tokio::time::sleep(form.calm).await;
        stage.load.stop().await;
        stage.wait_for_clicks(&expected.destroyed.clicks).await;
        stage
            .wait_for_conversions(&expected.destroyed.conversions)
            .await;

        let book = std::mem::take(&mut *stage.load.book());
        let n_unrecorded = stage.n_unrecorded().await;
        let mut audit = Audit::of(&book, &stage.world, &expected.destroyed, n_unrecorded).await;
        audit.wrong.extend(expected.wrong);
        let dead_queue = stage.world.topology().dead_queue.to_string();
        let n_dead_letters = stage.world.queue_len(&dead_queue).await;
        if n_dead_letters != expected.n_dead_letters {
            let n = expected.n_dead_letters;
            let wrong = format!("{n_dead_letters} dead letters, not {n}");
            audit.wrong.push(wrong);
        }
        audit.wrong.extend(stage.clear().await);
        let during = |samples: &[Sample]| {
            let samples = samples.iter();
            Summary::of(samples.filter(|sample| (begin..=end).contains(&sample.due)))
        };
        let mut outcome = Outcome {
            redirects: Summary {
                // What fails before or after has failed as well.
                failures: Summary::of(&book.redirects).failures,
                ..during(&book.redirects)
            },
            conversions: during(&book.conversion_requests),
            mints: during(&book.api_requests),
            n_unrecorded,
            audit,
            recovery,
            lags: expected.lags,
            is_passed: false,
        };
        outcome.judge(self.redirects, form);
        outcome
    }
}

impl Outcome {
    fn judge(&mut self, allowed: Redirects, form: Form) {
        let is_allowed = match allowed {
            Redirects::Answer => self.redirects.n_failed() == 0,
            Redirects::MayBeRefused => self.audit.n_unanswered == 0,
            Redirects::MayFail => true,
        };
        if !is_allowed {
            self.audit.wrong.push(format!(
                "redirects failed: {:?}, and {} were recorded and not answered",
                self.redirects.failures, self.audit.n_unanswered
            ));
        }
        if self.redirects.n == 0 {
            self.audit.wrong.push("there was no load".to_owned());
        }
        let p99_ms = self.redirects.p99_ms;
        if allowed == Redirects::Answer
            && let Some(max_ms) = form.max_p99_ms
            && p99_ms > max_ms
        {
            self.audit
                .wrong
                .push(format!("p99 is {p99_ms:.1} ms, more than {max_ms} ms"));
        }
        if let Some(lags) = &self.lags {
            let (max_ms, n_lost) = (lags.max_ms(), lags.n_lost);
            if form.max_lag_ms.is_some_and(|limit| max_ms > limit) || n_lost > 0 {
                self.audit.wrong.push(format!(
                    "clicks of other accounts were stored {max_ms} ms late, and {n_lost} not at all"
                ));
            }
        }
        if self.recovery.is_none() {
            self.audit.wrong.push("it did not recover".to_owned());
        }
        self.is_passed = self.audit.is_clean();
    }
}
