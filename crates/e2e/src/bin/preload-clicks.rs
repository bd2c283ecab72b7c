//! Fills the queues of clicks, for scripts/bench: `preload-clicks N [OPTION...]`
//! publishes N events, as redirectors would, to the queues that `AMQP_URL`,
//! `AMQP_PREFIX` and `AMQP_PARTITIONS` name. The same events for the same arguments.
//!
//! ```text
//! --accounts N       of accounts 1 to N in turn (1)
//! --conversions P    P per cent of them are conversions of the clicks' links (0)
//! --link KEY         all are of this link, by new visitors: a link that anybody may click
//! --seed N           other events for another N (0)
//! ```

use std::{borrow::Cow, collections::VecDeque, net::Ipv4Addr};

use domain::{
    bot::BotReason,
    click::ClickEvent,
    conversion::{Conversion, ConversionSource, EventType},
    event::{CONTENT_TYPE, MAX_EVENTS_PER_MESSAGE, SCHEMA_VERSION},
    id::{AccountId, ClickId, ConversionId, CreativeId, LinkKey, ListId, OfferId, ShortId},
    partition::partition_of_account,
};
use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties, PublisherConfirm,
    options::{BasicPublishOptions, ConfirmSelectOptions},
    types::{AMQPValue, FieldTable},
};
use platform::amqp::{DELIVERY_MODE_PERSISTENT, Topology, check_confirmation};
use rand::{Rng as _, RngExt as _, SeedableRng as _, rngs::StdRng};

/// Messages under way at once.
const WINDOW: usize = 64;

#[tokio::main]
async fn main() {
    let mut args = std::env::args().skip(1);
    let n_events = args.next().and_then(|n| n.parse().ok());
    let mut events = Events::new(n_events.expect("usage: preload-clicks N [OPTION...]"));
    while let Some(name) = args.next() {
        let value = args.next().and_then(|value| value.parse::<i64>().ok());
        let value = value.unwrap_or_else(|| panic!("{name} needs a number"));
        match name.as_str() {
            "--accounts" => events.n_accounts = value,
            "--conversions" => events.per_cent_conversions = value,
            "--link" => events.link_key = Some(value),
            "--seed" => events.rng = StdRng::seed_from_u64(value.unsigned_abs()),
            _ => panic!("there is no option {name}"),
        }
    }
    let mut queues = Queues::open().await;
    while let Some((account_id, line)) = events.next() {
        queues.publish(account_id, &line).await;
    }
    queues.finish().await;
}

/// Messages that are filled and published.
struct Queues {
    _connection: Connection,
    channel: Channel,
    topology: Topology,
    properties: BasicProperties,
    /// By partition: lines, and their number.
    messages: Vec<(Vec<u8>, usize)>,
    under_way: VecDeque<PublisherConfirm>,
}

impl Queues {
    async fn open() -> Self {
        let variable =
            |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("{name} is missing"));
        let n_partitions = std::env::var("AMQP_PARTITIONS")
            .map_or(8, |n| n.parse().expect("AMQP_PARTITIONS is a number"));
        let topology = Topology::new(&variable("AMQP_PREFIX"), n_partitions);
        let url = variable("AMQP_URL");
        let connection = Connection::connect(&url, ConnectionProperties::default());
        let connection = connection.await.expect("RabbitMQ");
        let channel = connection.create_channel().await.expect("a channel");
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
            under_way: VecDeque::new(),
        }
    }

    async fn publish(&mut self, account_id: i64, line: &[u8]) {
        let partition = partition_of_account(AccountId(account_id), self.topology.n_partitions);
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
        let published = self.channel.basic_publish(
            self.topology.clicks_exchange.clone(),
            Topology::partition_routing_key(partition),
            options,
            &lines,
            self.properties.clone(),
        );
        self.under_way
            .push_back(published.await.expect("published"));
        if self.under_way.len() >= WINDOW {
            let oldest = self.under_way.pop_front().expect("there is one");
            check_confirmation(oldest.await).expect("confirmed");
        }
    }

    async fn finish(mut self) {
        for partition in 0..self.topology.n_partitions {
            self.send(partition).await;
        }
        for message in self.under_way {
            check_confirmation(message.await).expect("confirmed");
        }
    }
}

/// Events of the last hour: three messages in ten clicked twice, one click in
/// ten a bot's.
struct Events {
    rng: StdRng,
    n_left: usize,
    n_messages: usize,
    n_accounts: i64,
    per_cent_conversions: i64,
    link_key: Option<i64>,
    unix_ms: u64,
    number: i64,
}

impl Events {
    fn new(n_events: usize) -> Self {
        let now = u64::try_from(jiff::Timestamp::now().as_millisecond()).expect("after 1970");
        Self {
            rng: StdRng::seed_from_u64(n_events as u64),
            n_left: n_events,
            n_messages: n_events * 7 / 10,
            n_accounts: 1,
            per_cent_conversions: 0,
            link_key: None,
            unix_ms: now - 3_600_000,
            number: 0,
        }
    }

    /// An event's account and line.
    fn next(&mut self) -> Option<(i64, Vec<u8>)> {
        self.n_left = self.n_left.checked_sub(1)?;
        self.number += 1;
        let account_id = self.number % self.n_accounts + 1;
        let mut line = Vec::new();
        if self.rng.random_range(0..100) < self.per_cent_conversions {
            self.conversion(account_id).write_line(&mut line);
        } else {
            self.click(account_id).write_line(&mut line);
        }
        Some((account_id, line))
    }

    fn click(&mut self, account_id: i64) -> ClickEvent<'static> {
        let rng = &mut self.rng;
        let message = rng.random_range(0..self.n_messages.max(1)) as i64;
        let is_bot = rng.random_ratio(1, 10);
        let unix_ms = self.unix_ms + rng.random_range(0..3_600_000);
        let of_message = self.link_key.is_none();
        let link_key = self.link_key.unwrap_or(message + 1);
        ClickEvent {
            click_id: ClickId::generate(unix_ms, rng),
            account_id: AccountId(account_id),
            link_key: LinkKey(link_key),
            link_id: Cow::Owned(link_id(link_key)),
            list_id: Some(ListId(1)),
            offer_id: OfferId::parse("6789abcd1234ef5678901234").ok(),
            creative_id: Some(CreativeId(1)),
            campaign_id: None,
            message_id: of_message.then(|| format!("message-{message}").into()),
            contact_phone: of_message.then(|| format!("+1202{message:07}").into()),
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
            path_corrections: Vec::new(),
            traceparent: None,
        }
    }

    /// A server's postback by link, with a transaction of its own.
    fn conversion(&mut self, account_id: i64) -> Conversion<'static> {
        let rng = &mut self.rng;
        let message = rng.random_range(0..self.n_messages.max(1)) as i64;
        let unix_ms = self.unix_ms + rng.random_range(0..3_600_000);
        let of_message = self.link_key.is_none();
        let link_key = self.link_key.unwrap_or(message + 1);
        Conversion {
            conversion_id: ConversionId::generate(unix_ms, rng),
            source: ConversionSource::Conv,
            event: EventType::Sale,
            account_id: Some(AccountId(account_id)),
            click_id: None,
            link_key: Some(LinkKey(link_key)),
            link_id: Some(Cow::Owned(link_id(link_key))),
            offer_id: OfferId::parse("6789abcd1234ef5678901234").ok(),
            campaign_id: None,
            message_id: of_message.then(|| format!("message-{message}").into()),
            contact_phone: of_message.then(|| format!("+1202{message:07}").into()),
            revenue: Some("12.50".parse().expect("a number")),
            currency: "USD".into(),
            txn_id: Some(format!("{:016x}", rng.next_u64()).into()),
            authenticated: false,
            ip: Ipv4Addr::from_bits(rng.next_u32()).into(),
            user_agent: Some("Postback/1.0".into()),
        }
    }
}

fn link_id(link_key: i64) -> ShortId {
    ShortId::generate(&mut StdRng::seed_from_u64(link_key.unsigned_abs()))
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
