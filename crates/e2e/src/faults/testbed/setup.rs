//! The parts of a testbed that a fault needs.

/// The parts that a fault needs beyond one process of each service.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// Two redirectors behind a balancer and two workers, or one of each.
    pub is_doubled: bool,
    /// A file system of this size in memory holds the spool.
    pub spool_disk: Option<&'static str>,
    /// libfaketime is the redirector's clock.
    pub has_own_clock: bool,
    /// The first worker connects to Postgres and RabbitMQ through proxies.
    pub has_worker_proxies: bool,
    /// links-api connects to Redis through a proxy.
    pub has_api_redis_proxy: bool,
}
