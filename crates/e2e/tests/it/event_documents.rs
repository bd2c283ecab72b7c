//! The documents of the events: `proto-docs/click-event.schema.json` and
//! `conversion.schema.json` are generated from the types, `proto-docs/asyncapi.json`
//! is written by hand, and all must match the code. `UPDATE_DOCS=1` updates the
//! schemas.

use domain::{
    bot::BotReason,
    click::ClickEvent,
    conversion::Conversion,
    event::{CONTENT_TYPE, MAX_EVENTS_PER_MESSAGE, SCHEMA_VERSION},
    partition::partition_of_account,
};
use e2e::{
    client::{BOT, Client, Tenant},
    servers::workspace,
    test_environment::{N_PARTITIONS, TestEnvironment},
};
use lapin::{options::BasicGetOptions, types::AMQPValue};
use platform::amqp::Topology;
use serde_json::{Value, json};

/// The schemas by their files.
fn schemas() -> [(&'static str, Value); 2] {
    let named = |schema: schemars::Schema, title: &str, name: &str| {
        let mut schema = serde_json::to_value(schema).unwrap();
        schema["title"] = json!(title);
        schema["$id"] = json!(format!("urn:waypost:{name}:{SCHEMA_VERSION}"));
        schema
    };
    let click = schemars::schema_for!(ClickEvent<'static>);
    let conversion = schemars::schema_for!(Conversion<'static>);
    [
        (
            "click-event.schema.json",
            named(click, "ClickEvent", "click-event"),
        ),
        (
            "conversion.schema.json",
            named(conversion, "Conversion", "conversion"),
        ),
    ]
}

fn document(name: &str) -> Value {
    let path = workspace().join("proto-docs").join(name);
    let text =
        std::fs::read_to_string(&path).unwrap_or_else(|_| panic!("{} is missing", path.display()));
    serde_json::from_str(&text).unwrap()
}

#[test]
fn the_published_schemas_match_the_types() {
    for (name, schema) in schemas() {
        if std::env::var_os("UPDATE_DOCS").is_some() {
            let path = workspace().join("proto-docs").join(name);
            std::fs::write(path, format!("{schema:#}\n")).unwrap();
        }
        assert_eq!(
            document(name),
            schema,
            "stale: run UPDATE_DOCS=1 cargo test -p e2e event_documents"
        );
    }
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
fn the_asyncapi_document_matches_the_code() {
    let document = document("asyncapi.json");
    let topology = Topology::new("waypost", 8);
    let channels = &document["channels"];
    let all = [
        (
            "clicks",
            Topology::CLICKS_ROUTING_KEY,
            &topology.clicks_exchange,
            topology.unpartitioned_queue.as_str(),
        ),
        (
            "partitionedClicks",
            "clicks.{partition}",
            &topology.clicks_exchange,
            "waypost.clicks.{partition}",
        ),
        (
            "deadClicks",
            Topology::CLICKS_ROUTING_KEY,
            &topology.dead_letter_exchange,
            topology.dead_letter_queue.as_str(),
        ),
    ];
    let numbered = |text: &str| text.replace("{partition}", "3");
    assert_eq!(
        numbered(all[1].1),
        Topology::partition_routing_key(3).as_str(),
        "as the code names them"
    );
    assert_eq!(numbered(all[1].3), topology.partition_queue(3).as_str());
    for (channel, key, exchange, queue) in all {
        let channel = &channels[channel];
        assert_eq!(channel["address"], key);
        assert_eq!(
            channel["bindings"]["amqp"]["exchange"]["name"],
            exchange.as_str()
        );
        assert_eq!(channel["bindings"]["amqp"]["exchange"]["type"], "direct");
        assert_eq!(channel["x-queue"]["name"], queue);
    }
    let receipts = &channels["receipts"];
    assert_eq!(
        receipts["address"],
        topology.receipts_queue("{process}").as_str()
    );
    let message = &document["components"]["messages"]["clicks"];
    assert_eq!(message["contentType"], CONTENT_TYPE);
    assert_eq!(
        message["headers"]["properties"]["schema-version"]["const"],
        SCHEMA_VERSION
    );
    assert_eq!(message["x-max-events"], MAX_EVENTS_PER_MESSAGE);
    let lines = &message["payload"]["schema"]["x-line-schema"]["oneOf"];
    for (line, (name, _)) in lines.as_array().unwrap().iter().zip(schemas()) {
        assert_eq!(line["$ref"], format!("./{name}"));
    }
}

#[tokio::test]
async fn a_published_message_matches_the_documents() {
    let test_env = TestEnvironment::new().await;
    let api = test_env.start_api();
    let tenant = Tenant::create(&test_env, &api, "documented").await;
    let edge = test_env.start_edge(&api);
    let client = Client::new(&api, Some(&edge));
    let link = client.mint(&tenant).await;
    let tracker = link["clickTrackerUrl"].as_str().unwrap();
    client
        .click(&format!("{tracker}?sub1=a%00b&sub2=%C3%A9&source=s"), BOT)
        .await
        .destination();
    let link_id = link["linkId"].as_str().unwrap();
    let path = format!("/conv?link_id={link_id}&revenue=12.50&txn_id=order-1");
    let postback = client.edge_request(reqwest::Method::GET, &tenant.short_host, &path);
    assert_eq!(postback.send().await.unwrap().status(), 200);
    edge.stop();
    let account_id = domain::id::AccountId(tenant.account_id);
    let partition = partition_of_account(account_id, N_PARTITIONS);
    let queue = test_env.topology().partition_queue(partition);
    let (_connection, channel) = test_env.amqp().await;
    let options = BasicGetOptions { no_ack: true };
    // Both lines may have come in one message.
    let mut messages = Vec::new();
    while let Some(message) = channel.basic_get(queue.clone(), options).await.unwrap() {
        messages.push(message);
    }
    let message = &messages[0];
    let properties = &message.properties;
    assert_eq!(
        properties.content_type().as_ref().unwrap().as_str(),
        CONTENT_TYPE
    );
    assert_eq!(*properties.delivery_mode(), Some(2), "persistent");
    let reply_to = properties.reply_to().as_ref().unwrap().as_str();
    assert!(
        test_env.topology().is_receipts_queue(reply_to),
        "{reply_to}"
    );
    // The process, and its attempt to receive receipts.
    let process = reply_to.rsplit('.').nth(1).unwrap();
    let id = properties.correlation_id().as_ref().unwrap().as_str();
    assert!(id.starts_with(&format!("{process}:")), "{id}");
    let headers = properties.headers().as_ref().unwrap().inner();
    assert_eq!(
        headers.get("schema-version"),
        Some(&AMQPValue::LongInt(SCHEMA_VERSION))
    );
    let body: Vec<u8> = messages
        .iter()
        .flat_map(|m| m.delivery.data.clone())
        .collect();
    let lines: Vec<Value> = body
        .split(|&b| b == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2);
    for (line, (name, _)) in lines.iter().zip(schemas()) {
        let validator = jsonschema::validator_for(&document(name)).unwrap();
        assert!(validator.is_valid(line), "{line}");
    }
    assert_eq!(lines[1]["revenue"], "12.5");
    assert_eq!(lines[1]["link_id"], link_id);
    let event = &lines[0];
    assert_eq!(event["sub1"], "a\u{fffd}b");
    assert_eq!(event["sub2"], "é");
    assert_eq!(event["bot_reasons"], json!([BotReason::UaBot.as_str()]));
    assert!(event.get("sub3").is_none(), "what has no value is left out");
}
