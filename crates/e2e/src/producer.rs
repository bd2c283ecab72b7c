//! Publishes events to the queues without a redirector.

use std::sync::atomic::{AtomicU64, Ordering};

use domain::{
    event::{CONTENT_TYPE, SCHEMA_VERSION},
    id::AccountId,
    partition::partition_of_account,
};
use lapin::{
    BasicProperties, Channel, Connection,
    options::{BasicPublishOptions, ConfirmSelectOptions},
    types::{AMQPValue, FieldTable, ShortString},
};
use platform::amqp::{Topology, check_confirmation};

use crate::{test_environment::TestEnvironment, wait::wait_for};

pub struct Producer {
    topology: Topology,
    n_published: AtomicU64,
    _connection: Connection,
    channel: Channel,
}

impl Producer {
    pub async fn open(test_env: &TestEnvironment) -> Self {
        let (connection, channel) = test_env.amqp().await;
        let topology = test_env.topology();
        topology.declare(&channel).await.expect("the queues");
        let confirms = channel.confirm_select(ConfirmSelectOptions::default());
        confirms.await.expect("confirms");
        Self {
            topology,
            n_published: AtomicU64::new(0),
            _connection: connection,
            channel,
        }
    }

    pub async fn publish(&self, lines: &[String]) {
        self.publish_as(CONTENT_TYPE, SCHEMA_VERSION, lines.join("\n").as_bytes())
            .await;
    }

    /// Publishes to all queues in turn: workers must not rely on an account having one queue.
    fn next_key(&self) -> ShortString {
        let n_keys = u64::from(self.topology.n_partitions) + 1;
        let key = self.n_published.fetch_add(1, Ordering::Relaxed) % n_keys;
        match u16::try_from(key) {
            Ok(partition) if partition < self.topology.n_partitions => {
                Topology::partition_routing_key(partition)
            }
            _ => Topology::CLICKS_ROUTING_KEY.into(),
        }
    }

    /// Publishes to the queue of an account.
    pub async fn publish_for_account(&self, account_id: i64, lines: &[String]) {
        let partition = partition_of_account(AccountId(account_id), self.topology.n_partitions);
        let key = Topology::partition_routing_key(partition);
        let body = lines.join("\n");
        self.publish_to(key, CONTENT_TYPE, SCHEMA_VERSION, body.as_bytes())
            .await;
    }

    pub async fn publish_as(&self, content_type: &str, schema_version: i32, body: &[u8]) {
        self.publish_to(self.next_key(), content_type, schema_version, body)
            .await;
    }

    /// Publishes until the message is on the queue. While a queue is declared again, messages
    /// between its declaration and its binding are returned.
    async fn publish_to(
        &self,
        key: ShortString,
        content_type: &str,
        schema_version: i32,
        body: &[u8],
    ) {
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
                key.clone(),
                options,
                body,
                properties.clone(),
            );
            check_confirmation(publishing.await.expect("a channel").await).is_ok()
        })
        .await;
    }
}
