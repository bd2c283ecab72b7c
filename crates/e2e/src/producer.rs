//! A producer of a test's own, beside a redirector.

use domain::click::{CONTENT_TYPE, SCHEMA_VERSION};
use lapin::{
    BasicProperties, Channel, Connection,
    options::{BasicPublishOptions, ConfirmSelectOptions},
    types::{AMQPValue, FieldTable},
};
use platform::amqp::{Topology, confirmed};

use crate::{wait::wait_for, world::World};

pub struct Producer {
    topology: Topology,
    _connection: Connection,
    channel: Channel,
}

impl Producer {
    pub async fn open(world: &World) -> Self {
        let (connection, channel) = world.amqp().await;
        let topology = world.topology();
        topology.declare(&channel).await.expect("the queues");
        let confirms = channel.confirm_select(ConfirmSelectOptions::default());
        confirms.await.expect("confirms");
        Self {
            topology,
            _connection: connection,
            channel,
        }
    }

    pub async fn publish(&self, lines: &[String]) {
        self.publish_as(CONTENT_TYPE, SCHEMA_VERSION, lines.join("\n").as_bytes())
            .await;
    }

    /// Until it is on the queue: one that is being declared anew is bound a
    /// moment after it is there, and what comes in between is returned.
    pub async fn publish_as(&self, content_type: &str, schema_version: i32, body: &[u8]) {
        let mut headers = FieldTable::default();
        headers.insert("schema-version".into(), AMQPValue::LongInt(schema_version));
        let properties = BasicProperties::default()
            .with_content_type(content_type.into())
            .with_headers(headers);
        let options = BasicPublishOptions {
            mandatory: true,
            ..Default::default()
        };
        wait_for("the message on its queue", true, async || {
            let publishing = self.channel.basic_publish(
                self.topology.clicks_exchange.clone(),
                Topology::CLICKS_KEY.into(),
                options,
                body,
                properties.clone(),
            );
            confirmed(publishing.await.expect("a channel").await).is_ok()
        })
        .await;
    }
}
