//! Publishing what can never be stored to the dead-letter queue. The broker confirms it before
//! its message is acknowledged, so nothing is lost. After a crash in between, a line may be in
//! the queue twice.

use std::time::Duration;

use lapin::{
    BasicProperties, Channel, Connection,
    options::{BasicPublishOptions, ConfirmSelectOptions},
    types::{AMQPValue, FieldTable},
};
use platform::amqp::{self, ConfirmError, Topology};

use super::decode::RejectedEvent;

/// How long the broker may take to confirm a dead letter.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(30);

/// A channel to the dead-letter queue.
pub struct DeadLetters {
    channel: Channel,
    topology: Topology,
}

impl DeadLetters {
    pub async fn open(connection: &Connection, topology: &Topology) -> lapin::Result<Self> {
        let channel = connection.create_channel().await?;
        channel
            .confirm_select(ConfirmSelectOptions::default())
            .await?;
        Ok(Self {
            channel,
            topology: topology.clone(),
        })
    }

    /// Publishes a rejected event, with the reason in its headers.
    pub async fn publish(&self, rejected: &RejectedEvent) -> Result<(), ConfirmError> {
        let mut headers = FieldTable::default();
        let mut insert = |key: &str, value: &str| {
            headers.insert(key.into(), AMQPValue::LongString(value.into()));
        };
        insert("reason", rejected.reason);
        insert("detail", &rejected.detail);
        let properties = BasicProperties::default()
            .with_delivery_mode(amqp::DELIVERY_MODE_PERSISTENT)
            .with_headers(headers);
        let options = BasicPublishOptions {
            // If the queue does not exist, the broker must not confirm the line.
            mandatory: true,
            ..Default::default()
        };
        let publishing = async {
            let confirm = self
                .channel
                .basic_publish(
                    self.topology.dead_letter_exchange.clone(),
                    Topology::CLICKS_ROUTING_KEY.into(),
                    options,
                    &rejected.body,
                    properties,
                )
                .await?;
            amqp::check_confirmation(confirm.await)
        };
        match tokio::time::timeout(CONFIRM_TIMEOUT, publishing).await {
            Ok(result) => result,
            Err(_) => Err(ConfirmError::TimedOut(CONFIRM_TIMEOUT)),
        }
    }
}
