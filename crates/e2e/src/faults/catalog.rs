//! All faults: what each does, the set-up that it needs, and what redirects may do meanwhile.

use super::{
    accounts, broker, cache, changes, database, fault::Fault, outage, outcome::Redirects,
    processes, spool, testbed::Setup,
};

/// One redirector and one worker.
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

/// All faults, in the order in which they run.
pub const FAULTS: &[Fault] = &[
    Fault {
        name: "redirector-killed",
        what: "kill -9 of one redirector of two, repeatedly",
        setup: TWO,
        redirects: Redirects::MayFail,
        inject: |testbed| Box::pin(processes::redirector_killed(testbed)),
    },
    Fault {
        name: "worker-killed",
        what: "kill -9 of the worker in the middle of batches, repeatedly",
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
        what: "the host of one worker of two loses power: its connections are not closed",
        setup: Setup {
            has_worker_proxies: true,
            ..TWO
        },
        redirects: Redirects::Answer,
        inject: |testbed| Box::pin(accounts::worker_power_cut(testbed)),
    },
    Fault {
        name: "hot-link",
        what: "a link gets very many conversions, and clicks of new visitors after them",
        setup: ONE,
        redirects: Redirects::Answer,
        inject: |testbed| Box::pin(accounts::hot_link(testbed)),
    },
    Fault {
        name: "report-storm",
        what: "many slow reports, while redirectors' caches are emptied",
        setup: ONE,
        redirects: Redirects::Answer,
        inject: |testbed| Box::pin(accounts::report_storm(testbed)),
    },
    Fault {
        name: "api-killed",
        what: "kill -9 of links-api, repeatedly",
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
        what: "the queues are deleted with their messages, and declared again",
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
        what: "Redis is full: it evicts, and then refuses writes; changes still take effect",
        setup: TWO,
        redirects: Redirects::Answer,
        inject: |testbed| Box::pin(cache::full(testbed)),
    },
    Fault {
        name: "redis-lost-by-api",
        what: "only links-api loses Redis, which refuses connections or hangs; changes still take effect",
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
        what: "other clients take all connections to PostgreSQL",
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
        what: "a byte of a spooled click is flipped, and the last record is cut",
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
        name: "unreadable-messages",
        what: "unreadable messages are among the valid ones",
        setup: ONE,
        redirects: Redirects::Answer,
        inject: |testbed| Box::pin(broker::unreadable_messages(testbed)),
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
        what: "the redirector's clock is set back by a minute",
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
