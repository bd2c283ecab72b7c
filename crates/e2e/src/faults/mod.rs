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
mod testbed;

use std::{
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    lag::Lags,
    load::{Audit, Sample, Summary, ToleratedLoss, Traffic},
};
pub use testbed::{PrivateServers, Setup, Testbed};

/// How long and how hard.
#[derive(Debug, Clone, Copy)]
pub struct Profile {
    pub traffic: Traffic,
    pub n_links: usize,
    /// How long an outage lasts.
    pub outage: Duration,
    /// How long anything else lasts.
    pub fault: Duration,
    /// Before and after it.
    pub settle_time: Duration,
    /// What the 99th percentile of redirects may be where they keep answering, if
    /// that is looked at.
    pub max_p99_ms: Option<f64>,
    /// How late other accounts' clicks may be stored while one account or worker is in
    /// trouble, if that is looked at.
    pub max_lag_ms: Option<u64>,
    /// How long redirectors may take to obey a change, if that is looked at.
    pub max_change: Option<Duration>,
}

impl Profile {
    pub const FULL: Self = Self {
        traffic: Traffic::clicks_and_more(1000),
        n_links: 5000,
        outage: Duration::from_secs(60),
        fault: Duration::from_secs(15),
        settle_time: Duration::from_secs(3),
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
        settle_time: Duration::from_millis(500),
        max_p99_ms: None,
        max_lag_ms: None,
        max_change: None,
    };
}

/// What a fault destroys by its nature, and what it leaves behind.
#[derive(Debug, Default)]
pub struct ExpectedEffects {
    pub tolerated_loss: ToleratedLoss,
    pub n_dead_letters: u32,
    /// How late clicks of other accounts were stored meanwhile, where that is judged.
    pub lags: Option<Lags>,
    /// What did not happen that should have.
    pub violations: Vec<String>,
}

type FaultFuture<'a> = Pin<Box<dyn Future<Output = ExpectedEffects> + 'a>>;

pub struct Fault {
    pub name: &'static str,
    /// What happens, in a few words.
    pub what: &'static str,
    setup: Setup,
    redirects: Redirects,
    inject: for<'a> fn(&'a mut Testbed) -> FaultFuture<'a>,
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
const ONE: Setup = Setup {
    is_doubled: false,
    spool_disk: None,
    has_own_clock: false,
    has_worker_proxies: false,
    has_api_redis_proxy: false,
};
const TWO: Setup = Setup {
    is_doubled: true,
    ..ONE
};

/// All of them, in the order in which they run.
pub const FAULTS: &[Fault] = &[
    Fault {
        name: "redirector-killed",
        what: "kill -9 of one redirector of two, again and again",
        setup: TWO,
        redirects: Redirects::MayFail,
        inject: |testbed| Box::pin(processes::redirector_killed(testbed)),
    },
    Fault {
        name: "worker-killed",
        what: "kill -9 of the worker in mid-batch, again and again",
        setup: ONE,
        redirects: Redirects::Answer,
        inject: |testbed| Box::pin(processes::worker_killed(testbed)),
    },
    Fault {
        name: "worker-frozen",
        what: "one worker of two is frozen (SIGSTOP) inside of a transaction",
        setup: TWO,
        redirects: Redirects::Answer,
        inject: |testbed| Box::pin(accounts::worker_frozen(testbed)),
    },
    Fault {
        name: "worker-power-cut",
        what: "the host of one worker of two vanishes: its connections end without a word",
        setup: Setup {
            has_worker_proxies: true,
            ..TWO
        },
        redirects: Redirects::Answer,
        inject: |testbed| Box::pin(accounts::worker_power_cut(testbed)),
    },
    Fault {
        name: "hot-link",
        what: "a link gets very many conversions, and then new visitors",
        setup: ONE,
        redirects: Redirects::Answer,
        inject: |testbed| Box::pin(accounts::hot_link(testbed)),
    },
    Fault {
        name: "report-storm",
        what: "slow reports without end, while redirectors' caches are emptied",
        setup: ONE,
        redirects: Redirects::Answer,
        inject: |testbed| Box::pin(accounts::report_storm(testbed)),
    },
    Fault {
        name: "api-killed",
        what: "kill -9 of links-api, again and again",
        setup: ONE,
        redirects: Redirects::Answer,
        inject: |testbed| Box::pin(processes::api_killed(testbed)),
    },
    Fault {
        name: "api-frozen",
        what: "links-api is frozen (SIGSTOP)",
        setup: ONE,
        redirects: Redirects::Answer,
        inject: |testbed| Box::pin(outage::api_frozen(testbed)),
    },
    Fault {
        name: "redirector-cut-off",
        what: "Redis and links-api are frozen (SIGSTOP), both at once",
        setup: ONE,
        redirects: Redirects::Answer,
        inject: |testbed| Box::pin(outage::cut_off(testbed)),
    },
    Fault {
        name: "rabbitmq-stopped",
        what: "RabbitMQ is stopped",
        setup: ONE,
        redirects: Redirects::Answer,
        inject: |testbed| {
            Box::pin(outage::stopped(
                &testbed.servers.rabbitmq,
                testbed.profile.outage,
            ))
        },
    },
    Fault {
        name: "rabbitmq-frozen",
        what: "RabbitMQ is frozen (SIGSTOP)",
        setup: ONE,
        redirects: Redirects::Answer,
        inject: |testbed| {
            Box::pin(outage::frozen(
                &testbed.servers.rabbitmq,
                testbed.profile.outage,
            ))
        },
    },
    Fault {
        name: "rabbitmq-memory",
        what: "RabbitMQ's memory alarm blocks publishers",
        setup: ONE,
        redirects: Redirects::Answer,
        inject: |testbed| Box::pin(broker::memory_alarm(testbed)),
    },
    Fault {
        name: "queue-deleted",
        what: "the queue is deleted with what is in it, and declared again",
        setup: ONE,
        redirects: Redirects::Answer,
        inject: |testbed| Box::pin(broker::queue_deleted(testbed)),
    },
    Fault {
        name: "redis-stopped",
        what: "Redis is stopped",
        setup: ONE,
        redirects: Redirects::Answer,
        inject: |testbed| {
            Box::pin(outage::stopped(
                &testbed.servers.redis,
                testbed.profile.fault,
            ))
        },
    },
    Fault {
        name: "redis-frozen",
        what: "Redis is frozen (SIGSTOP)",
        setup: ONE,
        redirects: Redirects::Answer,
        inject: |testbed| {
            Box::pin(outage::frozen(
                &testbed.servers.redis,
                testbed.profile.fault,
            ))
        },
    },
    Fault {
        name: "redis-emptied",
        what: "Redis is emptied, every half second",
        setup: ONE,
        redirects: Redirects::Answer,
        inject: |testbed| Box::pin(cache::emptied(testbed)),
    },
    Fault {
        name: "redis-full",
        what: "Redis is full: it evicts, and then refuses writes; changes are obeyed",
        setup: TWO,
        redirects: Redirects::Answer,
        inject: |testbed| Box::pin(cache::full(testbed)),
    },
    Fault {
        name: "redis-lost-by-api",
        what: "links-api alone loses Redis, refused and silent; changes are obeyed",
        setup: Setup {
            has_api_redis_proxy: true,
            ..TWO
        },
        redirects: Redirects::Answer,
        inject: |testbed| Box::pin(changes::api_loses_redis(testbed)),
    },
    Fault {
        name: "postgres-stopped",
        what: "PostgreSQL is stopped",
        setup: ONE,
        redirects: Redirects::Answer,
        inject: |testbed| {
            Box::pin(outage::stopped(
                &testbed.servers.postgres,
                testbed.profile.outage,
            ))
        },
    },
    Fault {
        name: "postgres-frozen",
        what: "PostgreSQL is frozen (SIGSTOP)",
        setup: ONE,
        redirects: Redirects::Answer,
        inject: |testbed| {
            Box::pin(outage::frozen(
                &testbed.servers.postgres,
                testbed.profile.fault,
            ))
        },
    },
    Fault {
        name: "postgres-connections",
        what: "PostgreSQL has no connection left for anybody",
        setup: ONE,
        redirects: Redirects::Answer,
        inject: |testbed| Box::pin(database::out_of_connections(testbed)),
    },
    Fault {
        name: "disk-full",
        what: "the spool's disk is full while RabbitMQ is frozen",
        setup: Setup {
            spool_disk: Some("1m"),
            ..ONE
        },
        redirects: Redirects::Answer,
        inject: |testbed| Box::pin(spool::disk_full(testbed)),
    },
    Fault {
        name: "spool-corrupt",
        what: "a byte of a spooled click is flipped and the last record is torn",
        setup: ONE,
        redirects: Redirects::MayFail,
        inject: |testbed| Box::pin(spool::corrupted(testbed)),
    },
    Fault {
        name: "delivered-twice",
        what: "every message is delivered twice",
        setup: ONE,
        redirects: Redirects::Answer,
        inject: |testbed| Box::pin(broker::delivered_twice(testbed)),
    },
    Fault {
        name: "poison",
        what: "messages that cannot be read stand among the good ones",
        setup: ONE,
        redirects: Redirects::Answer,
        inject: |testbed| Box::pin(broker::poison(testbed)),
    },
    Fault {
        name: "rolling-restart",
        what: "2 redirectors and 2 workers are restarted, one after the other",
        setup: TWO,
        redirects: Redirects::Answer,
        inject: |testbed| Box::pin(processes::rolling_restart(testbed)),
    },
    Fault {
        name: "clock-back",
        what: "the redirector's clock is stepped back by a minute",
        setup: Setup {
            has_own_clock: true,
            ..ONE
        },
        redirects: Redirects::Answer,
        inject: |testbed| Box::pin(processes::clock_back(testbed)),
    },
    Fault {
        name: "sigterm",
        what: "SIGTERM of each service under load, and its start",
        setup: ONE,
        redirects: Redirects::MayBeRefused,
        inject: |testbed| Box::pin(processes::sigterm(testbed)),
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
    /// From the end of the fault until everything acknowledged by then was stored.
    pub recovery: Option<Duration>,
    pub lags: Option<Lags>,
    pub is_passed: bool,
}

impl Fault {
    pub async fn run(&self, servers: Arc<PrivateServers>, profile: Profile) -> Outcome {
        let mut testbed = Testbed::start(servers, &self.setup, profile).await;
        tokio::time::sleep(profile.settle_time).await;
        let begin = Instant::now();
        let expected = (self.inject)(&mut testbed).await;
        let end = Instant::now();
        let recovery = testbed
            .wait_for_clicks(&expected.tolerated_loss.clicks)
            .await;
        tokio::time::sleep(profile.settle_time).await;
        testbed.load.stop().await;
        testbed
            .wait_for_clicks(&expected.tolerated_loss.clicks)
            .await;
        testbed
            .wait_for_conversions(&expected.tolerated_loss.conversions)
            .await;

        let expectations = std::mem::take(&mut *testbed.load.expectations());
        let n_unrecorded = testbed.n_unrecorded().await;
        let mut audit = Audit::of(
            &expectations,
            &testbed.test_env,
            &expected.tolerated_loss,
            n_unrecorded,
        )
        .await;
        audit.violations.extend(expected.violations);
        let dead_queue = testbed.test_env.topology().dead_letter_queue.to_string();
        let n_dead_letters = testbed.test_env.queue_len(&dead_queue).await;
        if n_dead_letters != expected.n_dead_letters {
            let n = expected.n_dead_letters;
            let wrong = format!("{n_dead_letters} dead letters, not {n}");
            audit.violations.push(wrong);
        }
        audit.violations.extend(testbed.shut_down().await);
        let during = |samples: &[Sample]| {
            let samples = samples.iter();
            Summary::of(samples.filter(|sample| (begin..=end).contains(&sample.due)))
        };
        let mut outcome = Outcome {
            redirects: Summary {
                // What fails before or after has failed as well.
                failures: Summary::of(&expectations.redirects).failures,
                ..during(&expectations.redirects)
            },
            conversions: during(&expectations.conversion_requests),
            mints: during(&expectations.api_requests),
            n_unrecorded,
            audit,
            recovery,
            lags: expected.lags,
            is_passed: false,
        };
        outcome.judge(self.redirects, profile);
        outcome
    }
}

impl Outcome {
    fn judge(&mut self, allowed: Redirects, profile: Profile) {
        let is_allowed = match allowed {
            Redirects::Answer => self.redirects.n_failed() == 0,
            Redirects::MayBeRefused => self.audit.n_unanswered == 0,
            Redirects::MayFail => true,
        };
        if !is_allowed {
            self.audit.violations.push(format!(
                "redirects failed: {:?}, and {} were recorded and not answered",
                self.redirects.failures, self.audit.n_unanswered
            ));
        }
        if self.redirects.n == 0 {
            self.audit.violations.push("there was no load".to_owned());
        }
        let p99_ms = self.redirects.p99_ms;
        if allowed == Redirects::Answer
            && let Some(max_ms) = profile.max_p99_ms
            && p99_ms > max_ms
        {
            self.audit
                .violations
                .push(format!("p99 is {p99_ms:.1} ms, more than {max_ms} ms"));
        }
        if let Some(lags) = &self.lags {
            let (max_ms, n_lost) = (lags.max_ms(), lags.n_lost);
            if profile.max_lag_ms.is_some_and(|limit| max_ms > limit) || n_lost > 0 {
                self.audit.violations.push(format!(
                    "clicks of other accounts were stored {max_ms} ms late, and {n_lost} not at all"
                ));
            }
        }
        if self.recovery.is_none() {
            self.audit.violations.push("it did not recover".to_owned());
        }
        self.is_passed = self.audit.is_clean();
    }
}
