//! Fills the queues of events, as redirectors would.

use std::collections::VecDeque;

use domain::{
    event::{CONTENT_TYPE, MAX_EVENTS_PER_MESSAGE, SCHEMA_VERSION},
    id::AccountId,
    partition::partition_of_account,
};
use lapin::{
    BasicProperties, Channel, Connection, PublisherConfirm,
    options::{BasicPublishOptions, ConfirmSelectOptions},
    types::{AMQPValue, FieldTable},
};
use platform::amqp::{DELIVERY_MODE_PERSISTENT, Topology, check_confirmation};

use crate::{
    events::{EventMix, Events},
    system::System,
};

/// The settings that name the queues, for the services of a row that fills them.
pub const SETTINGS: [(&str, &str); 2] = [("AMQP_PREFIX", PREFIX), ("AMQP_PARTITIONS", "8")];
const PREFIX: &str = "bench";
const N_PARTITIONS: u16 = 8;
/// Messages that RabbitMQ has not confirmed yet, at most.
const WINDOW: usize = 64;

/// Publishes `n_events` events to the queues of their accounts. The same arguments give the
/// same events, but for their times.
pub async fn fill(system: &System, n_events: usize, mix: EventMix) {
    let mut queues = Queues::open(system).await;
    let mut events = Events::new(n_events, mix);
    while let Some((account_id, line)) = events.next() {
        queues.publish(account_id, &line).await;
    }
    queues.finish().await;
}

struct Queues {
    _connection: Connection,
    channel: Channel,
    topology: Topology,
    properties: BasicProperties,
    /// The message of each partition that is being filled: its lines, and their number.
    messages: Vec<(Vec<u8>, usize)>,
    unconfirmed: VecDeque<PublisherConfirm>,
}

impl Queues {
    async fn open(system: &System) -> Self {
        let topology = Topology::new(PREFIX, N_PARTITIONS);
        let (connection, channel) = system.test_env.amqp().await;
        topology.declare(&channel).await.expect("the queues");
        let confirms = channel.confirm_select(ConfirmSelectOptions::default());
        confirms.await.expect("confirms");
        let mut headers = FieldTable::default();
        headers.insert("schema-version".into(), AMQPValue::LongInt(SCHEMA_VERSION));
        Self {
            _connection: connection,
            channel,
            properties: BasicProperties::default()
                .with_delivery_mode(DELIVERY_MODE_PERSISTENT)
                .with_content_type(CONTENT_TYPE.into())
                .with_headers(headers),
            messages: vec![(Vec::new(), 0); topology.n_partitions.into()],
            topology,
            unconfirmed: VecDeque::new(),
        }
    }

    async fn publish(&mut self, account_id: AccountId, line: &[u8]) {
        let partition = partition_of_account(account_id, self.topology.n_partitions);
        let (lines, n_lines) = &mut self.messages[usize::from(partition)];
        lines.extend_from_slice(line);
        *n_lines += 1;
        if *n_lines == MAX_EVENTS_PER_MESSAGE {
            self.send(partition).await;
        }
    }

    async fn send(&mut self, partition: u16) {
        let (lines, _) = std::mem::take(&mut self.messages[usize::from(partition)]);
        if lines.is_empty() {
            return;
        }
        let options = BasicPublishOptions {
            mandatory: true,
            ..Default::default()
        };
        let publishing = self.channel.basic_publish(
            self.topology.clicks_exchange.clone(),
            Topology::partition_routing_key(partition),
            options,
            &lines,
            self.properties.clone(),
        );
        let confirm = publishing.await.expect("the message is published");
        self.unconfirmed.push_back(confirm);
        if self.unconfirmed.len() >= WINDOW
            && let Some(oldest) = self.unconfirmed.pop_front()
        {
            check_confirmation(oldest.await).expect("a confirm");
        }
    }

    async fn finish(mut self) {
        for partition in 0..self.topology.n_partitions {
            self.send(partition).await;
        }
        for confirm in self.unconfirmed {
            check_confirmation(confirm.await).expect("a confirm");
        }
    }
}
