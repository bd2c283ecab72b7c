//! Clicks and conversions as redirectors write them, made from a seed.

use std::{borrow::Cow, collections::BTreeMap, net::Ipv4Addr};

use domain::{
    bot::BotReason,
    click::ClickEvent,
    conversion::{Conversion, ConversionSource, ConversionStatus, EventType},
    id::{AccountId, ClickId, ConversionId, CreativeId, LinkKey, ListId, OfferId, ShortId},
};
use rand::{Rng as _, RngExt as _, SeedableRng as _, rngs::StdRng};

/// What the events are.
#[derive(Debug, Clone, Copy)]
pub struct EventMix {
    /// The events are of the accounts 1 to this, in turn.
    pub n_accounts: i64,
    /// The rest are clicks.
    pub per_cent_conversions: i64,
    /// All events are of this link, which anybody may click, and by new visitors; or of as
    /// many links as there are messages.
    pub link_key: Option<i64>,
    /// Another seed gives other events.
    pub seed: u64,
}

impl EventMix {
    /// Clicks alone, of one account.
    pub const CLICKS: Self = Self {
        n_accounts: 1,
        per_cent_conversions: 0,
        link_key: None,
        seed: 0,
    };
}

/// Events of the last hour. Three of ten messages are clicked twice, and one of ten clicks is
/// a bot's.
pub struct Events {
    rng: StdRng,
    n_left: usize,
    n_messages: usize,
    mix: EventMix,
    /// The earliest time of an event.
    first_unix_ms: u64,
    number: i64,
}

impl Events {
    pub fn new(n_events: usize, mix: EventMix) -> Self {
        let now = u64::try_from(jiff::Timestamp::now().as_millisecond()).expect("after 1970");
        Self {
            rng: StdRng::seed_from_u64(mix.seed),
            n_left: n_events,
            n_messages: n_events * 7 / 10,
            mix,
            first_unix_ms: now - 3_600_000,
            number: 0,
        }
    }

    /// The next event: its account and its line.
    pub fn next(&mut self) -> Option<(AccountId, Vec<u8>)> {
        self.n_left = self.n_left.checked_sub(1)?;
        self.number += 1;
        let account_id = AccountId(self.number % self.mix.n_accounts + 1);
        let mut line = Vec::new();
        if self.rng.random_range(0..100) < self.mix.per_cent_conversions {
            self.conversion(account_id).write_line(&mut line);
        } else {
            self.click(account_id).write_line(&mut line);
        }
        Some((account_id, line))
    }

    fn click(&mut self, account_id: AccountId) -> ClickEvent<'static> {
        let rng = &mut self.rng;
        let message = rng.random_range(0..self.n_messages.max(1)) as i64;
        let is_bot = rng.random_ratio(1, 10);
        let unix_ms = self.first_unix_ms + rng.random_range(0..3_600_000);
        let has_message = self.mix.link_key.is_none();
        let link_key = self.mix.link_key.unwrap_or(message + 1);
        ClickEvent {
            click_id: ClickId::generate(unix_ms, rng),
            account_id,
            link_key: LinkKey(link_key),
            link_id: Cow::Owned(link_id(link_key)),
            list_id: Some(ListId(1)),
            offer_id: OfferId::parse("6789abcd1234ef5678901234").ok(),
            creative_id: Some(CreativeId(1)),
            campaign_id: None,
            message_id: has_message.then(|| format!("message-{message}").into()),
            contact_phone: has_message.then(|| format!("+1202{message:07}").into()),
            ip: Ipv4Addr::from_bits(rng.next_u32()).into(),
            user_agent: Some(user_agent(rng.random_range(0..200)).into()),
            referrer: None,
            country: Some("US".into()),
            region: None,
            city: None,
            language: Some("en".into()),
            asn: Some(21_928),
            sub1: Some("campaign_a".into()),
            sub2: Some(format!("user_{message}").into()),
            sub3: None,
            sub4: None,
            sub5: None,
            source: Some("sms".into()),
            creative: None,
            cost: None,
            click_cost: None,
            click_cost_error: None,
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

    /// A server's postback that names a link, with a transaction id of its own.
    fn conversion(&mut self, account_id: AccountId) -> Conversion<'static> {
        let rng = &mut self.rng;
        let message = rng.random_range(0..self.n_messages.max(1)) as i64;
        let unix_ms = self.first_unix_ms + rng.random_range(0..3_600_000);
        let has_message = self.mix.link_key.is_none();
        let link_key = self.mix.link_key.unwrap_or(message + 1);
        Conversion {
            conversion_id: ConversionId::generate(unix_ms, rng),
            source: ConversionSource::Conv,
            event: EventType::Sale,
            status: ConversionStatus::Approved,
            account_id: Some(account_id),
            click_id: None,
            link_key: Some(LinkKey(link_key)),
            link_id: Some(Cow::Owned(link_id(link_key))),
            offer_id: OfferId::parse("6789abcd1234ef5678901234").ok(),
            campaign_id: None,
            message_id: has_message.then(|| format!("message-{message}").into()),
            contact_phone: has_message.then(|| format!("+1202{message:07}").into()),
            coupon: None,
            revenue: Some("12.50".parse().expect("a number")),
            currency: "USD".into(),
            without_payout: false,
            txn_id: Some(format!("{:016x}", rng.next_u64()).into()),
            refund_id: None,
            request_digest: None,
            flags: Vec::new(),
            parameters: BTreeMap::new(),
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
