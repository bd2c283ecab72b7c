//! Faults of RabbitMQ, and of what is in its queues.

use std::time::Duration;

use domain::event::{CONTENT_TYPE, SCHEMA_VERSION};
use futures_util::StreamExt as _;
use lapin::{
    options::{
        BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, QueueBindOptions,
        QueueDeclareOptions,
    },
    types::FieldTable,
};
use platform::amqp::Topology;

use super::{ExpectedEffects, Testbed};
use crate::{producer::Producer, wait::wait_for};

pub async fn memory_alarm(testbed: &mut Testbed) -> ExpectedEffects {
    let rabbitmq = &testbed.servers.rabbitmq;
    let set = |mark: &[&str]| {
        let args = [&["set_vm_memory_high_watermark"], mark].concat();
        tokio::task::block_in_place(|| rabbitmq.rabbitmqctl(&args));
    };
    set(&["absolute", "1"]);
    wait_for("the publisher to be blocked", 1.0, async || {
        testbed.edge_metric("waypost_edge_broker_blocked").await
    })
    .await;
    tokio::time::sleep(testbed.profile.fault).await;
    set(&["0.8"]);
    ExpectedEffects::default()
}

/// Deletes the queues three times, at first while the worker is dead, so that they are not
/// empty.
pub async fn queue_deleted(testbed: &mut Testbed) -> ExpectedEffects {
    let (_connection, channel) = testbed.test_env.amqp().await;
    let n_times = 3;
    let mut n_deleted = 0;
    for i in 0..n_times {
        if i == 0 {
            testbed.workers[0].kill();
        }
        tokio::time::sleep(testbed.profile.fault / n_times).await;
        for queue in testbed.test_env.topology().event_queues() {
            let deleted = channel.queue_delete(queue, Default::default());
            n_deleted += deleted.await.expect("the queue is there");
        }
        testbed.workers[0].start();
    }
    let mut expected = ExpectedEffects::default();
    if n_deleted == 0 {
        expected
            .violations
            .push("the queue was empty each time".to_owned());
    }
    expected
}

/// A second queue gets a copy of every message, and this publishes the copies to the first.
pub async fn delivered_twice(testbed: &mut Testbed) -> ExpectedEffects {
    let (_connection, channel) = testbed.test_env.amqp().await;
    let topology = testbed.test_env.topology();
    let copies = channel
        .queue_declare(
            "".into(),
            QueueDeclareOptions {
                exclusive: true,
                ..Default::default()
            },
            FieldTable::default(),
        )
        .await
        .expect("a queue");
    let name = copies.name().clone();
    for partition in 0..topology.n_partitions {
        channel
            .queue_bind(
                name.clone(),
                topology.clicks_exchange.clone(),
                Topology::partition_routing_key(partition),
                QueueBindOptions::default(),
                FieldTable::default(),
            )
            .await
            .expect("a binding");
    }
    let mut consumer = channel
        .basic_consume(
            name.clone(),
            "".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        )
        .await
        .expect("a consumer");
    let mut n_copies = 0;
    let end = tokio::time::sleep(testbed.profile.fault);
    let mut end = std::pin::pin!(end);
    loop {
        let delivery = tokio::select! {
            delivery = consumer.next() => delivery.expect("it goes on").expect("a message"),
            () = &mut end => break,
        };
        channel
            .basic_publish(
                "".into(),
                topology.unpartitioned_queue.clone(),
                BasicPublishOptions::default(),
                &delivery.data,
                delivery.properties.clone(),
            )
            .await
            .expect("a copy");
        let acked = delivery.acker.ack(BasicAckOptions::default());
        acked.await.expect("an ack");
        n_copies += 1;
    }
    let mut expected = ExpectedEffects::default();
    if n_copies == 0 {
        expected.violations.push("no message was copied".to_owned());
    }
    expected
}

pub async fn unreadable_messages(testbed: &mut Testbed) -> ExpectedEffects {
    let producer = Producer::open(&testbed.test_env).await;
    let mut expected = ExpectedEffects::default();
    let end = tokio::time::Instant::now() + testbed.profile.fault;
    while tokio::time::Instant::now() < end {
        // A message of two unreadable lines, one of invalid bytes, and one of an unknown type.
        let lines = [r#"{"click_id":"no"}"#.to_owned(), "no JSON".to_owned()];
        producer.publish(&lines).await;
        producer
            .publish_as(CONTENT_TYPE, SCHEMA_VERSION, b"\xff\xfe")
            .await;
        producer
            .publish_as("text/plain", SCHEMA_VERSION, b"hello")
            .await;
        expected.n_dead_letters += 4;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    expected
}
