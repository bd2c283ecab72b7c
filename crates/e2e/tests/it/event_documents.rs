//! The documents of the event: `proto-docs/click-event.schema.json` is
//! generated from the type, `proto-docs/asyncapi.json` is written by hand, and
//! both must say what the code does. `UPDATE_DOCS=1` writes the schema anew.

use domain::{
    bot::BotReason,
    click::{CONTENT_TYPE, ClickEvent, MAX_EVENTS_PER_MESSAGE, SCHEMA_VERSION},
};
use e2e::{
    client::{BOT, Client, Tenant},
    servers::workspace,
    wait::wait_for,
    world::World,
};
use lapin::{options::BasicGetOptions, types::AMQPValue};
use platform::amqp::Topology;
use serde_json::{Value, json};

fn schema() -> Value {
    let mut schema = serde_json::to_value(schemars::schema_for!(ClickEvent<'static>)).unwrap();
    schema["title"] = json!("ClickEvent");
    schema["$id"] = json!(format!("urn:waypost:click-event:{SCHEMA_VERSION}"));
    schema
}

fn document(name: &str) -> Value {
    let path = workspace().join("proto-docs").join(name);
    let text =
        std::fs::read_to_string(&path).unwrap_or_else(|_| panic!("{} is missing", path.display()));
    serde_json::from_str(&text).unwrap()
}

#[test]
fn the_schema_is_the_types() {
    if std::env::var_os("UPDATE_DOCS").is_some() {
        let path = workspace().join("proto-docs/click-event.schema.json");
        std::fs::write(path, format!("{:#}\n", schema())).unwrap();
    }
    assert_eq!(
        document("click-event.schema.json"),
        schema(),
        "stale: run UPDATE_DOCS=1 cargo test -p e2e event_documents"
    );
}

#[test]
fn the_schema_accepts_events_and_refuses_others() {
    let validator = jsonschema::validator_for(&document("click-event.schema.json")).unwrap();
    let event = json!({
        "click_id": "01a11d5c-1e7b-7123-8123-456789abcdef", "account_id": 1, "link_key": 1,
        "link_id": "Ab3kX9q", "ip": "203.0.113.9", "bot_reasons": ["ua_bot"],
    });
    assert!(
        validator.is_valid(&event),
        "{:?}",
        validator.validate(&event)
    );
    for (field, value) in [
        ("click_id", json!("a1b2c3d4-e5f6-4890-abcd-ef1234567890")), // version 4
        ("account_id", json!("1")),
        ("link_id", json!("a/b")),
        ("offer_id", json!("123")),
        ("bot_reasons", json!(["because"])),
    ] {
        let mut event = event.clone();
        event[field] = value;
        assert!(!validator.is_valid(&event), "{event}");
    }
}

#[test]
fn the_asyncapi_document_names_what_the_code_uses() {
    let document = document("asyncapi.json");
    let topology = Topology::new("waypost");
    let channels = &document["channels"];
    for (channel, exchange, queue) in [
        ("clicks", &topology.clicks_exchange, &topology.clicks_queue),
        ("deadClicks", &topology.dead_exchange, &topology.dead_queue),
    ] {
        let channel = &channels[channel];
        assert_eq!(channel["address"], Topology::CLICKS_KEY);
        assert_eq!(
            channel["bindings"]["amqp"]["exchange"]["name"],
            exchange.as_str()
        );
        assert_eq!(channel["bindings"]["amqp"]["exchange"]["type"], "direct");
        assert_eq!(channel["x-queue"]["name"], queue.as_str());
    }
    let message = &document["components"]["messages"]["clicks"];
    assert_eq!(message["contentType"], CONTENT_TYPE);
    assert_eq!(
        message["headers"]["properties"]["schema-version"]["const"],
        SCHEMA_VERSION
    );
    assert_eq!(message["x-max-events"], MAX_EVENTS_PER_MESSAGE);
    assert_eq!(
        message["payload"]["schema"]["x-line-schema"]["$ref"],
        "./click-event.schema.json"
    );
}

#[tokio::test]
async fn a_published_message_is_what_the_documents_say() {
    let world = World::new().await;
    let api = world.start_api();
    let tenant = Tenant::create(&world, &api, "documented").await;
    let edge = world.start_edge(&api);
    let client = Client::new(&api, Some(&edge));
    let link = client.mint(&tenant).await;
    let tracker = link["clickTrackerUrl"].as_str().unwrap();
    client
        .click(&format!("{tracker}?sub1=a%00b&sub2=%C3%A9&source=s"), BOT)
        .await
        .to();
    edge.stop();
    let queue = world.topology().clicks_queue;
    wait_for("the message", 1, async || {
        world.queue_len(queue.as_str()).await
    })
    .await;
    let (_connection, channel) = world.amqp().await;
    let options = BasicGetOptions { no_ack: true };
    let message = channel.basic_get(queue, options).await.unwrap().unwrap();
    let properties = &message.properties;
    assert_eq!(
        properties.content_type().as_ref().unwrap().as_str(),
        CONTENT_TYPE
    );
    assert_eq!(*properties.delivery_mode(), Some(2), "persistent");
    let headers = properties.headers().as_ref().unwrap().inner();
    assert_eq!(
        headers.get("schema-version"),
        Some(&AMQPValue::LongInt(SCHEMA_VERSION))
    );
    let lines: Vec<_> = message
        .delivery
        .data
        .split(|&b| b == b'\n')
        .filter(|line| !line.is_empty())
        .collect();
    assert_eq!(lines.len(), 1);
    let event: Value = serde_json::from_slice(lines[0]).unwrap();
    let validator = jsonschema::validator_for(&document("click-event.schema.json")).unwrap();
    assert!(validator.is_valid(&event), "{event}");
    assert_eq!(event["sub1"], "a\u{fffd}b");
    assert_eq!(event["sub2"], "é");
    assert_eq!(event["bot_reasons"], json!([BotReason::UaBot.as_str()]));
    assert!(event.get("sub3").is_none(), "what has no value is left out");
}
