//! RabbitMQ: the topology, connecting, and what a confirm means.
//!
//! ```text
//! exchange <prefix>.clicks --> queue <prefix>.clicks --(dead letter)-->
//! exchange <prefix>.dead   --> queue <prefix>.clicks.dead
//! default exchange         --> queue <prefix>.receipts.<a redirector's process>
//! ```
//!
//! A receipt goes the other way: a worker names the messages of a redirector that
//! are stored.
//!
//! Whoever connects declares all of it, so services start in any order and a
//! deleted queue comes back. Connections are not repaired: on any failure all
//! is dropped and built anew, one path for every fault.

use std::time::Duration;

use lapin::{
    Channel, Confirmation, Connection, ConnectionProperties, ExchangeKind,
    options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable, ShortString},
    uri::AMQPUri,
};

/// The settings of RabbitMQ, the same for every service that uses it.
#[derive(Debug, Clone, clap::Args)]
pub struct AmqpSettings {
    /// amqp://user:password@host:port/vhost
    #[arg(long, env = "AMQP_URL", hide_env_values = true, value_parser = parse_uri)]
    pub amqp_url: AMQPUri,
    /// Put before the names of exchanges and queues. The same for redirectors
    /// and workers.
    #[arg(long, env = "AMQP_PREFIX", default_value = "waypost")]
    pub amqp_prefix: String,
}

/// Seconds after which a broker that says nothing is taken for gone.
const HEARTBEAT_S: u16 = 10;
/// How long connecting and declaring may take, all in all.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a broker may take to say goodbye.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);

/// The names of exchanges and queues under one prefix.
#[derive(Debug, Clone)]
pub struct Topology {
    pub clicks_exchange: ShortString,
    pub clicks_queue: ShortString,
    pub dead_exchange: ShortString,
    pub dead_queue: ShortString,
    receipts_prefix: String,
}

/// A queue of receipts is deleted when nobody has consumed from it for an hour.
const RECEIPTS_EXPIRE_MS: i32 = 3_600_000;

impl Topology {
    /// The routing key of clicks, in both exchanges.
    pub const CLICKS_KEY: &'static str = "clicks";

    pub fn new(prefix: &str) -> Self {
        Self {
            clicks_exchange: format!("{prefix}.clicks").into(),
            clicks_queue: format!("{prefix}.clicks").into(),
            dead_exchange: format!("{prefix}.dead").into(),
            dead_queue: format!("{prefix}.clicks.dead").into(),
            receipts_prefix: format!("{prefix}.receipts."),
        }
    }

    /// Declares everything; what is there already stays as it is.
    pub async fn declare(&self, channel: &Channel) -> lapin::Result<()> {
        for exchange in [&self.clicks_exchange, &self.dead_exchange] {
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
        self.declare_queue(
            channel,
            &self.dead_queue,
            &self.dead_exchange,
            FieldTable::default(),
        )
        .await?;
        let mut arguments = FieldTable::default();
        // What is rejected goes to the dead-letter queue, at least once: with
        // the default strategy it would be lost if that queue is away.
        insert(
            &mut arguments,
            "x-dead-letter-exchange",
            &self.dead_exchange,
        );
        insert(
            &mut arguments,
            "x-dead-letter-strategy",
            &"at-least-once".into(),
        );
        // Which is a condition of that strategy; there is no length limit.
        insert(&mut arguments, "x-overflow", &"reject-publish".into());
        self.declare_queue(
            channel,
            &self.clicks_queue,
            &self.clicks_exchange,
            arguments,
        )
        .await
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
    pub async fn declare_receipts(channel: &Channel, queue: &ShortString) -> lapin::Result<()> {
        let mut arguments = FieldTable::default();
        arguments.insert("x-expires".into(), AMQPValue::LongInt(RECEIPTS_EXPIRE_MS));
        declare_durable(channel, queue, arguments).await
    }

    async fn declare_queue(
        &self,
        channel: &Channel,
        queue: &ShortString,
        exchange: &ShortString,
        mut arguments: FieldTable,
    ) -> lapin::Result<()> {
        // Replicated, and on disk before it is confirmed.
        insert(&mut arguments, "x-queue-type", &"quorum".into());
        declare_durable(channel, queue, arguments).await?;
        channel
            .queue_bind(
                queue.clone(),
                exchange.clone(),
                Self::CLICKS_KEY.into(),
                QueueBindOptions::default(),
                FieldTable::default(),
            )
            .await
    }
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
    #[error("RabbitMQ does not answer within {} s", CONNECT_TIMEOUT.as_secs())]
    TimedOut,
}

/// A parser for the setting; what the URL leaves open gets our values.
fn parse_uri(text: &str) -> Result<AMQPUri, String> {
    let mut uri: AMQPUri = text.parse()?;
    uri.query.heartbeat.get_or_insert(HEARTBEAT_S);
    let connect_ms = u64::try_from(CONNECT_TIMEOUT.as_millis()).unwrap_or(u64::MAX);
    uri.query.connection_timeout.get_or_insert(connect_ms);
    Ok(uri)
}

/// A fresh connection and channel with the topology declared.
pub async fn connect(
    uri: &AMQPUri,
    topology: &Topology,
    name: &str,
) -> Result<(Connection, Channel), ConnectError> {
    let connecting = async {
        // No automatic recovery: see the head of this module.
        let properties = ConnectionProperties::default().with_connection_name(name.into());
        let connection = Connection::connect_uri(uri.clone(), properties).await?;
        let channel = connection.create_channel().await?;
        topology.declare(&channel).await?;
        Ok((connection, channel))
    };
    match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
        Ok(connected) => connected,
        Err(_) => Err(ConnectError::TimedOut),
    }
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
pub enum Unconfirmed {
    #[error("the broker returned a message: no queue is bound ({reply_code} {reply_text})")]
    Returned { reply_code: u16, reply_text: String },
    #[error("the broker refused a message (nack)")]
    Nacked,
    #[error("the channel is not in confirm mode")]
    NotRequested,
    #[error("the channel or connection ended before the broker confirmed: {0}")]
    Ended(#[from] lapin::Error),
    #[error("the broker does not confirm within {} s", .0.as_secs())]
    TimedOut(Duration),
}

/// What a confirm means. Only an ack that carries no returned message says
/// that the message is on a queue. lapin hangs a returned message on whichever
/// confirm it resolves next, so a return speaks of the channel, not of this
/// message: the caller has to send everything unconfirmed again.
pub fn confirmed(result: lapin::Result<Confirmation>) -> Result<(), Unconfirmed> {
    match result {
        Ok(Confirmation::Ack(None)) => Ok(()),
        Ok(Confirmation::Ack(Some(returned)) | Confirmation::Nack(Some(returned))) => {
            Err(Unconfirmed::Returned {
                reply_code: returned.reply_code,
                reply_text: returned.reply_text.to_string(),
            })
        }
        Ok(Confirmation::Nack(None)) => Err(Unconfirmed::Nacked),
        Ok(Confirmation::NotRequested) => Err(Unconfirmed::NotRequested),
        Err(error) => Err(Unconfirmed::Ended(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_ack_is_a_confirm() {
        assert!(confirmed(Ok(Confirmation::Ack(None))).is_ok());
        let refused = [
            confirmed(Ok(Confirmation::Nack(None))),
            confirmed(Ok(Confirmation::NotRequested)),
            confirmed(Err(lapin::ErrorKind::MissingHeartbeatError.into())),
        ];
        assert!(refused.iter().all(Result::is_err), "{refused:?}");
    }

    #[test]
    fn a_url_gets_a_heartbeat_and_a_wrong_one_is_refused() {
        let uri = parse_uri("amqp://guest:guest@localhost:5672/%2f").unwrap();
        assert_eq!(uri.query.heartbeat, Some(HEARTBEAT_S));
        let own = parse_uri("amqp://localhost?heartbeat=3").unwrap();
        assert_eq!(own.query.heartbeat, Some(3));
        assert!(parse_uri("http://localhost").is_err());
    }
}
