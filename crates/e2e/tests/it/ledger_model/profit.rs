//! Costs, converted revenue and events in reports against plain sums over the raw rows.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use reqwest::Method;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::fixture::LedgerFixture;

/// Days of the report, the last of which is today.
const DAYS: i64 = 9;

/// A click that is no bot's, or a conversion.
#[derive(Debug)]
struct Fact {
    time: Timestamp,
    /// By the names of the reports' dimensions.
    values: BTreeMap<&'static str, Option<String>>,
    /// Event, amount and currency of a conversion.
    conversion: Option<(String, Decimal, String)>,
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
struct Sums {
    cost: Decimal,
    revenue: Decimal,
    events: BTreeMap<String, (i64, Decimal)>,
}

struct Model {
    facts: Vec<Fact>,
    costs: Vec<Cost>,
    rates: BTreeMap<(String, Date), Decimal>,
    from: Timestamp,
    to: Timestamp,
}

/// Imports random costs, and compares reports of every dimension, with filters and with
/// conversion to one currency.
pub async fn assert_profit_is_that_of_the_raw_rows(
    fixture: &LedgerFixture,
    tenant: usize,
    seed: u64,
) {
    let mut rng = StdRng::seed_from_u64(seed ^ tenant as u64);
    let tenant = fixture.tenant(tenant);
    import_costs(fixture, &tenant.key, tenant.account_id, &mut rng).await;
    insert_rates(fixture, &mut rng).await;
    let model = Model::load(fixture, tenant.account_id).await;
    let offer = model.facts.iter().find_map(|f| f.values["offer"].clone());
    let offer = offer.unwrap();
    let filters = [
        ("", None),
        ("&country=US", Some(("country", "US".to_owned()))),
        (
            &*format!("&offer_id={offer}"),
            Some(("offer", offer.clone())),
        ),
        (
            &*format!("&list_id={}", tenant.list_id),
            Some(("list", tenant.list_id.to_string())),
        ),
    ];
    for group in [
        "date", "offer", "list", "campaign", "country", "event", "link",
    ] {
        for (filter, condition) in &filters {
            for target in [None, Some("EUR"), Some("JPY")] {
                let query = format!(
                    "group_by={group}&events=true&from={}&to={}{filter}{}",
                    model.from,
                    model.to,
                    target.map_or(String::new(), |target| format!("&convert_to={target}")),
                );
                let expected = model.sums(group, condition.as_ref(), target);
                assert_report(fixture, &tenant.key, &query, group, &expected).await;
            }
        }
    }
}

async fn import_costs(fixture: &LedgerFixture, key: &str, account: i64, rng: &mut StdRng) {
    let sql = format!(
        "SELECT * FROM (
             SELECT DISTINCT 'offer_id', offer_id FROM clicks WHERE account_id = {account}
             UNION
             SELECT DISTINCT 'list_id', list_id::text FROM clicks WHERE account_id = {account}
             UNION
             SELECT DISTINCT 'campaign_id', campaign_id FROM clicks WHERE account_id = {account}
             UNION
             (SELECT 'link_id', coalesce('lnk_' || l.code, l.short_id)
              FROM links l
              WHERE l.account_id = {account}
                AND EXISTS (SELECT FROM clicks c WHERE c.link_key = l.id)
              ORDER BY l.id LIMIT 5)
         ) AS targets (kind, id)
         WHERE id IS NOT NULL
         ORDER BY 1, 2"
    );
    let targets = fixture.test_env.db.query(&sql, &[]).await.unwrap();
    assert!(targets.len() > 5, "{targets:?}");
    let today = today();
    let mut rows = Vec::new();
    for target in targets.iter().cycle().take(60) {
        let (kind, id): (&str, &str) = (target.get(0), target.get(1));
        let model = ["cpc", "cpa", "per_day"][rng.random_range(0..3)];
        let first = rng.random_range(0..DAYS + 2);
        let last = rng.random_range(0..=first);
        let day = |ago: i64| {
            today
                .saturating_sub(jiff::Span::new().days(ago))
                .to_string()
        };
        let time = |ago: i64, quarter: i64| {
            let quarter = SignedDuration::from_mins(15 * quarter);
            (midnight() - SignedDuration::from_hours(24 * ago) + quarter).to_string()
        };
        let (from, until) = match model != "per_day" && rng.random_bool(0.5) {
            true => (
                time(first, rng.random_range(0..48)),
                time(last, rng.random_range(48..96)),
            ),
            false => (day(first), day(last)),
        };
        let amount = Decimal::new(rng.random_range(0..10_000_000), 5);
        let currency = ["USD", "EUR"][rng.random_range(0..2)];
        rows.push(json!({
            kind: id, "from": from, "until": until, "model": model,
            "amount": amount.to_string(), "currency": currency,
        }));
    }
    let path = "/api/v2/costs/import?tz=UTC";
    let rows = Value::from(rows);
    let (status, answer) = fixture
        .client
        .call(key, Method::POST, path, Some(&rows))
        .await;
    assert_eq!(status, 200, "{answer}");
    // Again, nothing changes.
    let (_, again) = fixture
        .client
        .call(key, Method::POST, path, Some(&rows))
        .await;
    assert_eq!(again["unchanged"], answer["created"], "{again}");
}

/// Rates of some days: a currency may have none for up to a week.
async fn insert_rates(fixture: &LedgerFixture, rng: &mut StdRng) {
    for currency in ["USD", "JPY"] {
        for ago in 0..DAYS + 8 {
            if ago != DAYS + 2 && rng.random_bool(0.3) {
                continue;
            }
            let per_euro = Decimal::new(rng.random_range(5_000..20_000), 4);
            let sql = format!(
                "INSERT INTO exchange_rates VALUES ('{currency}', '{}', {per_euro})
                 ON CONFLICT DO NOTHING",
                today().saturating_sub(jiff::Span::new().days(ago))
            );
            fixture.test_env.db.batch_execute(&sql).await.unwrap();
        }
    }
}

fn today() -> Date {
    Timestamp::now().to_zoned(TimeZone::UTC).date()
}

fn midnight() -> Timestamp {
    start_of(Timestamp::now())
}

fn start_of(time: Timestamp) -> Timestamp {
    let second = time.as_second();
    Timestamp::from_second(second - second.rem_euclid(86_400)).unwrap()
}

impl Model {
    async fn load(fixture: &LedgerFixture, account: i64) -> Self {
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
            "SELECT clicked_at AS time, {}, NULL AS event, NULL::text AS amount, NULL AS currency
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
            Fact {
                time: row.get("time"),
                values: names.map(|name| (name, row.get(name))).into(),
                conversion: event
                    .map(|event| (event, amount.unwrap().parse().unwrap(), row.get("currency"))),
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
        Self {
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
            "date" => Some(fact.time.to_zoned(TimeZone::UTC).date().to_string()),
            "link" => fact.values["link_id"].clone(),
            group => fact.values[group].clone(),
        }
    }

    fn sums(
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
                        None => cost.model == "cpc",
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
            let is_own = ["date", "event", &*cost.kind].contains(&group)
                && filter.is_none_or(|(name, _)| *name == cost.kind);
            let whole = (cost.ends_at - cost.starts_at)
                .total(jiff::Unit::Second)
                .unwrap();
            let mut day = start_of(cost.starts_at.max(self.from));
            while day < cost.ends_at.min(self.to) {
                let next = day + SignedDuration::from_hours(24);
                let starts = day.max(cost.starts_at).max(self.from);
                let ends = next.min(cost.ends_at).min(self.to);
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
                        "date" => Some(day.to_zoned(TimeZone::UTC).date().to_string()),
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
                    for click in clicks.into_iter().filter(|click| passes(&**click)) {
                        rows.entry(self.key(group, click)).or_default().cost += share;
                    }
                }
                day = next;
            }
        }
        rows
    }

    fn link_id(&self, link_key: &str) -> Option<String> {
        let is_link = |fact: &&Fact| fact.values["link"].as_deref() == Some(link_key);
        let fact = self.facts.iter().find(is_link);
        fact.and_then(|fact| fact.values["link_id"].clone())
    }
}

/// One report, on all of its pages, and its sums.
async fn assert_report(
    fixture: &LedgerFixture,
    api_key: &str,
    query: &str,
    group: &str,
    expected: &BTreeMap<Option<String>, Sums>,
) {
    let mut cursor = String::new();
    let mut found: BTreeMap<Option<String>, Sums> = BTreeMap::new();
    let totals = loop {
        let path = format!("/api/v2/reports/performance?{query}&limit=1000{cursor}");
        let (status, report) = fixture.client.call(api_key, Method::GET, &path, None).await;
        assert_eq!(status, 200, "{path}: {report}");
        for row in report["rows"].as_array().unwrap() {
            let name = match group {
                "date" | "country" | "event" => group.to_owned(),
                group => format!("{group}_id"),
            };
            let key = match &row[&name] {
                Value::Null => None,
                Value::String(text) => Some(text.clone()),
                other => Some(other.to_string()),
            };
            assert!(found.insert(key, read(row)).is_none(), "{path}: {row}");
        }
        match report["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break read(&report["totals"]),
        }
    };
    let nothing = Sums::default();
    for key in found.keys().chain(expected.keys()) {
        // What belongs to no link has no row among links.
        if group == "link" && key.is_none() {
            continue;
        }
        let (is, should) = (
            found.get(key).unwrap_or(&nothing),
            expected.get(key).unwrap_or(&nothing),
        );
        let context = format!("{query} {key:?}: {is:?}, should be {should:?}");
        assert_close(is.cost, should.cost, &context);
        assert_close(is.revenue, should.revenue, &context);
        if group != "event" {
            let events: Vec<_> = should
                .events
                .iter()
                .filter(|(_, (n, revenue))| *n != 0 || !revenue.is_zero())
                .collect();
            assert_eq!(is.events.len(), events.len(), "{context}");
            for (event, (n, revenue)) in events {
                assert_eq!(is.events[event].0, *n, "{context}");
                assert_close(is.events[event].1, *revenue, &context);
            }
        }
    }
    if group != "link" {
        let cost: Decimal = found.values().map(|row| row.cost).sum();
        assert_eq!(cost, totals.cost, "{query}: the rows add up");
    }
}

/// A row of a report. Its profit and its ratio follow from cost and revenue.
fn read(row: &Value) -> Sums {
    let amount = |value: &Value| value.as_str().unwrap().parse::<Decimal>().unwrap();
    let (cost, revenue) = (amount(&row["cost"]), amount(&row["revenue"]));
    assert_eq!(amount(&row["profit"]), revenue - cost, "{row}");
    let roi = (revenue - cost)
        .checked_div(cost)
        .map(|roi| roi.round_dp(4));
    let found = row["roi"]
        .as_f64()
        .map(|roi| Decimal::try_from(roi).unwrap().round_dp(4));
    assert_eq!(found, roi, "{row}");
    let events = row["events"].as_object().into_iter().flatten();
    let events = events.map(|(event, counts)| {
        let n = counts["conversions"].as_i64().unwrap();
        (event.clone(), (n, amount(&counts["revenue"])))
    });
    Sums {
        cost,
        revenue,
        events: events.collect(),
    }
}

/// Reports round to 8 decimals what the model does not.
fn assert_close(found: Decimal, expected: Decimal, context: &str) {
    let difference = (found - expected).abs();
    assert!(difference < Decimal::new(1, 6), "{context}");
}
