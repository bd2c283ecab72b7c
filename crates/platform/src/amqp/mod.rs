//! RabbitMQ: the topology, connecting, and what a confirm means.
//!
//! ```text
//! exchange <prefix>.clicks -- clicks.<i> --> queue <prefix>.clicks.<i> --(dead letter)-->
//!                          -- clicks     --> queue <prefix>.clicks     --(dead letter)-->
//! exchange <prefix>.dead                 --> queue <prefix>.clicks.dead
//! default exchange                       --> queue <prefix>.receipts.<a redirector's process>
//! ```
//!
//! The events of an account are all in the partition `i` that
//! `domain::partition::partition_of_account` names, so that one account's backlog is not
//! everybody's. The queue without a number takes what redirectors of earlier versions
//! and other producers publish.
//!
//! A receipt goes the other way: a worker names the messages of a redirector that
//! are stored.
//!
//! Whoever connects declares all of it, so services start in any order and a
//! deleted queue comes back. Connections are not repaired: on any failure all
//! is dropped and built anew, one path for every fault.

mod addresses;

use std::{
    os::fd::{AsFd as _, OwnedFd},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use lapin::{
    Channel, Confirmation, Connection, ConnectionProperties, ExchangeKind,
    options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions},
    tcp::{AMQPUriTcpExt as _, AsyncTcpStream},
    types::{AMQPValue, FieldTable, ShortString},
    uri::AMQPUri,
};

pub use addresses::Addresses;

/// The settings of RabbitMQ, the same for every service that uses it.
#[derive(Debug, Clone, clap::Args)]
pub struct AmqpSettings {
    /// amqp://user:password@host:port/vhost. Several hosts of a cluster as in
    /// amqp://user:password@host,host:port/vhost, or several URLs with commas between:
    /// they are tried in turn, in another order by each process. TLS (amqps://) is not
    /// spoken.
    #[arg(long, env = "AMQP_URL", hide_env_values = true, value_parser = Addresses::parse)]
    pub amqp_url: Addresses,
    /// Put before the names of exchanges and queues. The same for redirectors
    /// and workers.
    #[arg(long, env = "AMQP_PREFIX", default_value = "waypost")]
    pub amqp_prefix: String,
    /// Queues that accounts are spread over. The same for redirectors and workers, best;
    /// workers consume from whatever queues there are, so that it can be changed one
    /// service after the other. Too low: an account with a backlog delays many others.
    /// Too high: small batches, and a broker with much to do.
    #[arg(long, env = "AMQP_PARTITIONS", default_value = "8",
          value_parser = clap::value_parser!(u16).range(1..=MAX_PARTITIONS))]
    pub amqp_partitions: u16,
}

impl AmqpSettings {
    pub fn topology(&self) -> Topology {
        Topology::new(&self.amqp_prefix, self.amqp_partitions)
    }
}

/// The most queues that accounts can be spread over.
const MAX_PARTITIONS: i64 = 64;

/// Seconds after which a broker that says nothing is taken for gone.
const HEARTBEAT_S: u16 = 10;
/// How long connecting and declaring may take, all in all.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The same where there are other addresses to try.
const CONNECT_TIMEOUT_OF_SEVERAL: Duration = Duration::from_secs(4);

/// How long a broker may take to say goodbye.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// The names of exchanges and queues under one prefix.
#[derive(Debug, Clone)]
pub struct Topology {
    pub clicks_exchange: ShortString,
    /// For messages with the routing key [`Self::CLICKS_ROUTING_KEY`], of any accounts.
    pub unpartitioned_queue: ShortString,
    pub dead_letter_exchange: ShortString,
    pub dead_letter_queue: ShortString,
    pub n_partitions: u16,
    partition_prefix: String,
    receipts_prefix: String,
}

/// A queue of receipts is deleted when nobody has consumed from it for an hour.
const RECEIPTS_EXPIRE_MS: i32 = 3_600_000;

impl Topology {
    /// The routing key of events of any accounts, and of all dead letters.
    pub const CLICKS_ROUTING_KEY: &'static str = "clicks";

    pub fn new(prefix: &str, n_partitions: u16) -> Self {
        Self {
            clicks_exchange: format!("{prefix}.clicks").into(),
            unpartitioned_queue: format!("{prefix}.clicks").into(),
            dead_letter_exchange: format!("{prefix}.dead").into(),
            dead_letter_queue: format!("{prefix}.clicks.dead").into(),
            n_partitions,
            partition_prefix: format!("{prefix}.clicks."),
            receipts_prefix: format!("{prefix}.receipts."),
        }
    }

    /// The routing key of a partition's events.
    pub fn partition_routing_key(partition: u16) -> ShortString {
        format!("{}.{partition}", Self::CLICKS_ROUTING_KEY).into()
    }

    pub fn partition_queue(&self, partition: u16) -> ShortString {
        format!("{}{partition}", self.partition_prefix).into()
    }

    /// All queues that events are published to.
    pub fn event_queues(&self) -> Vec<ShortString> {
        let partitions = (0..self.n_partitions).map(|partition| self.partition_queue(partition));
        std::iter::once(self.unpartitioned_queue.clone())
            .chain(partitions)
            .collect()
    }

    /// Queues of partitions that this topology has not, and that are there: others are
    /// set to more partitions, or this one was. Each look that finds no queue ends its
    /// channel, so that this opens its own.
    pub async fn find_extra_partition_queues(
        &self,
        connection: &Connection,
    ) -> lapin::Result<Vec<ShortString>> {
        let mut found = Vec::new();
        let last = u16::try_from(MAX_PARTITIONS).unwrap_or(u16::MAX);
        for partition in self.n_partitions..last {
            let queue = self.partition_queue(partition);
            let channel = connection.create_channel().await?;
            let options = QueueDeclareOptions {
                passive: true,
                ..Default::default()
            };
            let declared = channel.queue_declare(queue.clone(), options, FieldTable::default());
            if declared.await.is_err() {
                ensure_connected(connection)?;
                break;
            }
            channel.close(200, "looked".into()).await?;
            found.push(queue);
        }
        Ok(found)
    }

    /// Declares everything; what is there already stays as it is.
    pub async fn declare(&self, channel: &Channel) -> lapin::Result<()> {
        for exchange in [&self.clicks_exchange, &self.dead_letter_exchange] {
            let options = ExchangeDeclareOptions {
                durable: true,
                ..Default::default()
            };
            channel
                .exchange_declare(
                    exchange.clone(),
                    ExchangeKind::Direct,
                    options,
                    FieldTable::default(),
                )
                .await?;
        }
        let dead_letters = Binding {
            queue: &self.dead_letter_queue,
            exchange: &self.dead_letter_exchange,
            key: Self::CLICKS_ROUTING_KEY.into(),
        };
        declare_queue(channel, dead_letters, FieldTable::default()).await?;
        let mut arguments = FieldTable::default();
        // What is rejected goes to the dead-letter queue, at least once: with
        // the default strategy it would be lost if that queue is away.
        insert(
            &mut arguments,
            "x-dead-letter-exchange",
            &self.dead_letter_exchange,
        );
        insert(
            &mut arguments,
            "x-dead-letter-strategy",
            &"at-least-once".into(),
        );
        // Which is a condition of that strategy; there is no length limit.
        insert(&mut arguments, "x-overflow", &"reject-publish".into());
        let unpartitioned = Binding {
            queue: &self.unpartitioned_queue,
            exchange: &self.clicks_exchange,
            key: Self::CLICKS_ROUTING_KEY.into(),
        };
        declare_queue(channel, unpartitioned, arguments.clone()).await?;
        // A dead letter would keep the key of its partition, which nobody is bound to.
        insert(
            &mut arguments,
            "x-dead-letter-routing-key",
            &Self::CLICKS_ROUTING_KEY.into(),
        );
        for partition in 0..self.n_partitions {
            let binding = Binding {
                queue: &self.partition_queue(partition),
                exchange: &self.clicks_exchange,
                key: Self::partition_routing_key(partition),
            };
            declare_queue(channel, binding, arguments.clone()).await?;
        }
        Ok(())
    }

    /// The queue of the receipts for one process of a redirector.
    pub fn receipts_queue(&self, process: &str) -> ShortString {
        format!("{}{process}", self.receipts_prefix).into()
    }

    /// Whether receipts may be sent to a queue that a message names.
    pub fn is_receipts_queue(&self, name: &str) -> bool {
        name.starts_with(&self.receipts_prefix)
    }

    /// Declares a queue of receipts: they may be lost, and are then asked for by
    /// sending the message again.
    pub async fn declare_receipts_queue(
        channel: &Channel,
        queue: &ShortString,
    ) -> lapin::Result<()> {
        let mut arguments = FieldTable::default();
        arguments.insert("x-expires".into(), AMQPValue::LongInt(RECEIPTS_EXPIRE_MS));
        declare_durable(channel, queue, arguments).await
    }
}

/// Where a queue gets its messages from.
struct Binding<'b> {
    queue: &'b ShortString,
    exchange: &'b ShortString,
    key: ShortString,
}

async fn declare_queue(
    channel: &Channel,
    binding: Binding<'_>,
    mut arguments: FieldTable,
) -> lapin::Result<()> {
    // Replicated, and on disk before it is confirmed.
    insert(&mut arguments, "x-queue-type", &"quorum".into());
    declare_durable(channel, binding.queue, arguments).await?;
    channel
        .queue_bind(
            binding.queue.clone(),
            binding.exchange.clone(),
            binding.key,
            QueueBindOptions::default(),
            FieldTable::default(),
        )
        .await
}

async fn declare_durable(
    channel: &Channel,
    queue: &ShortString,
    arguments: FieldTable,
) -> lapin::Result<()> {
    let options = QueueDeclareOptions {
        durable: true,
        ..Default::default()
    };
    channel
        .queue_declare(queue.clone(), options, arguments)
        .await?;
    Ok(())
}

fn insert(arguments: &mut FieldTable, key: &str, value: &ShortString) {
    arguments.insert(key.into(), AMQPValue::LongString(value.to_string().into()));
}

/// Why there is no connection to RabbitMQ.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error("RabbitMQ cannot be reached or refuses: {0}")]
    Failed(#[from] lapin::Error),
    #[error("RabbitMQ does not answer within {} s", .0.as_secs())]
    TimedOut(Duration),
}

/// A fresh connection and channel with the topology declared, to the first of the
/// addresses that gives one.
pub async fn connect(
    addresses: &Addresses,
    topology: &Topology,
    name: &str,
) -> Result<(Connection, Channel), ConnectError> {
    let addresses = addresses.shuffled();
    // With others to try, a silent one is not waited for as long.
    let timeout = match addresses.len() {
        1 => CONNECT_TIMEOUT,
        _ => CONNECT_TIMEOUT_OF_SEVERAL,
    };
    let mut failure = ConnectError::TimedOut(timeout);
    for uri in addresses {
        match connect_to(uri, topology, name, timeout).await {
            Ok(connected) => return Ok(connected),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

async fn connect_to(
    uri: AMQPUri,
    topology: &Topology,
    name: &str,
    timeout: Duration,
) -> Result<(Connection, Channel), ConnectError> {
    let end = tokio::time::Instant::now() + timeout;
    // No automatic recovery: see the head of this module.
    let properties = ConnectionProperties::default().with_connection_name(name.into());
    let handshake = Handshake::default();
    let connecting = handshake.connect(uri, properties);
    let connection = match tokio::time::timeout_at(end, connecting).await {
        Ok(connected) => connected?,
        Err(_) => {
            handshake.give_up();
            return Err(ConnectError::TimedOut(timeout));
        }
    };
    let declaring = async {
        let channel = connection.create_channel().await?;
        topology.declare(&channel).await?;
        Ok(channel)
    };
    let failure = match tokio::time::timeout_at(end, declaring).await {
        Ok(Ok(channel)) => return Ok((connection, channel)),
        Ok(Err(error)) => ConnectError::Failed(error),
        Err(_) => ConnectError::TimedOut(timeout),
    };
    // It would stay open, and the next attempt opens another.
    close_in_background(Arc::new(connection));
    Err(failure)
}

/// The socket of a connection that is being made. The library goes on with a handshake that
/// nobody waits for any more, so that each try at a frozen broker would leave a connection
/// behind.
#[derive(Clone, Default)]
struct Handshake(Arc<Mutex<HandshakeState>>);

#[derive(Default)]
enum HandshakeState {
    #[default]
    NoSocket,
    Socket(std::net::TcpStream),
    GivenUp,
}

impl Handshake {
    async fn connect(
        &self,
        uri: AMQPUri,
        properties: ConnectionProperties,
    ) -> lapin::Result<Connection> {
        let handshake = self.clone();
        let runtime = lapin::runtime::default_runtime()?;
        let connecting = Connection::connector(
            uri,
            runtime,
            async move |uri, runtime| {
                let stream = uri.connect_async(&runtime).await?;
                if let AsyncTcpStream::Plain(plain) = &stream {
                    handshake.keep(plain.get_ref().as_fd().try_clone_to_owned()?)?;
                }
                Ok(stream)
            },
            properties,
        );
        let connection = connecting.await;
        // From here on the library alone has the socket.
        *self.lock() = HandshakeState::NoSocket;
        connection
    }

    fn keep(&self, socket: OwnedFd) -> std::io::Result<()> {
        let mut state = self.lock();
        if matches!(*state, HandshakeState::GivenUp) {
            return Err(std::io::ErrorKind::TimedOut.into());
        }
        *state = HandshakeState::Socket(socket.into());
        Ok(())
    }

    /// Ends the connection, also if it is yet to be made.
    fn give_up(&self) {
        let state = std::mem::replace(&mut *self.lock(), HandshakeState::GivenUp);
        if let HandshakeState::Socket(socket) = state
            && let Err(error) = socket.shutdown(std::net::Shutdown::Both)
        {
            tracing::debug!(error = %error, "a connection to RabbitMQ had ended already");
        }
    }

    fn lock(&self) -> MutexGuard<'_, HandshakeState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Closes a connection that is of no use any more, without waiting for it.
pub fn close_in_background(connection: Arc<Connection>) {
    tokio::spawn(async move { close(&connection).await });
}

/// Fails once a connection is gone: what waits for the broker asks this now
/// and then.
pub fn ensure_connected(connection: &Connection) -> lapin::Result<()> {
    if connection.status().connected() {
        return Ok(());
    }
    Err(lapin::ErrorKind::InvalidConnectionState(lapin::ConnectionState::Closed).into())
}

/// Closes a connection in good order, if the broker answers soon.
pub async fn close(connection: &Connection) {
    let closing = connection.close(200, "stopping".into());
    match tokio::time::timeout(CLOSE_TIMEOUT, closing).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::debug!(error = %error, "the connection to RabbitMQ was not closed well")
        }
        Err(_) => tracing::warn!("RabbitMQ does not answer the end of the connection"),
    }
}

/// Why a published message is not known to be on a queue.
#[derive(Debug, thiserror::Error)]
pub enum ConfirmError {
    #[error("the broker returned a message: no queue is bound ({reply_code} {reply_text})")]
    Returned { reply_code: u16, reply_text: String },
    #[error("the broker refused a message (nack)")]
    Nacked,
    #[error("the channel is not in confirm mode")]
    NotRequested,
    #[error("the channel or connection ended before the broker confirmed: {0}")]
    ConnectionLost(#[from] lapin::Error),
    #[error("the broker does not confirm within {} s", .0.as_secs())]
    TimedOut(Duration),
}

/// What a confirm means. Only an ack that carries no returned message says
/// that the message is on a queue. lapin hangs a returned message on whichever
/// confirm it resolves next, so a return speaks of the channel, not of this
/// message: the caller has to send everything unconfirmed again.
pub fn check_confirmation(result: lapin::Result<Confirmation>) -> Result<(), ConfirmError> {
    match result {
        Ok(Confirmation::Ack(None)) => Ok(()),
        Ok(Confirmation::Ack(Some(returned)) | Confirmation::Nack(Some(returned))) => {
            Err(ConfirmError::Returned {
                reply_code: returned.reply_code,
                reply_text: returned.reply_text.to_string(),
            })
        }
        Ok(Confirmation::Nack(None)) => Err(ConfirmError::Nacked),
        Ok(Confirmation::NotRequested) => Err(ConfirmError::NotRequested),
        Err(error) => Err(ConfirmError::ConnectionLost(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frozen broker takes connections and says nothing: none may stay behind a try.
    #[tokio::test]
    async fn a_try_that_fails_leaves_no_connection_behind() {
        let broker = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("amqp://{}", broker.local_addr().unwrap());
        let uri = Addresses::parse(&url).unwrap().shuffled().remove(0);
        let topology = Topology::new("test", 1);
        let timeout = Duration::from_millis(300);
        let connecting = connect_to(uri, &topology, "test", timeout);
        let (connected, accepted) = tokio::join!(connecting, broker.accept());
        assert!(connected.is_err());
        let (socket, _) = accepted.unwrap();
        let end = async {
            let mut said = [0; 64];
            loop {
                socket.readable().await.unwrap();
                match socket.try_read(&mut said) {
                    Ok(0) => return,
                    Err(error) if error.kind() != std::io::ErrorKind::WouldBlock => return,
                    _ => {}
                }
            }
        };
        let ended = tokio::time::timeout(Duration::from_secs(60), end);
        assert!(ended.await.is_ok(), "the connection is still open");
    }

    #[test]
    fn only_a_plain_ack_is_a_confirm() {
        assert!(check_confirmation(Ok(Confirmation::Ack(None))).is_ok());
        let refused = [
            check_confirmation(Ok(Confirmation::Nack(None))),
            check_confirmation(Ok(Confirmation::NotRequested)),
            check_confirmation(Err(lapin::ErrorKind::MissingHeartbeatError.into())),
        ];
        assert!(refused.iter().all(Result::is_err), "{refused:?}");
    }
}
