//! Reports against plain SQL over the raw rows.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp, ToSpan as _};
use reqwest::Method;
use rust_decimal::Decimal;
use serde_json::Value;

use super::fixture::LedgerFixture;

/// Clicks, unique, bot and confirmed clicks, conversions, revenue.
type Numbers = ([i64; 5], Decimal);

/// Every row of every report, for all and with a filter, in some time zones.
pub async fn assert_reports_are_the_raw_rows(fixture: &LedgerFixture, tenant: usize) {
    let tenant = fixture.tenant(tenant);
    let account = tenant.account_id;
    let db = &fixture.test_env.db;
    let offer: String = db
        .query_one(
            "SELECT min(offer_id) FROM clicks WHERE account_id = $1",
            &[&account],
        )
        .await
        .unwrap()
        .get(0);
    let (from, to) = ("2000-01-01T00:00:00Z", "2100-01-01T00:00:00Z");
    let wide = format!("from={from}&to={to}");
    for zone in ["UTC", "America/New_York", "Asia/Kolkata", "Asia/Kathmandu"] {
        let local = |time: &str| format!("to_char({time} AT TIME ZONE '{zone}', 'YYYY-MM-DD')");
        let today = Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
        let (from, to) = (
            today.saturating_sub(9.days()),
            today.saturating_sub(1.days()),
        );
        let query = format!("group_by=date&tz={zone}&from={from}&to={to}");
        let range = format!("({{t}} AT TIME ZONE '{zone}')::date BETWEEN '{from}' AND '{to}'");
        assert_report(
            fixture,
            account,
            &tenant.key,
            &query,
            &local("{t}"),
            "date",
            &range,
        )
        .await;
    }
    for (group, column) in [
        ("offer", "{offer_id}"),
        ("list", "{list_id}::text"),
        ("creative", "{creative_id}::text"),
        ("campaign", "{campaign_id}"),
        ("country", "{country}"),
        ("device", "{device}"),
    ] {
        let key = match group {
            "country" | "device" => group.to_owned(),
            group => format!("{group}_id"),
        };
        for (filter, sql) in [
            (String::new(), "true".to_owned()),
            (
                format!("&offer_id={offer}"),
                format!("{{offer_id}} = '{offer}'"),
            ),
            ("&country=US".to_owned(), "{country} = 'US'".to_owned()),
            (
                format!("&list_id={}", tenant.list_id),
                format!("{{list_id}} = {}", tenant.list_id),
            ),
        ] {
            let query = format!("group_by={group}&{wide}{filter}");
            assert_report(fixture, account, &tenant.key, &query, column, &key, &sql).await;
        }
    }
    // Neither end at midnight: whole days between quarters of an hour.
    let noon = midnight() + SignedDuration::from_mins(12 * 60 + 15);
    for (from, to) in [
        (
            noon - SignedDuration::from_hours(24 * 8),
            noon - SignedDuration::from_hours(24 * 5 + 3),
        ),
        (
            noon - SignedDuration::from_hours(24 * 6),
            noon - SignedDuration::from_hours(24 * 6 - 4),
        ),
    ] {
        let range = format!("{{t}} >= '{from}' AND {{t}} < '{to}'");
        for (group, column) in [("offer_id", "{offer_id}"), ("country", "{country}")] {
            let name = group.trim_end_matches("_id");
            let query = format!("group_by={name}&from={from}&to={to}");
            assert_report(fixture, account, &tenant.key, &query, column, group, &range).await;
        }
        let query = format!("group_by=date&from={from}&to={to}");
        let days = "to_char({t} AT TIME ZONE 'UTC', 'YYYY-MM-DD')";
        assert_report(fixture, account, &tenant.key, &query, days, "date", &range).await;
    }
    for (filter, sql) in [
        (String::new(), "true".to_owned()),
        ("&country=DE".to_owned(), "{country} = 'DE'".to_owned()),
        (
            format!("&offer_id={offer}"),
            format!("{{offer_id}} = '{offer}'"),
        ),
    ] {
        let query = format!("group_by=message&limit=7&{wide}{filter}");
        let of_messages = format!("{{message_id}} IS NOT NULL AND {sql}");
        assert_report(
            fixture,
            account,
            &tenant.key,
            &query,
            "{message_id}",
            "message_id",
            &of_messages,
        )
        .await;
        let query = format!("group_by=link&limit=7&{wide}{filter}");
        // What is credited to its offer alone has none.
        let of_links = format!("{{link_key}} IS NOT NULL AND {sql}");
        let link = "(SELECT coalesce('lnk_' || code, short_id) FROM links WHERE id = {link_key})";
        assert_report(
            fixture,
            account,
            &tenant.key,
            &query,
            link,
            "link_id",
            &of_links,
        )
        .await;
    }
}

/// Today's midnight.
fn midnight() -> Timestamp {
    let second = Timestamp::now().as_second();
    Timestamp::from_second(second - second.rem_euclid(86_400)).unwrap()
}

/// One report, on all of its pages. `key` and `filter` are SQL, with the columns
/// of a fact in braces; `{t}` is its time.
async fn assert_report(
    fixture: &LedgerFixture,
    account: i64,
    api_key: &str,
    query: &str,
    key: &str,
    name: &str,
    filter: &str,
) {
    let mut found: BTreeMap<Option<String>, Numbers> = BTreeMap::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/api/v2/reports/performance?{query}{cursor}");
        let (status, report) = fixture.client.call(api_key, Method::GET, &path, None).await;
        assert_eq!(status, 200, "{path}: {report}");
        for row in report["rows"].as_array().unwrap() {
            let numbers = numbers(row);
            // Days in which nothing happened, and messages that were only sent.
            if numbers.0 != [0; 5] || !numbers.1.is_zero() {
                let key = match &row[name] {
                    Value::Null => None,
                    Value::String(text) => Some(text.clone()),
                    other => Some(other.to_string()),
                };
                assert!(
                    found.insert(key, numbers).is_none(),
                    "{path}: a row twice: {row}"
                );
            }
        }
        match report["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let expected = recount(fixture, account, key, filter).await;
    assert_eq!(found, expected, "{query}");
}

fn numbers(row: &Value) -> Numbers {
    let count = |name: &str| row[name].as_i64().unwrap();
    let counts = [
        count("clicks"),
        count("unique_clicks"),
        count("bot_clicks"),
        count("confirmed_clicks"),
        count("conversions"),
    ];
    (counts, row["revenue"].as_str().unwrap().parse().unwrap())
}

async fn recount(
    fixture: &LedgerFixture,
    account: i64,
    key: &str,
    filter: &str,
) -> BTreeMap<Option<String>, Numbers> {
    let of = |text: &str, prefix: &str, time: &str| {
        text.replace("{t}", time)
            .replace('{', prefix)
            .replace('}', "")
    };
    let facts = [
        (
            "clicks",
            "",
            "clicked_at",
            "count(*), 0, count(*) FILTER (WHERE is_bot), count(*) FILTER (WHERE confirmed), 0, 0::numeric",
            "true",
        ),
        (
            "message_clicks",
            "",
            "clicked_at",
            "0, count(*), 0, 0, 0, 0",
            "true",
        ),
        (
            "conversions",
            "credited_",
            "converted_at",
            "0, 0, 0, 0, count(*) FILTER (WHERE event NOT IN ('refund', 'chargeback')),
             sum(CASE WHEN event IN ('refund', 'chargeback') THEN -1 ELSE 1 END
                 * coalesce(counted_amount, revenue, payout, 0)) FILTER (WHERE currency = 'USD')",
            "attribution <> 'none' AND status = 'approved'",
        ),
    ];
    let parts: Vec<_> = facts
        .iter()
        .map(|(table, prefix, time, measures, only)| {
            let (key, filter) = (of(key, prefix, time), of(filter, prefix, time));
            format!(
                "SELECT {key} AS key, {measures} FROM {table}
                 WHERE account_id = {account} AND {only} AND {filter} GROUP BY 1"
            )
        })
        .collect();
    let sql = format!(
        "SELECT key, sum(a)::bigint, sum(b)::bigint, sum(c)::bigint, sum(d)::bigint,
                sum(e)::bigint, coalesce(sum(f), 0)::text
         FROM ({}) AS parts (key, a, b, c, d, e, f)
         GROUP BY key",
        parts.join(" UNION ALL ")
    );
    let mut rows = BTreeMap::new();
    for row in fixture.test_env.db.query(&sql, &[]).await.expect(&sql) {
        let counts = [row.get(1), row.get(2), row.get(3), row.get(4), row.get(5)];
        let revenue: Decimal = row.get::<_, &str>(6).parse().unwrap();
        if counts != [0; 5] || !revenue.is_zero() {
            rows.insert(row.get(0), (counts, revenue));
        }
    }
    rows
}
