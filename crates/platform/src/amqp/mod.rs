//! RabbitMQ: the topology, connecting, and what a confirm means.
//!
//! ```text
//! exchange <prefix>.clicks -- clicks.<i> --> queue <prefix>.clicks.<i> --(dead letter)-->
//!                          -- clicks     --> queue <prefix>.clicks     --(dead letter)-->
//! exchange <prefix>.dead                 --> queue <prefix>.clicks.dead
//! default exchange                       --> queue <prefix>.receipts.<a redirector's process>
//! ```
//!
//! All events of an account go to the partition `i` that
//! `domain::click::partition_of_account` returns, so that the backlog of one account does
//! not delay every other. The queue without a number takes the events that redirectors of
//! earlier versions and other producers publish.
//!
//! Store receipts go the other way: a worker tells a redirector which of its messages are
//! stored.
//!
//! Every service that connects declares all of this, so services start in any order and a
//! deleted queue is created again. Connections are never repaired: after any failure the
//! connection is dropped and everything is built again, which is one path for every fault.

mod broker_addresses;
mod confirm;
mod connect;
mod topology;

use std::time::Duration;

use lapin::Connection;

pub use broker_addresses::BrokerAddresses;
pub use confirm::{ConfirmError, check_confirmation};
pub use connect::{ConnectError, close, close_in_background, connect};
use topology::MAX_PARTITIONS;
pub use topology::Topology;

/// The delivery mode of a message that the broker writes to disk before it confirms it.
pub const DELIVERY_MODE_PERSISTENT: u8 = 2;

/// A broker that sends nothing for so many seconds counts as gone.
const HEARTBEAT_S: u16 = 10;
/// How long connecting and declaring may take together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The settings of RabbitMQ, the same for every service that uses it.
#[derive(Debug, Clone, clap::Args)]
pub struct AmqpSettings {
    /// amqp://user:password@host:port/vhost. Several hosts of a cluster as in
    /// amqp://user:password@host,host:port/vhost, or several URLs separated by commas:
    /// each process tries them in turn, in a random order. TLS (amqps://) is not
    /// supported.
    #[arg(long, env = "AMQP_URL", hide_env_values = true, value_parser = BrokerAddresses::parse)]
    pub amqp_url: BrokerAddresses,
    /// A prefix for the names of exchanges and queues. It must be the same for
    /// redirectors and workers.
    #[arg(long, env = "AMQP_PREFIX", default_value = "waypost")]
    pub amqp_prefix: String,
    /// How many queues the accounts are spread over. It should be the same for redirectors
    /// and workers, but can be changed one service after the other, because workers
    /// consume from all queues that exist. Too low: an account with a backlog delays many
    /// others. Too high: batches are small, and the broker has more to do.
    #[arg(long, env = "AMQP_PARTITIONS", default_value = "8",
          value_parser = clap::value_parser!(u16).range(1..=MAX_PARTITIONS))]
    pub amqp_partitions: u16,
}

impl AmqpSettings {
    pub fn topology(&self) -> Topology {
        Topology::new(&self.amqp_prefix, self.amqp_partitions)
    }
}

/// Fails if the connection is lost. Loops that wait for the broker call it now and then.
pub fn ensure_connected(connection: &Connection) -> lapin::Result<()> {
    if connection.status().connected() {
        return Ok(());
    }
    Err(lapin::ErrorKind::InvalidConnectionState(lapin::ConnectionState::Closed).into())
}
