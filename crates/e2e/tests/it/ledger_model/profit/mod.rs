//! Costs, converted revenue and events in reports against plain sums over the raw rows.

mod model;

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use reqwest::Method;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::fixture::LedgerFixture;
use model::{DAYS, Model, Sums, midnight, today};

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
    let (mut n_reports, mut n_with_amounts) = (0, 0);
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
        "date",
        "hour",
        "day_in_kolkata",
        "offer",
        "list",
        "campaign",
        "country",
        "event",
        "link",
    ] {
        for (filter, condition) in &filters {
            for target in [None, Some("EUR"), Some("JPY")] {
                let group_by = match group {
                    "day_in_kolkata" => "date&tz=Asia/Kolkata",
                    group => group,
                };
                let query = format!(
                    "group_by={group_by}&events=true&from={}&to={}{filter}{}",
                    model.from,
                    model.to,
                    target.map_or(String::new(), |target| format!("&convert_to={target}")),
                );
                let expected = model.sums(group, condition.as_ref(), target);
                n_reports += 1;
                if assert_report(fixture, &tenant.key, &query, group, &expected).await {
                    n_with_amounts += 1;
                }
            }
        }
    }
    // A filter may leave out all costs in dollars, but there is something to compare.
    assert!(
        n_with_amounts * 2 > n_reports,
        "{n_with_amounts} of {n_reports} reports have costs and events"
    );
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
    let mut identities = BTreeSet::new();
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
        // Days and times may be the same range.
        let identity = (kind, id, model, first, last, currency);
        if !identities.insert(identity) {
            continue;
        }
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

/// One report, on all of its pages, and its sums. Returns whether it has costs and events.
async fn assert_report(
    fixture: &LedgerFixture,
    api_key: &str,
    query: &str,
    group: &str,
    expected: &BTreeMap<Option<String>, Sums>,
) -> bool {
    let mut cursor = String::new();
    let mut found: BTreeMap<Option<String>, Sums> = BTreeMap::new();
    let totals = loop {
        let path = format!("/api/v2/reports/performance?{query}&limit=1000{cursor}");
        let (status, report) = fixture.client.call(api_key, Method::GET, &path, None).await;
        assert_eq!(status, 200, "{path}: {report}");
        for row in report["rows"].as_array().unwrap() {
            let name = match group {
                "date" | "hour" | "country" | "event" => group.to_owned(),
                "day_in_kolkata" => "date".to_owned(),
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
        assert_eq!(cost, totals.cost, "{query}: the costs of rows add up");
        let revenue: Decimal = found.values().map(|row| row.revenue).sum();
        assert_eq!(
            revenue, totals.revenue,
            "{query}: the revenues of rows add up"
        );
    }
    !totals.cost.is_zero() && !totals.events.is_empty()
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
