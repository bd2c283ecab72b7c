//! Two tenants with links of every kind, random facts about them, and the stored state.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use domain::{
    conversion::{Conversion, ConversionSource, ConversionStatus, EventType},
    coupon::CouponCode,
    delivery::{DeliveryReport, DeliveryStatus},
    id::{AccountId, CampaignId, ClickId, ConversionId, LinkKey, OfferId, ShortId},
    visitor::VisitorHashKey,
};
use e2e::{
    client::{Client, Tenant},
    producer::Producer,
    service::{Service, command},
    test_environment::{TestEnvironment, VISITOR_KEY},
    wait::wait_for,
};
use jiff::{SignedDuration, Timestamp};
use rand::{
    Rng as _, RngExt as _, SeedableRng as _,
    rngs::StdRng,
    seq::{IndexedRandom as _, SliceRandom as _},
};
use reqwest::Method;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::model::{
    Amounts, Click, ConversionCorrection, Counts, Credit, Facts, Key, Link, Message, Terms,
    TotalsKey,
};

const BURST_CLICKS: usize = 5;
const BURST_WINDOW: SignedDuration = SignedDuration::from_secs(3);
const AGENTS: [&str; 4] = [
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Linux; Android 14; SM-T870) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36",
    "something else",
];

pub struct LedgerFixture {
    pub test_env: TestEnvironment,
    pub facts: Facts,
    pub links: Vec<Link>,
    pub keys: Vec<String>,
    pub client: Client,
    /// Runs until the fixture is dropped.
    _api: Service,
    producer: Producer,
    tenants: Vec<Tenant>,
    pub(super) rng: StdRng,
    /// Events that were generated and not published yet.
    lines: Vec<String>,
    /// The time around which all facts are.
    noon: Timestamp,
}

impl LedgerFixture {
    pub async fn new(seed: u64) -> Self {
        let test_env = TestEnvironment::new().await;
        let api = test_env.start_api();
        let client = Client::new(&api, None);
        let producer = Producer::open(&test_env).await;
        let mut tenants = Vec::new();
        for name in ["one", "two"] {
            tenants.push(Tenant::create(&test_env, &api, name).await);
        }
        let facts = Facts {
            visitor_key: VisitorHashKey::new(VISITOR_KEY.as_bytes()).unwrap(),
            burst_clicks: BURST_CLICKS,
            burst_window: BURST_WINDOW,
            clicks: BTreeMap::new(),
            conversions: BTreeMap::new(),
            corrections: Vec::new(),
            deleted: BTreeSet::new(),
            messages: Vec::new(),
            terms: BTreeMap::new(),
        };
        let mut fixture = Self {
            keys: tenants.iter().map(|tenant| tenant.key.clone()).collect(),
            test_env,
            facts,
            links: Vec::new(),
            client,
            _api: api,
            producer,
            tenants,
            rng: StdRng::seed_from_u64(seed),
            lines: Vec::new(),
            noon: Timestamp::now() - SignedDuration::from_hours(24 * 6),
        };
        for tenant in fixture.tenants.clone() {
            fixture.make_links(&tenant).await;
        }
        fixture.read_links().await;
        fixture
    }

    /// With small batches, so that those of two workers conflict.
    pub fn start_workers(&self) -> [Service; 2] {
        self.start_workers_with([("BATCH_MAX_EVENTS", "40"), ("PREFETCH", "4")])
    }

    /// Two workers that look for the bursts of the model.
    pub fn start_workers_with(&self, batches: [(&str, &str); 2]) -> [Service; 2] {
        let [batch, prefetch] = batches;
        let settings = [
            batch,
            prefetch,
            ("BURST_CLICKS", "5"),
            ("BURST_WINDOW_MS", "3000"),
            ("BURST_SETTLE_MS", "50"),
            ("MAINTENANCE_INTERVAL_MS", "50"),
        ];
        [
            self.test_env.start_worker_with(&settings),
            self.test_env.start_worker_with(&settings),
        ]
    }

    /// SMS messages with two links each, links that anybody may click, and
    /// campaign links.
    async fn make_links(&mut self, tenant: &Tenant) {
        let create =
            async |path: &str, body: Value| self.client.create(&tenant.key, path, &body).await;
        let mut offers = Vec::new();
        for (payout, kind, days) in [("2.50", "cpa", 1), ("0.10", "cpc", 2), ("", "", 90)] {
            let offer = json!({
                "name": format!("offer {days}"), "tracking_url": "https://e.com/?c={click_id}",
                "payout": payout, "payout_type": kind, "click_window_days": days,
            });
            let offer = create("/api/v2/offers", offer).await;
            let id = offer["id"].as_str().unwrap().to_owned();
            let terms = Terms {
                payout: (kind == "cpa").then(|| payout.parse().unwrap()),
                window_days: days,
            };
            self.facts.terms.insert(id.clone(), terms);
            offers.push(id);
        }
        let campaign = json!({
            "name": "Spring", "landing_page_url": "https://e.com/spring", "cookie_window_days": 3,
        });
        let campaign = create("/api/campaigns", campaign).await["id"].clone();
        let terms = Terms {
            payout: None,
            window_days: 3,
        };
        self.facts
            .terms
            .insert(campaign.as_str().unwrap().to_owned(), terms);
        for _ in 0..3 {
            create("/api/links", json!({ "campaign_id": campaign })).await;
        }
        for (index, offer) in offers.iter().enumerate() {
            let link = json!({ "offerId": offer, "listId": tenant.list_id, "source": "x" });
            create("/api/v2/links/shorten", link).await;
            let link = json!({
                "url": "https://e.com/", "listId": tenant.list_id,
                "messageId": format!("own-{index}"),
            });
            create("/api/v2/links/shorten", link).await;
        }
        for pair in [[0, 1], [2, 2]] {
            let creative = json!({
                "name": format!("creative {pair:?}"), "message": "{{link1}} {{link2}}",
                "offer_links": [
                    { "key": "link1", "offer_id": offers[pair[0]] },
                    { "key": "link2", "offer_id": offers[pair[1]] },
                ],
            });
            let creative = create("/api/v2/creatives", creative).await["creative"]["id"].clone();
            let messages: Vec<_> = (0..12)
                .map(|n| {
                    json!({
                        "messageId": format!("m-{}-{n}", pair[0]),
                        "contactPhone": format!("+1800555{:04}", 100 + n),
                    })
                })
                .collect();
            let render = json!({ "listId": tenant.list_id, "messages": messages });
            create(&format!("/api/v2/creatives/{creative}/render"), render).await;
            self.record_messages(tenant, &offers[pair[0]], &creative)
                .await;
        }
    }

    /// Messages that the tenant composes by itself: with an own link, with a link that two of
    /// them have, and without any.
    async fn record_messages(&self, tenant: &Tenant, offer: &str, creative: &Value) {
        let create =
            async |path: &str, body: Value| self.client.create(&tenant.key, path, &body).await;
        let mut links = Vec::new();
        for _ in 0..4 {
            let link = json!({ "offerId": offer, "listId": tenant.list_id });
            let link = create("/api/v2/links/shorten", link).await;
            links.push(link["linkId"].clone());
        }
        let message = |n: usize, links: Vec<&Value>, creative: &Value| {
            json!({
                "message_id": format!("recorded-{offer}-{n}"),
                "contact_phone": format!("+1800555{:04}", 100 + n),
                "list_id": tenant.list_id, "creative_id": creative, "text": "Hi", "links": links,
            })
        };
        let messages = json!([
            message(0, vec![&links[0], &links[1]], creative),
            message(1, vec![&links[2]], &Value::Null),
            message(2, vec![&links[3]], creative),
            message(3, vec![&links[3]], creative),
            message(4, Vec::new(), &Value::Null),
        ]);
        let answer = create("/api/v2/messages", json!({ "messages": messages })).await;
        assert_eq!(answer["created"], 5, "{answer}");
    }

    /// Reports of networks about random messages, in random order, some of them twice.
    pub async fn report_deliveries(&mut self, n: usize) {
        for _ in 0..n {
            let index = self.rng.random_range(0..self.facts.messages.len());
            let ms = self.rng.random_range(0..1_000_000_000);
            let at = self.noon + SignedDuration::from_micros(ms);
            let status = *DeliveryStatus::ALL.choose(&mut self.rng).unwrap();
            let times = self.rng.random_range(1..3);
            let message = &mut self.facts.messages[index];
            message.reports.push(DeliveryReport {
                status,
                at: Some(at),
                reason: None,
            });
            let row = json!({
                "message_id": message.id, "contact_phone": message.contact, "at": at,
                "status": format!("{status:?}").to_lowercase(),
            });
            let body = json!({ "messages": vec![row; times] });
            let key = self.key_of(self.facts.messages[index].account_id);
            let path = "/api/v2/messages/status";
            let (status, answer) = self.client.call(key, Method::POST, path, Some(&body)).await;
            assert_eq!((status, &answer["failed"]), (200, &json!(0)), "{answer}");
        }
    }

    async fn read_links(&mut self) {
        let sql = "SELECT * FROM links ORDER BY id";
        for row in self.test_env.db.query(sql, &[]).await.unwrap() {
            self.links.push(Link {
                key: row.get("id"),
                account_id: row.get("account_id"),
                id: row.get("short_id"),
                offer: row.get("offer_id"),
                list: row.get("list_id"),
                creative: row.get("creative_id"),
                campaign: row.get("campaign_id"),
                message: row.get("message_id"),
                contact: row.get("contact_phone"),
            });
        }
        let sql = "SELECT * FROM messages";
        for row in self.test_env.db.query(sql, &[]).await.unwrap() {
            let (account_id, id): (i64, String) = (row.get("account_id"), row.get("message_id"));
            let link_keys: Option<Vec<i64>> = row.get("link_keys");
            let of_message = |link: &&Link| match &link_keys {
                Some(keys) => keys.contains(&link.key),
                None => link.account_id == account_id && link.message.as_ref() == Some(&id),
            };
            let links = self.links.iter().filter(of_message);
            self.facts.messages.push(Message {
                account_id,
                id: id.clone(),
                contact: row.get("contact_phone"),
                reports: Vec::new(),
                sent_at: row.get("sent_at"),
                creative: row.get("creative_id"),
                list: row.get("list_id"),
                links: links.map(|link| (link.key, link.offer.clone())).collect(),
            });
        }
    }

    /// A click `ms` before noon; each of another visitor.
    pub fn click(&mut self, link: usize, ms: u64) -> Click {
        let at = self.noon - SignedDuration::from_millis(i64::try_from(ms).unwrap());
        let unix_ms = u64::try_from(at.as_millisecond()).unwrap();
        Click {
            id: ClickId::generate(unix_ms, &mut self.rng),
            link: self.links[link].clone(),
            ip: self.rng.next_u32().to_be_bytes(),
            user_agent: AGENTS[0],
            country: Some("US"),
            confirmed: false,
            cost: None,
            was_bot: false,
            reclassified: None,
            is_ruled: false,
        }
    }

    /// A sale `ms` before noon of which only the click is known.
    pub fn conversion_of_click(&mut self, click: &Click, ms: u64) -> Conversion<'static> {
        let at = self.noon - SignedDuration::from_millis(i64::try_from(ms).unwrap());
        let unix_ms = u64::try_from(at.as_millisecond()).unwrap();
        Conversion {
            conversion_id: ConversionId::generate(unix_ms, &mut self.rng),
            source: ConversionSource::Conv,
            event: EventType::Sale,
            status: ConversionStatus::Approved,
            account_id: None,
            click_id: Some(click.id),
            link_key: None,
            link_id: None,
            offer_id: None,
            campaign_id: None,
            message_id: None,
            contact_phone: None,
            coupon: None,
            revenue: Some("1.25".parse().unwrap()),
            currency: "USD".into(),
            without_payout: false,
            txn_id: None,
            refund_id: None,
            request_digest: None,
            flags: Vec::new(),
            parameters: BTreeMap::new(),
            authenticated: false,
            ip: [192, 0, 2, 1].into(),
            user_agent: None,
        }
    }

    /// New facts; a third of the clicks and conversions is delivered twice.
    pub fn make_facts(&mut self, n_clicks: usize, n_conversions: usize) {
        let mut new_clicks = Vec::new();
        while new_clicks.len() < n_clicks {
            let link = self.rng.random_range(0..self.links.len());
            // Within five days, and mostly in a few minutes of them.
            let day_ms = 86_400_000 * self.rng.random_range(0..5_u64);
            let ms = match self.rng.random_bool(0.5) {
                true => day_ms + self.rng.random_range(0..300_000),
                false => day_ms + self.rng.random_range(0..86_400_000),
            };
            let mut click = self.click(link, ms);
            click.ip = [203, 0, 113, self.rng.random_range(0..40)];
            click.user_agent = AGENTS.choose(&mut self.rng).unwrap();
            click.country = *[Some("US"), Some("DE"), None]
                .choose(&mut self.rng)
                .unwrap();
            click.was_bot = self.rng.random_bool(0.25);
            click.confirmed = !click.was_bot && self.rng.random_bool(0.1);
            if self.rng.random_bool(0.4) {
                let amount = Decimal::new(self.rng.random_range(0..2_000_000), 8);
                click.cost = Some((amount, ["USD", "EUR"][self.rng.random_range(0..2)]));
            }
            let n_same = if self.rng.random_bool(0.03) { 9 } else { 1 };
            // A scanner of one contact's links, or people behind one proxy.
            let is_one_contact = self.rng.random_bool(0.6);
            for _ in 0..n_same {
                // In steps that may be a burst.
                let step = self.rng.random_range(0..900_u64);
                let unix_ms = u64::try_from(click.id.unix_ms()).unwrap() + step;
                click.id = ClickId::generate(unix_ms, &mut self.rng);
                if !is_one_contact {
                    click.link = self.links.choose(&mut self.rng).unwrap().clone();
                }
                new_clicks.push(click.clone());
            }
        }
        for click in &new_clicks {
            let line = self.click_line(click);
            self.add_line(line);
            self.facts.clicks.insert(click.id, click.clone());
        }
        for _ in 0..n_conversions {
            let conversion = self.any_conversion();
            let line = self.conversion_line(&conversion);
            self.add_line(line);
            self.facts
                .conversions
                .insert(conversion.conversion_id, conversion);
        }
    }

    pub(super) fn add_line(&mut self, line: String) {
        if self.rng.random_bool(0.33) {
            self.lines.push(line.clone());
        }
        self.lines.push(line);
    }

    pub(super) fn any_conversion(&mut self) -> Conversion<'static> {
        let clicks: Vec<_> = self.facts.clicks.keys().copied().collect();
        let click = self.facts.clicks[clicks.choose(&mut self.rng).unwrap()].clone();
        // Around some click, days later, or before it.
        let hours = *[-1, 0, 0, 1, 20, 30, 60, 80].choose(&mut self.rng).unwrap();
        let ms = self.rng.random_range(0..3_600_000_i64) + hours * 3_600_000;
        let at = click.id.time() + SignedDuration::from_millis(ms);
        let mut conversion = self.conversion_of_click(&click, 0);
        let unix_ms = u64::try_from(at.as_millisecond()).unwrap();
        conversion.conversion_id = ConversionId::generate(unix_ms, &mut self.rng);
        let own_event = EventType::from_name("first_deposit").unwrap();
        let events = [EventType::KNOWN.as_slice(), &[own_event]].concat();
        conversion.event = *events.choose(&mut self.rng).unwrap();
        let approved = [ConversionStatus::Approved; 4];
        let statuses = [approved.as_slice(), &ConversionStatus::ALL].concat();
        conversion.status = *statuses.choose(&mut self.rng).unwrap();
        conversion.without_payout = self.rng.random_bool(0.1);
        if conversion.event.is_reversal() && self.rng.random_bool(0.3) {
            conversion.refund_id = Some(format!("refund-{}", self.rng.random_range(0..2)).into());
        }
        let cents = self.rng.random_range(0..10_000);
        conversion.revenue = self.rng.random_bool(0.7).then(|| Decimal::new(cents, 2));
        conversion.currency = if self.rng.random_bool(0.9) {
            "USD"
        } else {
            "EUR"
        }
        .into();
        // Few transactions, so that some are the same, and refunds meet their sales.
        let txn = self.rng.random_range(0..150);
        conversion.txn_id = self
            .rng
            .random_bool(0.7)
            .then(|| format!("order-{txn}").into());
        conversion.authenticated = self.rng.random_bool(0.4);
        let link = click.link.clone();
        match self.rng.random_range(0..10) {
            0..=2 => {}
            3 => {
                // A click that never arrives.
                conversion.click_id = Some(ClickId::generate(unix_ms, &mut self.rng));
                conversion.account_id = self
                    .rng
                    .random_bool(0.5)
                    .then_some(AccountId(link.account_id));
            }
            4 => {
                conversion.source = ConversionSource::Offer;
                // It is credited to its offer until the click is stored.
                conversion.click_id = self.rng.random_bool(0.3).then_some(click.id);
                conversion.account_id = Some(AccountId(link.account_id));
                let offer = link.offer.as_deref().map(|id| OfferId::parse(id).unwrap());
                let some = self
                    .links
                    .iter()
                    .find(|l| l.account_id == link.account_id && l.offer.is_some());
                let some = some.and_then(|link| OfferId::parse(link.offer.as_deref()?).ok());
                conversion.offer_id = offer.or(some);
                conversion.message_id = link.message.clone().map(Cow::Owned);
                conversion.txn_id = Some(format!("order-{txn}").into());
                if conversion.click_id.is_none() && self.rng.random_bool(0.5) {
                    conversion.source = ConversionSource::Coupon;
                    conversion.coupon = CouponCode::parse("SUMMER10").map(Cow::Owned);
                    // A coupon may have no offer, but a link or contact.
                    conversion.offer_id = conversion.offer_id.filter(|_| self.rng.random_bool(0.7));
                    if self.rng.random_bool(0.5) {
                        conversion.link_key = Some(LinkKey(link.key));
                    }
                    conversion.contact_phone = link.contact.clone().map(Cow::Owned);
                }
            }
            n => {
                conversion.click_id = (n == 5).then_some(click.id);
                conversion.source = if n == 6 {
                    ConversionSource::Pixel
                } else {
                    ConversionSource::Conv
                };
                conversion.account_id = Some(AccountId(link.account_id));
                conversion.link_key = Some(LinkKey(link.key));
                conversion.link_id = Some(Cow::Owned(ShortId::parse(&link.id).unwrap()));
                conversion.offer_id = link.offer.as_deref().map(|id| OfferId::parse(id).unwrap());
                let campaign = link.campaign.as_deref();
                conversion.campaign_id =
                    campaign.map(|id| Cow::Owned(CampaignId::parse(id).unwrap()));
                conversion.message_id = link.message.clone().map(Cow::Owned);
                conversion.contact_phone = link.contact.clone().map(Cow::Owned);
                if n == 6 {
                    // The visitor's own browser asks for the pixel.
                    conversion.ip = click.ip.into();
                    conversion.user_agent = Some(click.user_agent.into());
                }
            }
        }
        conversion
    }

    pub fn click_line(&self, click: &Click) -> String {
        let link = &click.link;
        let mut line = json!({
            "click_id": click.id, "account_id": link.account_id, "link_key": link.key,
            "link_id": link.id, "ip": std::net::IpAddr::from(click.ip),
            "user_agent": click.user_agent, "confirmed": click.confirmed,
        });
        // What the model does not know, but reports do.
        let [.., a, b] = *click.id.as_uuid().as_bytes();
        let one_of = |values: [Value; 4], byte: u8| values[usize::from(byte % 4)].clone();
        for (name, value) in [
            (
                "sub1",
                one_of(
                    [json!("spring"), json!("a,b"), json!("ü\\"), Value::Null],
                    a,
                ),
            ),
            (
                "sub2",
                one_of([json!("x"), json!("y"), Value::Null, Value::Null], b),
            ),
            (
                "sub3",
                one_of([json!(a), json!(b), json!("z"), Value::Null], a ^ b),
            ),
            (
                "source",
                one_of([json!("sms"), json!("push"), json!("mail"), Value::Null], b),
            ),
            (
                "language",
                one_of([json!("en"), json!("de"), json!("hi"), Value::Null], a),
            ),
            (
                "region",
                one_of(
                    [json!("US-CA"), json!("US-NY"), Value::Null, Value::Null],
                    b,
                ),
            ),
            (
                "city",
                one_of(
                    [json!("Los Angeles"), Value::Null, Value::Null, Value::Null],
                    b,
                ),
            ),
            (
                "asn",
                one_of([json!(7922), json!(21928), json!(64496), Value::Null], a),
            ),
        ] {
            let value = match value {
                Value::Number(number) if name != "asn" => json!(number.to_string()),
                value => value,
            };
            if !value.is_null() {
                line[name] = value;
            }
        }
        for (name, value) in [
            ("offer_id", json!(link.offer)),
            ("list_id", json!(link.list)),
            ("creative_id", json!(link.creative)),
            ("campaign_id", json!(link.campaign)),
            ("message_id", json!(link.message)),
            ("contact_phone", json!(link.contact)),
            ("country", json!(click.country)),
        ] {
            if !value.is_null() {
                line[name] = value;
            }
        }
        if let Some((amount, currency)) = click.cost {
            line["click_cost"] = json!({ "amount": amount, "currency": currency });
        }
        if click.was_bot {
            line["bot_reasons"] = json!(["ua_bot"]);
            line["bot_rules"] = json!(["a rule, with a comma"]);
        }
        line.to_string()
    }

    pub fn conversion_line(&self, conversion: &Conversion<'static>) -> String {
        let mut line = Vec::new();
        conversion.write_line(&mut line);
        String::from_utf8(line).unwrap().trim_end().to_owned()
    }

    pub async fn publish(&self, lines: &[String]) {
        self.producer.publish(lines).await;
    }

    /// Takes all generated events; the caller publishes them.
    pub fn take_lines(&mut self) -> Vec<String> {
        std::mem::take(&mut self.lines)
    }

    /// Publishes all generated events in random order, in messages of random size.
    pub async fn deliver(&mut self) {
        self.deliver_in_messages_of(1..30).await;
    }

    /// The same, with so many events in each message.
    pub async fn deliver_in_messages_of(&mut self, n_events: Range<usize>) {
        let mut lines = std::mem::take(&mut self.lines);
        lines.shuffle(&mut self.rng);
        while !lines.is_empty() {
            let n = self.rng.random_range(n_events.clone()).min(lines.len());
            let rest = lines.split_off(n);
            self.publish(&lines).await;
            lines = rest;
        }
    }

    pub async fn count(&self, sql: &str) -> i64 {
        self.test_env.count(sql).await
    }

    pub async fn wait_until_stored(&self) {
        let expected = (
            self.facts.clicks.len() as i64,
            self.facts.stored().len() as i64,
            0,
            0,
        );
        // One that came at the same time as its click is matched with it a second later.
        let unmatched = "SELECT count(*)
                         FROM conversions w
                         JOIN clicks c ON c.click_id = w.click_id
                         WHERE w.account_id IS NULL";
        wait_for(
            "clicks, conversions, queues and unmatched",
            expected,
            async || {
                (
                    self.count("SELECT count(*) FROM clicks").await,
                    self.count("SELECT count(*) FROM conversions").await,
                    self.test_env.n_waiting_messages().await,
                    self.count(unmatched).await,
                )
            },
        )
        .await;
    }

    pub async fn wait_for_bursts(&self) {
        let expected = (self.facts.bursts().len() as i64, 0);
        wait_for("clicks of bursts, and marks", expected, async || {
            let sql =
                "SELECT count(*) FROM clicks WHERE 'burst' = ANY (bot_reasons) AND NOT judged";
            let marks = "SELECT count(*) FROM burst_minutes";
            (self.count(sql).await, self.count(marks).await)
        })
        .await;
    }

    pub fn key_of(&self, account_id: i64) -> &str {
        let of = self
            .tenants
            .iter()
            .find(|tenant| tenant.account_id == account_id);
        &of.unwrap().key
    }

    pub fn tenant(&self, index: usize) -> &Tenant {
        &self.tenants[index]
    }

    /// Reclassifies page by page until none is left. Returns the last response, with the sums of
    /// all pages.
    pub async fn reclassify_with(&self, key: &str, mut body: Value) -> (u16, Value) {
        let path = "/api/v2/clicks/reclassify";
        let mut sums = [("matched", 0), ("changed", 0)];
        loop {
            let call = self.client.call(key, Method::POST, path, Some(&body));
            let (status, mut answer) = call.await;
            for (name, sum) in &mut sums {
                *sum += answer[*name].as_i64().unwrap_or_default();
                answer[*name] = (*sum).into();
            }
            let cursor = answer["next_cursor"].take();
            if status != 200 || cursor.is_null() {
                return (status, answer);
            }
            body["cursor"] = cursor;
        }
    }

    /// Verdicts and a rule on what is stored now, for both and for the model.
    pub async fn reclassify(&mut self, phase: usize) {
        for tenant in self.tenants.clone() {
            let account_id = tenant.account_id;
            let of_account: Vec<_> = self
                .links
                .iter()
                .filter(|link| link.account_id == account_id)
                .cloned()
                .collect();
            let link = of_account.choose(&mut self.rng).unwrap().clone();
            let network = self.rng.random_range(0..10_u8) * 4;
            let in_network = |click: &Click| click.ip[3] / 4 == network / 4;
            let agent = AGENTS[3];
            let verdicts = [["bot", "human"], ["human", "bot"], ["bot", "human"]][phase];
            let bodies = [
                json!({ "filter": { "link_id": link.id }, "verdict": verdicts[0] }),
                json!({
                    "filter": { "ip": format!("203.0.113.{network}/30"), "country": "DE" },
                    "verdict": verdicts[1], "reasons": ["datacenter_ip"],
                }),
                json!({
                    "filter": { "to": "2999-01-01T00:00:00Z" },
                    "rule": { "name": "new", "reason": "ua_bot", "user_agent": [agent] },
                }),
            ];
            for (index, body) in bodies.into_iter().enumerate() {
                let (status, answer) = self.reclassify_with(&tenant.key, body).await;
                assert_eq!(status, 200, "{answer}");
                let own = self.facts.clicks.values_mut();
                for click in own.filter(|click| click.link.account_id == account_id) {
                    match index {
                        0 if click.link.id == link.id => click.reclassified = Some(phase != 1),
                        1 if in_network(click) && click.country == Some("DE") => {
                            click.reclassified = Some(phase == 1);
                        }
                        2 if click.user_agent == agent => match &mut click.reclassified {
                            Some(is_bot) => *is_bot = true,
                            None => click.is_ruled = true,
                        },
                        _ => {}
                    }
                }
            }
        }
    }

    /// Corrects and deletes some of the stored conversions, for both accounts and for the model.
    pub async fn correct(&mut self, n: usize) {
        let sql = "SELECT conversion_id, account_id
                   FROM conversions
                   WHERE account_id IS NOT NULL
                   ORDER BY conversion_id";
        let rows = self.test_env.db.query(sql, &[]).await.unwrap();
        let chosen: Vec<_> = rows.sample(&mut self.rng, n).collect();
        for row in chosen {
            let id = ConversionId::from_uuid(row.get("conversion_id")).unwrap();
            let key = self.key_of(row.get("account_id")).to_owned();
            let path = format!("/api/v2/conversions/{id}");
            if self.rng.random_bool(0.2) {
                let call = self.client.call(&key, Method::DELETE, &path, None);
                assert_eq!(call.await.0, 200);
                self.facts.deleted.insert(id);
                continue;
            }
            let correction = self.any_correction();
            let body = json!({
                "status": correction.status,
                "amount": correction.revenue,
                "currency": correction.revenue.map(|_| "USD"),
                "event": correction.event,
            });
            let call = self.client.call(&key, Method::PATCH, &path, Some(&body));
            match call.await {
                (200, _) => self.facts.corrections.push((id, correction)),
                // Two reversals of an order cannot become one conversion.
                (409, answer) => assert_eq!(answer["code"], "conversion_exists"),
                (status, answer) => panic!("{status} {answer}"),
            }
        }
    }

    /// One with another event names an amount, too: the currency of a reversal without one
    /// is that of its order.
    fn any_correction(&mut self) -> ConversionCorrection {
        let event = *["corrected", "chargeback"].choose(&mut self.rng).unwrap();
        let event = self.rng.random_bool(0.3).then_some(event);
        let is_amount_corrected = event.is_some() || self.rng.random_bool(0.4);
        let cents = self.rng.random_range(0..10_000);
        let status = ConversionStatus::ALL.choose(&mut self.rng).copied();
        ConversionCorrection {
            event: event.map(|name| EventType::from_name(name).unwrap()),
            revenue: is_amount_corrected.then(|| Decimal::new(cents, 2)),
            status: status.filter(|_| !is_amount_corrected || self.rng.random_bool(0.5)),
        }
    }

    pub async fn stored_bots(&self) -> BTreeMap<ClickId, bool> {
        let rows = self
            .test_env
            .db
            .query("SELECT click_id, is_bot FROM clicks", &[])
            .await
            .unwrap();
        rows.iter()
            .map(|row| (click_id(row.get("click_id")), row.get("is_bot")))
            .collect()
    }

    pub async fn stored_message_clicks(&self) -> BTreeMap<Key, ClickId> {
        let sql = "SELECT account_id, message_key, contact_key, click_id FROM message_clicks";
        let rows = self.test_env.db.query(sql, &[]).await.unwrap();
        let keyed = |row: &tokio_postgres::Row| {
            let key = (
                row.get("account_id"),
                row.get("message_key"),
                row.get("contact_key"),
            );
            (key, click_id(row.get("click_id")))
        };
        rows.iter().map(keyed).collect()
    }

    pub async fn stored_credits(&self) -> BTreeMap<ConversionId, Credit> {
        let sql = "SELECT conversion_id, attribution, credited_click_id FROM conversions";
        let rows = self.test_env.db.query(sql, &[]).await.unwrap();
        let credit = |row: &tokio_postgres::Row| {
            let click: Option<uuid::Uuid> = row.get("credited_click_id");
            let credit = match row.get("attribution") {
                "click" => Some(Some(click_id(click.unwrap()))),
                "offer" => Some(None),
                _ => None,
            };
            (
                ConversionId::from_uuid(row.get("conversion_id")).unwrap(),
                credit,
            )
        };
        rows.iter().map(credit).collect()
    }

    pub async fn stored_totals(&self) -> BTreeMap<TotalsKey, (Counts, Amounts)> {
        let sql = "
            SELECT account_id, span || ' ' || dimension AS dimension, bucket, key::text AS key,
                   currency::text AS currency, sends, messages, clicks, unique_clicks, bot_clicks,
                   confirmed_clicks, conversions, pending_conversions, delivered_sends,
                   delivered_messages, failed_sends, failed_messages, costed_clicks,
                   revenue::text AS revenue, pending_revenue::text AS pending_revenue,
                   click_cost::text AS click_cost
            FROM totals
            UNION ALL
            SELECT account_id, 'link', bucket, concat_ws('|', link_key, country, device), currency,
                   sum(sends)::integer, sum(messages)::integer, sum(clicks)::integer,
                   sum(unique_clicks)::integer, sum(bot_clicks)::integer,
                   sum(confirmed_clicks)::integer, sum(conversions)::integer,
                   sum(pending_conversions)::integer, sum(delivered_sends)::integer,
                   sum(delivered_messages)::integer, sum(failed_sends)::integer,
                   sum(failed_messages)::integer, sum(costed_clicks)::integer,
                   sum(revenue)::text, sum(pending_revenue)::text, sum(click_cost)::text
            FROM link_totals
            GROUP BY account_id, link_key, bucket, country, device, currency";
        let mut totals = BTreeMap::new();
        for row in self.test_env.db.query(sql, &[]).await.unwrap() {
            let count = |name: &str| i64::from(row.get::<_, i32>(name));
            let counts = [
                count("sends"),
                count("messages"),
                count("clicks"),
                count("unique_clicks"),
                count("bot_clicks"),
                count("confirmed_clicks"),
                count("conversions"),
                count("pending_conversions"),
                count("delivered_sends"),
                count("delivered_messages"),
                count("failed_sends"),
                count("failed_messages"),
                count("costed_clicks"),
            ];
            let amounts = ["revenue", "pending_revenue", "click_cost"]
                .map(|name| row.get::<_, &str>(name).parse::<Decimal>().unwrap());
            if counts == Counts::default() && amounts.iter().all(Decimal::is_zero) {
                continue;
            }
            let bucket: Timestamp = row.get("bucket");
            let totals_key = (
                row.get("account_id"),
                row.get("dimension"),
                bucket.as_second(),
                row.get("key"),
                row.get("currency"),
            );
            totals.insert(totals_key, (counts, amounts));
        }
        totals
    }

    /// Runs `click-worker recount`. Returns whether the ledger is consistent, and the report.
    pub fn recount(&self, args: &[&str]) -> (bool, Value) {
        let args = [&["recount"], args].concat();
        let output = command("click-worker", &args, &self.test_env.env())
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        let report = serde_json::from_slice(&output.stdout);
        (
            output.status.success(),
            report.unwrap_or_else(|_| panic!("{error}")),
        )
    }

    pub fn assert_recount_is_right(&self) {
        let (is_consistent, report) = self.recount(&[]);
        assert!(is_consistent, "{report:#}");
        assert_eq!(report["credit_backlog"], 0, "{report:#}");
    }
}

fn click_id(id: uuid::Uuid) -> ClickId {
    ClickId::from_uuid(id).unwrap()
}
