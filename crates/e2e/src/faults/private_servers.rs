//! Private servers, which faults may stop, freeze and empty.

use crate::servers::{PrivateServer, Servers};

/// Private servers. All faults use them, one after the other.
pub struct PrivateServers {
    pub postgres: PrivateServer,
    pub redis: PrivateServer,
    pub rabbitmq: PrivateServer,
}

impl PrivateServers {
    pub fn start() -> Self {
        Self {
            postgres: PrivateServer::start("postgres"),
            redis: PrivateServer::start("redis"),
            rabbitmq: PrivateServer::start("rabbitmq"),
        }
    }

    /// Starts and thaws what a fault that panicked left stopped or frozen.
    pub fn restore(&self) {
        for server in [&self.postgres, &self.redis, &self.rabbitmq] {
            server.restore();
        }
    }

    pub(super) fn addresses(&self) -> Servers {
        Servers {
            database_url: self.postgres.url.clone(),
            redis_url: self.redis.url.clone(),
            amqp_url: self.rabbitmq.url.clone(),
        }
    }
}
