//! The reference model: it computes the expected message clicks, credits and totals from all
//! facts at once, in the simplest way.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    conversion::{Conversion, ConversionSource, ConversionStatus, EventType},
    delivery::{DeliveryOutcome, DeliveryReport, DeliveryStatus},
    device::Device,
    id::{ClickId, ConversionId},
    visitor::{VisitorHash, VisitorHashKey},
};
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;

#[derive(Debug, Clone)]
pub struct Link {
    pub key: i64,
    pub account_id: i64,
    pub id: String,
    pub offer: Option<String>,
    pub list: Option<i64>,
    pub creative: Option<i64>,
    pub campaign: Option<String>,
    pub message: Option<String>,
    pub contact: Option<String>,
}

/// A click, however often it is delivered.
#[derive(Debug, Clone)]
pub struct Click {
    pub id: ClickId,
    pub link: Link,
    pub ip: [u8; 4],
    pub user_agent: &'static str,
    pub country: Option<&'static str>,
    pub confirmed: bool,
    /// Amount and currency of the cost that its URL has.
    pub cost: Option<(Decimal, &'static str)>,
    /// The verdict of the redirector.
    pub was_bot: bool,
    /// The verdict of a reclassification through the API.
    pub reclassified: Option<bool>,
    /// Whether a rule of the API has matched it since.
    pub is_ruled: bool,
}

#[derive(Debug, Clone)]
pub struct Message {
    pub account_id: i64,
    pub id: String,
    pub contact: String,
    pub sent_at: Timestamp,
    pub creative: Option<i64>,
    pub list: i64,
    /// What its network reported, in any order.
    pub reports: Vec<DeliveryReport>,
    /// The offers of its links, in their order, with the links' keys.
    pub links: Vec<(i64, Option<String>)>,
}

/// What an account says about a stored conversion.
#[derive(Debug, Clone, Default)]
pub struct ConversionCorrection {
    pub status: Option<ConversionStatus>,
    /// An amount in USD.
    pub revenue: Option<Decimal>,
    pub event: Option<EventType>,
}

/// An offer, or a campaign.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    pub payout: Option<Decimal>,
    pub window_days: i64,
}

pub struct Facts {
    pub visitor_key: VisitorHashKey,
    pub burst_clicks: usize,
    pub burst_window: SignedDuration,
    pub clicks: BTreeMap<ClickId, Click>,
    pub conversions: BTreeMap<ConversionId, Conversion<'static>>,
    /// What accounts have corrected by the API, in that order.
    pub corrections: Vec<(ConversionId, ConversionCorrection)>,
    /// What accounts have deleted by the API.
    pub deleted: BTreeSet<ConversionId>,
    pub messages: Vec<Message>,
    pub terms: BTreeMap<String, Terms>,
}

/// Account, message key, contact key.
pub type Key = (i64, String, String);

/// What a conversion is credited to: `None` is unattributed, and the click is
/// `None` where its offer is enough.
pub type Credit = Option<Option<ClickId>>;

/// Sends, messages, clicks, unique, bot and confirmed clicks, conversions, pending ones;
/// delivered sends and messages, failed sends and messages; clicks with costs of their own.
pub type Counts = [i64; 13];

/// Revenue, what pending conversions would earn, and the costs of clicks.
pub type Amounts = [Decimal; 3];

/// Account, span and dimension (or `link`), bucket in Unix seconds, key, currency.
pub type TotalsKey = (i64, String, i64, String, String);

/// The counts of what is no message.
fn undelivered(counts: [i64; 8]) -> Counts {
    let mut all = [0; 13];
    all[..8].copy_from_slice(&counts);
    all
}

impl Message {
    /// That of its last final report. `at` is always given, and no two are the same.
    fn outcome(&self) -> DeliveryOutcome {
        let finals = self.reports.iter();
        let finals = finals.filter(|report| report.status != DeliveryStatus::Sent);
        let last = finals.max_by_key(|report| report.at);
        last.map_or(DeliveryOutcome::Unknown, |report| report.status.outcome())
    }
}

impl ConversionCorrection {
    fn apply(&self, conversion: &mut Conversion<'static>) {
        conversion.status = self.status.unwrap_or(conversion.status);
        conversion.event = self.event.unwrap_or(conversion.event);
        if let Some(revenue) = self.revenue {
            conversion.revenue = Some(revenue);
            conversion.currency = "USD".into();
        }
    }
}

impl Click {
    pub fn visitor(&self, key: &VisitorHashKey) -> String {
        VisitorHash::new(key, self.id.time(), self.ip.into(), Some(self.user_agent)).to_string()
    }
}

impl Facts {
    fn key(&self, click: &Click) -> Key {
        let message = match &click.link.message {
            Some(message) => format!("m:{message}"),
            None => format!("l:{}", click.link.key),
        };
        let contact = match &click.link.contact {
            Some(contact) => format!("c:{contact}"),
            None => format!("v:{}", click.visitor(&self.visitor_key)),
        };
        (click.link.account_id, message, contact)
    }

    /// The clicks that are in a burst, by trying every stretch of time.
    pub fn bursts(&self) -> BTreeSet<ClickId> {
        // Different contacts are different people, even behind one address.
        let mut of_people: BTreeMap<(i64, String, Option<&str>), Vec<&Click>> = BTreeMap::new();
        for click in self.clicks.values() {
            let person = (
                click.link.account_id,
                click.visitor(&self.visitor_key),
                click.link.contact.as_deref(),
            );
            of_people.entry(person).or_default().push(click);
        }
        let mut bursts = BTreeSet::new();
        for clicks in of_people.values() {
            for from in clicks.iter().map(|click| click.id.time()) {
                let within = |click: &&&Click| {
                    let at = click.id.time();
                    at >= from && at.duration_since(from) <= self.burst_window
                };
                let stretch: Vec<_> = clicks.iter().filter(within).collect();
                if stretch.len() >= self.burst_clicks {
                    let left_alone =
                        |click: &Click| click.confirmed || click.reclassified.is_some();
                    let unconfirmed = stretch.iter().filter(|click| !left_alone(click));
                    bursts.extend(unconfirmed.map(|click| click.id));
                }
            }
        }
        bursts
    }

    pub fn bots(&self) -> BTreeMap<ClickId, bool> {
        let bursts = self.bursts();
        let is_bot = |click: &Click| match click.reclassified {
            Some(is_bot) => is_bot,
            None => click.was_bot || click.is_ruled || bursts.contains(&click.id),
        };
        self.clicks
            .values()
            .map(|click| (click.id, is_bot(click)))
            .collect()
    }

    pub fn message_clicks(&self, bots: &BTreeMap<ClickId, bool>) -> BTreeMap<Key, ClickId> {
        let mut first = BTreeMap::new();
        // In the order of their ids, which is that of their times.
        for click in self.clicks.values().filter(|click| !bots[&click.id]) {
            first.entry(self.key(click)).or_insert(click.id);
        }
        first
    }

    fn account(&self, conversion: &Conversion<'static>) -> Option<i64> {
        let of_click = conversion.click_id.and_then(|id| self.clicks.get(&id));
        let account = conversion.account_id.map(|id| id.0);
        account.or(of_click.map(|click| click.link.account_id))
    }

    fn visitor_of(&self, conversion: &Conversion<'static>) -> String {
        let time = conversion.conversion_id.time();
        let agent = conversion.user_agent.as_deref();
        VisitorHash::new(&self.visitor_key, time, conversion.ip, agent).to_string()
    }

    /// What the conversion is of: the transaction at the offer, or the click, or the link and
    /// the visitor.
    fn order(&self, conversion: &Conversion<'static>) -> String {
        match (&conversion.txn_id, conversion.click_id) {
            (Some(txn_id), _) => format!("{:?} {txn_id}", self.offer(conversion)),
            (None, Some(click)) => format!("click {click}"),
            (None, None) => {
                format!("{:?} {}", conversion.link_key, self.visitor_of(conversion))
            }
        }
    }

    /// The conversions that are stored, with the status, amount and currency that follow from
    /// all that arrived for each: the earliest of each order and event. Of refunds and
    /// chargebacks an order may have several.
    pub fn stored(&self) -> Vec<Conversion<'static>> {
        let mut same: BTreeMap<_, Vec<&Conversion<'static>>> = BTreeMap::new();
        let mut stored = Vec::new();
        for conversion in self.conversions.values() {
            let Some(account) = self.account(conversion) else {
                // Nothing is known of it: it waits.
                stored.push(conversion.clone());
                continue;
            };
            let reversal = match (conversion.event.is_reversal(), &conversion.refund_id) {
                (false, _) => String::new(),
                (true, Some(refund_id)) => refund_id.to_string(),
                (true, None) => conversion.conversion_id.to_string(),
            };
            let key = (account, conversion.event, self.order(conversion), reversal);
            same.entry(key).or_default().push(conversion);
        }
        // Who deletes or corrects a conversion means all that is or will be the same.
        same.retain(|_, same| {
            let is_deleted = |c: &&Conversion<'static>| self.deleted.contains(&c.conversion_id);
            !same.iter().any(is_deleted)
        });
        stored.extend(same.into_values().map(|same| {
            let mut merged = Self::merged(&same);
            for (id, correction) in &self.corrections {
                if same.iter().any(|c| c.conversion_id == *id) {
                    correction.apply(&mut merged);
                }
            }
            merged
        }));
        stored.sort_by_key(|conversion| conversion.conversion_id);
        stored
    }

    fn merged(same: &[&Conversion<'static>]) -> Conversion<'static> {
        let mut merged = same[0].clone();
        let decided = same
            .iter()
            .rev()
            .find(|c| c.status != ConversionStatus::Pending);
        merged.status = decided.map_or(ConversionStatus::Pending, |c| c.status);
        let mut status = ConversionStatus::Pending;
        for (index, conversion) in same.iter().enumerate() {
            let upto = &same[..=index];
            let decided = upto
                .iter()
                .rev()
                .find(|c| c.status != ConversionStatus::Pending);
            let status_after = decided.map_or(ConversionStatus::Pending, |c| c.status);
            let is_news = index == 0 || status_after != status;
            if merged.revenue.is_none() && is_news && conversion.revenue.is_some() {
                merged.revenue = conversion.revenue;
                merged.currency = conversion.currency.clone();
            }
            status = status_after;
        }
        merged
    }

    fn offer(&self, conversion: &Conversion<'static>) -> Option<String> {
        let click = conversion.click_id.and_then(|id| self.clicks.get(&id));
        let click = click.filter(|click| Some(click.link.account_id) == self.account(conversion));
        let offer = conversion.offer_id.map(|id| id.to_string());
        offer.or(click.and_then(|click| click.link.offer.clone()))
    }

    fn terms(&self, conversion: &Conversion<'static>) -> Terms {
        let click = conversion.click_id.and_then(|id| self.clicks.get(&id));
        let offer = self.offer(conversion);
        let campaign = conversion.campaign_id.as_ref().map(ToString::to_string);
        let campaign = campaign.or(click.and_then(|click| click.link.campaign.clone()));
        let known = [offer, campaign].into_iter().flatten();
        let mut terms = known.filter_map(|id| self.terms.get(&id));
        terms.next().copied().unwrap_or(Terms {
            payout: None,
            window_days: 90,
        })
    }

    pub fn credit(
        &self,
        conversion: &Conversion<'static>,
        message_clicks: &BTreeMap<Key, ClickId>,
    ) -> Credit {
        let time = conversion.conversion_id.time();
        let window = SignedDuration::from_hours(self.terms(conversion).window_days * 24);
        let is_in_time = |click: &ClickId| {
            click.time() >= time - window
                && (conversion.click_id.is_some()
                    || click.time() <= time + SignedDuration::from_secs(60))
        };
        let account = self.account(conversion);
        let named = |wanted: &dyn Fn(&Key) -> bool| {
            let found = message_clicks
                .iter()
                .filter(|(key, click)| Some(key.0) == account && wanted(key) && is_in_time(click));
            found.map(|(_, click)| *click).min()
        };
        let click = if let Some(id) = conversion.click_id {
            let click = self.clicks.get(&id);
            click.and_then(|click| {
                let own = self.key(click);
                named(&|key| *key == own)
            })
        } else {
            let message = match (&conversion.message_id, conversion.link_key) {
                (Some(message), _) => Some(format!("m:{message}")),
                (None, Some(link)) => Some(format!("l:{link}")),
                (None, None) => None,
            };
            message.and_then(|message| match &conversion.contact_phone {
                Some(contact) => named(&|key| key.1 == message && key.2 == format!("c:{contact}")),
                None => {
                    let visitor = format!("v:{}", self.visitor_of(conversion));
                    named(&|key| key.1 == message && key.2 == visitor)
                        .or_else(|| named(&|key| key.1 == message))
                }
            })
        };
        match click {
            Some(click) => Some(Some(click)),
            None if conversion.source == ConversionSource::Offer => Some(None),
            None if conversion.source == ConversionSource::Coupon
                && conversion.offer_id.is_some() =>
            {
                Some(None)
            }
            None => None,
        }
    }

    fn amount(&self, conversion: &Conversion<'static>) -> Decimal {
        let payout = self.terms(conversion).payout;
        let payout = payout.filter(|_| !conversion.without_payout);
        let amount = conversion.revenue.or(payout);
        amount.unwrap_or_default()
    }

    /// What each stored conversion that is credited adds to the revenue, or would add if it
    /// were not pending, with its currency. A reversal takes what is left of its order.
    pub fn revenues(
        &self,
        message_clicks: &BTreeMap<Key, ClickId>,
    ) -> BTreeMap<ConversionId, (String, Decimal)> {
        let stored = self.stored();
        let order = |c: &Conversion<'static>| (self.account(c), self.order(c));
        let mut first_currency = BTreeMap::new();
        for conversion in stored.iter().filter(|c| !c.event.is_reversal()) {
            let currency = conversion.currency.to_string();
            first_currency.entry(order(conversion)).or_insert(currency);
        }
        let credited: Vec<_> = stored
            .iter()
            .filter(|c| self.credit(c, message_clicks).is_some())
            .collect();
        let mut left: BTreeMap<_, Decimal> = BTreeMap::new();
        let mut revenues = BTreeMap::new();
        for conversion in credited.iter().filter(|c| !c.event.is_reversal()) {
            let currency = conversion.currency.to_string();
            let revenue = self.amount(conversion);
            if conversion.status == ConversionStatus::Approved {
                *left
                    .entry((order(conversion), currency.clone()))
                    .or_default() += revenue;
            }
            revenues.insert(conversion.conversion_id, (currency, revenue));
        }
        let mut reversals: Vec<_> = credited.iter().filter(|c| c.event.is_reversal()).collect();
        reversals.sort_by_key(|c| (!c.is_authenticated(), c.conversion_id));
        for conversion in reversals {
            let order = order(conversion);
            let names_order = conversion.txn_id.is_some() || conversion.click_id.is_some();
            let currency = match conversion.revenue {
                None if names_order => first_currency.get(&order).cloned(),
                _ => None,
            };
            let currency = currency.unwrap_or_else(|| conversion.currency.to_string());
            let left = left.entry((order, currency.clone())).or_default();
            let amount = if conversion.status != ConversionStatus::Approved {
                Decimal::ZERO
            } else if conversion.is_authenticated() && !names_order {
                self.amount(conversion)
            } else {
                let amount = match names_order {
                    true => conversion.revenue.unwrap_or(*left),
                    false => self.amount(conversion),
                };
                let amount = amount.min(*left);
                *left -= amount;
                amount
            };
            revenues.insert(conversion.conversion_id, (currency, -amount));
        }
        revenues
    }

    /// How many reversals are counted for less than they say, and how many are counted at all.
    pub fn n_limited_reversals(&self, message_clicks: &BTreeMap<Key, ClickId>) -> (usize, usize) {
        let revenues = self.revenues(message_clicks);
        let reversals = self.stored().into_iter().filter_map(|conversion| {
            let (_, revenue) = revenues.get(&conversion.conversion_id)?;
            let amount = conversion.revenue?;
            conversion
                .event
                .is_reversal()
                .then_some((-*revenue, amount))
        });
        reversals.fold((0, 0), |(n_limited, n_counted), (counted, amount)| {
            (
                n_limited + usize::from(counted < amount),
                n_counted + usize::from(!counted.is_zero()),
            )
        })
    }

    pub fn totals(
        &self,
        bots: &BTreeMap<ClickId, bool>,
        message_clicks: &BTreeMap<Key, ClickId>,
    ) -> BTreeMap<TotalsKey, (Counts, Amounts)> {
        let mut totals = Totals::default();
        for click in self.clicks.values() {
            let is_bot = i64::from(bots[&click.id]);
            let counts = undelivered([0, 0, 1, 0, is_bot, i64::from(click.confirmed), 0, 0]);
            totals.add_click(click, click.id.time(), "", counts, Amounts::default());
            if let Some((amount, currency)) = click.cost
                && !bots[&click.id]
            {
                let mut counts = Counts::default();
                counts[12] = 1;
                let amounts = [Decimal::ZERO, Decimal::ZERO, amount];
                totals.add_click(click, click.id.time(), currency, counts, amounts);
            }
        }
        for id in message_clicks.values() {
            let counts = undelivered([0, 0, 0, 1, 0, 0, 0, 0]);
            totals.add_click(&self.clicks[id], id.time(), "", counts, Amounts::default());
        }
        let revenues = self.revenues(message_clicks);
        for conversion in self.stored() {
            let Some((currency, amount)) = revenues.get(&conversion.conversion_id) else {
                continue;
            };
            let n = i64::from(!conversion.event.is_reversal());
            let (counts, amounts) = match conversion.status {
                ConversionStatus::Approved => (
                    [0, 0, 0, 0, 0, 0, n, 0],
                    [*amount, Decimal::ZERO, Decimal::ZERO],
                ),
                ConversionStatus::Pending => (
                    [0, 0, 0, 0, 0, 0, 0, n],
                    [Decimal::ZERO, *amount, Decimal::ZERO],
                ),
                ConversionStatus::Rejected | ConversionStatus::Reversed => continue,
            };
            let counts = undelivered(counts);
            let time = conversion.conversion_id.time();
            match self.credit(&conversion, message_clicks) {
                None => {}
                Some(Some(click)) => {
                    totals.add_click(&self.clicks[&click], time, currency, counts, amounts);
                }
                Some(None) => {
                    let account = self.account(&conversion).unwrap();
                    let offer = conversion.offer_id.map(|id| id.to_string());
                    let values = [offer, None, None, None, None, None];
                    totals.add(account, time, currency, &values, counts, amounts);
                }
            }
        }
        for message in &self.messages {
            totals.add_message(message);
        }
        let mut totals = totals.0;
        totals.retain(|_, (counts, amounts)| {
            *counts != Counts::default() || amounts.iter().any(|amount| !amount.is_zero())
        });
        totals
    }
}

const DIMENSIONS: [&str; 6] = ["offer", "list", "creative", "campaign", "country", "device"];

#[derive(Default)]
struct Totals(BTreeMap<TotalsKey, (Counts, Amounts)>);

impl Totals {
    fn put(&mut self, totals_key: TotalsKey, counts: Counts, amounts: Amounts) {
        let total = self.0.entry(totals_key).or_default();
        for (sum, count) in total.0.iter_mut().zip(counts) {
            *sum += count;
        }
        for (sum, amount) in total.1.iter_mut().zip(amounts) {
            *sum += amount;
        }
    }

    /// In all dimensions; `values` are those of [`DIMENSIONS`].
    fn add(
        &mut self,
        account: i64,
        time: Timestamp,
        currency: &str,
        values: &[Option<String>; 6],
        counts: Counts,
        amounts: Amounts,
    ) {
        let mut put = |dimension: &str, key: String| {
            for (span, bucket) in spans(time) {
                let totals_key = (
                    account,
                    format!("{span} {dimension}"),
                    bucket,
                    key.clone(),
                    currency.to_owned(),
                );
                self.put(totals_key, counts, amounts);
            }
        };
        put("all", String::new());
        for (dimension, value) in DIMENSIONS.iter().zip(values) {
            put(dimension, value.clone().unwrap_or_default());
        }
        let cell: Vec<_> = values
            .iter()
            .map(|v| v.clone().unwrap_or_default())
            .collect();
        put("content", cell[..4].join("|"));
        put("audience", cell[4..].join("|"));
        put("cell", cell.join("|"));
    }

    fn add_click(
        &mut self,
        click: &Click,
        time: Timestamp,
        currency: &str,
        counts: Counts,
        amounts: Amounts,
    ) {
        let link = &click.link;
        let device = Device::from_user_agent(click.user_agent)
            .class
            .map(str::to_owned);
        let country = click.country.map(str::to_owned);
        let number = |id: Option<i64>| id.map(|id| id.to_string());
        let values = [
            link.offer.clone(),
            number(link.list),
            number(link.creative),
            link.campaign.clone(),
            country.clone(),
            device.clone(),
        ];
        self.add(link.account_id, time, currency, &values, counts, amounts);
        let key = [
            link.key.to_string(),
            country.unwrap_or_default(),
            device.unwrap_or_default(),
        ];
        let totals_key = (
            link.account_id,
            "link".to_owned(),
            bucket(time),
            key.join("|"),
            currency.to_owned(),
        );
        self.put(totals_key, counts, amounts);
    }

    /// A send of each of its offers and links; one message.
    fn add_message(&mut self, message: &Message) {
        let mut put = |dimension: &str, key: String, sends: i64, messages: i64| {
            for (span, bucket) in spans(message.sent_at) {
                let dimension = match dimension {
                    "link" if span == "day" => continue,
                    "link" => "link".to_owned(),
                    dimension => format!("{span} {dimension}"),
                };
                let key = key.clone();
                let totals_key = (message.account_id, dimension, bucket, key, String::new());
                let mut counts = undelivered([sends, messages, 0, 0, 0, 0, 0, 0]);
                match message.outcome() {
                    DeliveryOutcome::Unknown => {}
                    DeliveryOutcome::Delivered => counts[8..10].copy_from_slice(&[sends, messages]),
                    DeliveryOutcome::Failed => counts[10..12].copy_from_slice(&[sends, messages]),
                }
                self.put(totals_key, counts, Amounts::default());
            }
        };
        put("all", String::new(), 1, 1);
        put("list", message.list.to_string(), 1, 1);
        let creative = message.creative.map(|id| id.to_string());
        let creative = creative.unwrap_or_default();
        put("creative", creative.clone(), 1, 1);
        let mut offers: Vec<&Option<String>> = Vec::new();
        for (index, (link, _)) in message.links.iter().enumerate() {
            put("link", format!("{link}||"), 1, i64::from(index == 0));
        }
        let of_links = message.links.iter().map(|(_, offer)| offer);
        // A message without links was sent for no offer.
        let of_links = of_links.chain(message.links.is_empty().then_some(&None));
        for offer in of_links {
            if !offers.contains(&offer) {
                let key = offer.clone().unwrap_or_default();
                let cell = format!("{key}|{}|{creative}|||", message.list);
                put("offer", key, 1, 1);
                put("cell", cell.clone(), 1, i64::from(offers.is_empty()));
                let content = cell.strip_suffix("||").unwrap().to_owned();
                put("content", content, 1, i64::from(offers.is_empty()));
                offers.push(offer);
            }
        }
    }
}

fn spans(time: Timestamp) -> [(&'static str, i64); 2] {
    let day = time.as_millisecond().div_euclid(86_400_000) * 86_400;
    [("quarter", bucket(time)), ("day", day)]
}

fn bucket(time: Timestamp) -> i64 {
    time.as_millisecond().div_euclid(900_000) * 900
}
