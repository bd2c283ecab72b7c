//! Plain sums over the raw rows, costs and rates of an account.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};
use rust_decimal::Decimal;

use super::super::fixture::LedgerFixture;

/// Days of the report, the last of which is today.
pub const DAYS: i64 = 9;

/// A click that is no bot's, or a conversion.
#[derive(Debug)]
pub struct Fact {
    time: Timestamp,
    /// By the names of the reports' dimensions.
    pub values: BTreeMap<&'static str, Option<String>>,
    /// Event, amount and currency of a conversion.
    conversion: Option<(String, Decimal, String)>,
    /// Amount and currency of the cost that a click has of its own.
    click_cost: Option<(Decimal, String)>,
}

struct Cost {
    kind: String,
    target: String,
    model: String,
    starts_at: Timestamp,
    ends_at: Timestamp,
    days: i32,
    amount: Decimal,
    currency: String,
}

/// What a row has: cost, revenue, and conversions and revenue by event.
#[derive(Debug, Default, Clone)]
pub struct Sums {
    pub cost: Decimal,
    pub revenue: Decimal,
    pub events: BTreeMap<String, (i64, Decimal)>,
}

pub struct Model {
    pub facts: Vec<Fact>,
    costs: Vec<Cost>,
    rates: BTreeMap<(String, Date), Decimal>,
    /// The ids of links by their keys, also of those that only bots have clicked.
    link_ids: BTreeMap<String, String>,
    pub from: Timestamp,
    pub to: Timestamp,
}

pub fn today() -> Date {
    Timestamp::now().to_zoned(TimeZone::UTC).date()
}

pub fn midnight() -> Timestamp {
    start_of(Timestamp::now())
}

fn start_of(time: Timestamp) -> Timestamp {
    let second = time.as_second();
    Timestamp::from_second(second - second.rem_euclid(86_400)).unwrap()
}

/// The key of a row by time.
fn time_key(group: &str, time: Timestamp) -> String {
    let zone = match group {
        "day_in_kolkata" => TimeZone::fixed(jiff::tz::Offset::from_seconds(19_800).unwrap()),
        _ => TimeZone::UTC,
    };
    let time = time.to_zoned(zone);
    match group {
        "hour" => time.strftime("%Y-%m-%dT%H:00:00%:z").to_string(),
        _ => time.date().to_string(),
    }
}

impl Model {
    pub async fn load(fixture: &LedgerFixture, account: i64) -> Self {
        let db = &fixture.test_env.db;
        let to = midnight() + SignedDuration::from_hours(24);
        let from = to - SignedDuration::from_hours(24 * DAYS) + SignedDuration::from_mins(105);
        let columns = |prefix: &str| {
            format!(
                "{prefix}link_key::text AS link,
                 (SELECT coalesce('lnk_' || code, short_id) FROM links WHERE id = {prefix}link_key)
                     AS link_id,
                 {prefix}offer_id AS offer, {prefix}list_id::text AS list,
                 {prefix}campaign_id AS campaign, {prefix}country AS country"
            )
        };
        let sql = format!(
            "SELECT clicked_at AS time, {}, NULL AS event, click_cost::text AS amount,
                    click_cost_currency AS currency
             FROM clicks WHERE account_id = {account} AND NOT is_bot
             UNION ALL
             SELECT converted_at, {}, event,
                    (CASE WHEN event IN ('refund', 'chargeback') THEN -1 ELSE 1 END
                     * coalesce(counted_amount, revenue, payout, 0))::text,
                    currency
             FROM conversions
             WHERE account_id = {account} AND attribution <> 'none' AND status = 'approved'",
            columns(""),
            columns("credited_")
        );
        let facts = db.query(&sql, &[]).await.unwrap().into_iter().map(|row| {
            let names = [
                "link", "link_id", "offer", "list", "campaign", "country", "event",
            ];
            let event: Option<String> = row.get("event");
            let amount: Option<&str> = row.get("amount");
            let amount = amount.map(|amount| (amount.parse().unwrap(), row.get("currency")));
            let (conversion, click_cost) = match event {
                Some(event) => {
                    let (amount, currency) = amount.unwrap();
                    (Some((event, amount, currency)), None)
                }
                None => (None, amount),
            };
            Fact {
                time: row.get("time"),
                values: names.map(|name| (name, row.get(name))).into(),
                conversion,
                click_cost,
            }
        });
        let sql = format!("SELECT *, amount::text AS text FROM costs WHERE account_id = {account}");
        let costs = db
            .query(&sql, &[])
            .await
            .unwrap()
            .into_iter()
            .map(|row| Cost {
                kind: row.get("target_kind"),
                target: row.get("target"),
                model: row.get("model"),
                starts_at: row.get("starts_at"),
                ends_at: row.get("ends_at"),
                days: row.get("days"),
                amount: row.get::<_, &str>("text").parse().unwrap(),
                currency: row.get("currency"),
            });
        let sql = "SELECT currency, day, per_euro::text FROM exchange_rates";
        let rates = db.query(sql, &[]).await.unwrap().into_iter().map(|row| {
            let rate: &str = row.get(2);
            ((row.get(0), row.get(1)), rate.parse().unwrap())
        });
        let sql = "SELECT id::text, coalesce('lnk_' || code, short_id) FROM links";
        let link_ids = db.query(sql, &[]).await.unwrap();
        Self {
            link_ids: link_ids
                .iter()
                .map(|row| (row.get(0), row.get(1)))
                .collect(),
            facts: facts
                .filter(|fact| from <= fact.time && fact.time < to)
                .collect(),
            costs: costs.collect(),
            rates: rates.collect(),
            from,
            to,
        }
    }

    /// The amount in the currency of the report. Without a target, those in dollars count.
    fn convert(
        &self,
        amount: Decimal,
        currency: &str,
        time: Timestamp,
        target: Option<&str>,
    ) -> Decimal {
        let Some(target) = target else {
            return if currency == "USD" {
                amount
            } else {
                Decimal::ZERO
            };
        };
        let last = time.to_zoned(TimeZone::UTC).date();
        let rate = |currency: &str| {
            let of_day = |ago: i64| {
                let day = last.saturating_sub(jiff::Span::new().days(ago));
                self.rates.get(&(currency.to_owned(), day))
            };
            match currency {
                "EUR" => Decimal::ONE,
                _ => *(0..=7).find_map(of_day).expect("a rate"),
            }
        };
        amount * rate(target) / rate(currency)
    }

    fn key(&self, group: &str, fact: &Fact) -> Option<String> {
        match group {
            "date" | "hour" | "day_in_kolkata" => Some(time_key(group, fact.time)),
            "link" => fact.values["link_id"].clone(),
            group => fact.values[group].clone(),
        }
    }

    pub fn sums(
        &self,
        group: &'static str,
        filter: Option<&(&'static str, String)>,
        target: Option<&str>,
    ) -> BTreeMap<Option<String>, Sums> {
        let passes = |fact: &&Fact| {
            filter.is_none_or(|(name, value)| fact.values[name].as_ref() == Some(value))
        };
        let mut rows: BTreeMap<Option<String>, Sums> = BTreeMap::new();
        for fact in self.facts.iter().filter(passes) {
            let row = rows.entry(self.key(group, fact)).or_default();
            if let Some((event, amount, currency)) = &fact.conversion {
                let amount = self.convert(*amount, currency, fact.time, target);
                let is_reversal = event == "refund" || event == "chargeback";
                row.revenue += amount;
                let counts = row.events.entry(event.clone()).or_default();
                counts.0 += i64::from(!is_reversal);
                counts.1 += amount;
            }
            if let Some((amount, currency)) = &fact.click_cost {
                row.cost += self.convert(*amount, currency, fact.time, target);
            }
        }
        for cost in &self.costs {
            if filter.is_some_and(|(name, value)| *name == cost.kind && *value != cost.target) {
                continue;
            }
            let is_in_time = |fact: &&Fact| {
                cost.starts_at <= fact.time
                    && fact.time < cost.ends_at
                    && fact.values[&*cost.kind].as_ref() == Some(&cost.target)
            };
            let facts: Vec<_> = self.facts.iter().filter(is_in_time).collect();
            if cost.model != "per_day" {
                for fact in facts.into_iter().filter(passes) {
                    let counts = match &fact.conversion {
                        // Its own cost takes the place of the price.
                        None => cost.model == "cpc" && fact.click_cost.is_none(),
                        Some((event, ..)) => {
                            cost.model == "cpa" && event != "refund" && event != "chargeback"
                        }
                    };
                    if counts {
                        let amount = self.convert(cost.amount, &cost.currency, fact.time, target);
                        rows.entry(self.key(group, fact)).or_default().cost += amount;
                    }
                }
                continue;
            }
            let is_by_time = ["date", "hour", "day_in_kolkata"].contains(&group);
            let is_own = (is_by_time || group == "event" || group == cost.kind)
                && filter.is_none_or(|(name, _)| *name == cost.kind);
            let whole = (cost.ends_at - cost.starts_at)
                .total(jiff::Unit::Second)
                .unwrap();
            // Days and hours of all zones consist of quarters of an hour.
            let step = match is_own && is_by_time {
                true => SignedDuration::from_mins(15),
                false => SignedDuration::from_hours(24),
            };
            let mut day = start_of(cost.starts_at.max(self.from));
            while day < cost.ends_at.min(self.to) {
                let next = day + step;
                let starts = day.max(cost.starts_at).max(self.from);
                let ends = next.min(cost.ends_at).min(self.to);
                if starts >= ends {
                    day = next;
                    continue;
                }
                let part = Decimal::from(ends.as_second() - starts.as_second())
                    / Decimal::try_from(whole).unwrap();
                let amount = cost.amount * Decimal::from(cost.days) * part;
                let amount = self.convert(amount, &cost.currency, day, target);
                let clicks: Vec<_> = facts
                    .iter()
                    .filter(|f| f.conversion.is_none() && starts <= f.time && f.time < ends)
                    .collect();
                if is_own {
                    let key = match group {
                        "date" | "hour" | "day_in_kolkata" => Some(time_key(group, starts)),
                        "event" => None,
                        "link" => self.link_id(&cost.target),
                        _ => Some(cost.target.clone()),
                    };
                    rows.entry(key).or_default().cost += amount;
                } else if clicks.is_empty() {
                    if filter.is_none_or(|(name, _)| *name == cost.kind) && group != "link" {
                        rows.entry(None).or_default().cost += amount;
                    }
                } else {
                    let share = amount / Decimal::from(clicks.len());
                    for click in clicks.into_iter().filter(|click| passes(click)) {
                        rows.entry(self.key(group, click)).or_default().cost += share;
                    }
                }
                day = next;
            }
        }
        rows
    }

    fn link_id(&self, link_key: &str) -> Option<String> {
        self.link_ids.get(link_key).cloned()
    }
}
