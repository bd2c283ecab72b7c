//! Where lines go that cannot be stored: the dead-letter queue, confirmed,
//! before their message is acknowledged. So nothing is dropped; after a crash
//! in between a line may stand there twice.

use std::time::Duration;

use lapin::{
    BasicProperties, Channel, Connection,
    options::{BasicPublishOptions, ConfirmSelectOptions},
    types::{AMQPValue, FieldTable},
};
use platform::amqp::{self, ConfirmError, Topology};

use crate::decode::Poison;

const CONFIRM_TIMEOUT: Duration = Duration::from_secs(30);

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

    pub async fn publish(&self, poison: &Poison) -> Result<(), ConfirmError> {
        let mut headers = FieldTable::default();
        let mut insert = |key: &str, value: &str| {
            headers.insert(key.into(), AMQPValue::LongString(value.into()));
        };
        insert("reason", poison.reason);
        insert("detail", &poison.detail);
        let properties = BasicProperties::default()
            .with_delivery_mode(amqp::DELIVERY_MODE_PERSISTENT)
            .with_headers(headers);
        let options = BasicPublishOptions {
            // Without its queue the line must not count as delivered.
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
                    &poison.body,
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
