//! Fills the queue of clicks, for scripts/bench: `preload-clicks N` publishes N
//! events, as a redirector would, to the queue that `AMQP_URL` and
//! `AMQP_PREFIX` name. The same events for the same N.

use std::{borrow::Cow, collections::VecDeque, net::Ipv4Addr};

use domain::{
    bot::BotReason,
    click::{CONTENT_TYPE, ClickEvent, MAX_EVENTS_PER_MESSAGE, SCHEMA_VERSION},
    id::{AccountId, ClickId, CreativeId, LinkKey, ListId, OfferId, ShortId},
};
use lapin::{
    BasicProperties, Connection, ConnectionProperties,
    options::{BasicPublishOptions, ConfirmSelectOptions},
    types::{AMQPValue, FieldTable},
};
use platform::amqp::{Topology, confirmed};
use rand::{Rng as _, RngExt as _, SeedableRng as _, rngs::StdRng};

/// Messages under way at once.
const WINDOW: usize = 64;

#[tokio::main]
async fn main() {
    let n_clicks: usize = std::env::args()
        .nth(1)
        .and_then(|n| n.parse().ok())
        .expect("usage: preload-clicks N");
    let variable = |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("{name} is missing"));
    let topology = Topology::new(&variable("AMQP_PREFIX"));
    let url = variable("AMQP_URL");
    let connection = Connection::connect(&url, ConnectionProperties::default());
    let connection = connection.await.expect("RabbitMQ");
    let channel = connection.create_channel().await.expect("a channel");
    topology.declare(&channel).await.expect("the queues");
    let confirms = channel.confirm_select(ConfirmSelectOptions::default());
    confirms.await.expect("confirms");

    let mut headers = FieldTable::default();
    headers.insert("schema-version".into(), AMQPValue::LongInt(SCHEMA_VERSION));
    let properties = BasicProperties::default()
        .with_delivery_mode(2)
        .with_content_type(CONTENT_TYPE.into())
        .with_headers(headers);
    let mut clicks = Clicks::new(n_clicks);
    let mut under_way = VecDeque::new();
    let mut left = n_clicks;
    while left > 0 {
        let n = left.min(MAX_EVENTS_PER_MESSAGE);
        left -= n;
        let mut body = Vec::new();
        for _ in 0..n {
            clicks.next().write_line(&mut body);
        }
        let options = BasicPublishOptions {
            mandatory: true,
            ..Default::default()
        };
        let published = channel
            .basic_publish(
                topology.clicks_exchange.clone(),
                Topology::CLICKS_KEY.into(),
                options,
                &body,
                properties.clone(),
            )
            .await;
        under_way.push_back(published.expect("published"));
        if under_way.len() >= WINDOW {
            let oldest = under_way.pop_front().expect("there is one");
            confirmed(oldest.await).expect("confirmed");
        }
    }
    for message in under_way {
        confirmed(message.await).expect("confirmed");
    }
}

/// Clicks of the last hour: three messages in ten clicked twice, one click in
/// ten a bot's.
struct Clicks {
    rng: StdRng,
    n_messages: usize,
    unix_ms: u64,
}

impl Clicks {
    fn new(n_clicks: usize) -> Self {
        let now = u64::try_from(jiff::Timestamp::now().as_millisecond()).expect("after 1970");
        Self {
            rng: StdRng::seed_from_u64(n_clicks as u64),
            n_messages: n_clicks * 7 / 10,
            unix_ms: now - 3_600_000,
        }
    }

    fn next(&mut self) -> ClickEvent<'static> {
        let rng = &mut self.rng;
        let message = rng.random_range(0..self.n_messages.max(1));
        let is_bot = rng.random_ratio(1, 10);
        let unix_ms = self.unix_ms + rng.random_range(0..3_600_000);
        let link_id = ShortId::generate(&mut StdRng::seed_from_u64(message as u64));
        ClickEvent {
            click_id: ClickId::generate(unix_ms, rng),
            account_id: AccountId(1),
            link_key: LinkKey(message as i64 + 1),
            link_id: Cow::Owned(link_id),
            list_id: Some(ListId(1)),
            offer_id: OfferId::parse("6789abcd1234ef5678901234").ok(),
            creative_id: Some(CreativeId(1)),
            campaign_id: None,
            message_id: Some(format!("message-{message}").into()),
            contact_phone: Some(format!("+1202{message:07}").into()),
            ip: Ipv4Addr::from_bits(rng.next_u32()).into(),
            user_agent: Some(user_agent(rng.random_range(0..200)).into()),
            referrer: None,
            country: Some("US".into()),
            asn: Some(21_928),
            sub1: Some("campaign_a".into()),
            sub2: Some(format!("user_{message}").into()),
            sub3: None,
            sub4: None,
            sub5: None,
            source: Some("sms".into()),
            creative: None,
            cost: None,
            bot_reasons: is_bot
                .then_some(BotReason::DatacenterIp)
                .into_iter()
                .collect(),
            bot_rules: is_bot
                .then_some("cloud_network".into())
                .into_iter()
                .collect(),
            confirmed: false,
            traceparent: None,
        }
    }
}

fn user_agent(n: usize) -> String {
    format!(
        "Mozilla/5.0 (iPhone; CPU iPhone OS {}_{} like Mac OS X) AppleWebKit/605.1.15 \
         (KHTML, like Gecko) Version/{}.0 Mobile/15E148 Safari/604.1",
        10 + n % 10,
        n / 10,
        10 + n % 10
    )
}
