//! Questions that users of a tracker ask, each as one call, and its answer in plain SQL over the
//! raw rows.

use std::collections::BTreeMap;

use reqwest::Method;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::fixture::LedgerFixture;

/// A question: the parameters of the call, the columns that tell its rows apart, and the same in
/// SQL over `facts`: the values of these columns, and the filter.
struct Question {
    query: String,
    columns: &'static [&'static str],
    key: &'static [&'static str],
    filter: String,
}

/// Clicks, unique, bot and confirmed clicks, conversions; revenue and cost, which here is that of
/// the clicks themselves.
type Numbers = ([i64; 5], [Decimal; 2]);

const HOUR_IN_NEW_YORK: &str = "extract(hour FROM t AT TIME ZONE 'America/New_York')::integer";
const WEEKDAY_IN_KATHMANDU: &str = "extract(isodow FROM t AT TIME ZONE 'Asia/Kathmandu')::integer";
const DAY: &str = "to_char(t AT TIME ZONE 'UTC', 'YYYY-MM-DD')";
const REASON: &str = "unnest(CASE bot_reasons WHEN '{}' THEN '{NULL}' ELSE bot_reasons END)";
const RULE: &str = "unnest(CASE bot_rules WHEN '{}' THEN '{NULL}' ELSE bot_rules END)";

fn questions(offer: &str, list: i64) -> Vec<Question> {
    let question = |query: &str, columns, key, filter: &str| Question {
        query: query
            .replace("{offer}", offer)
            .replace("{list}", &list.to_string()),
        columns,
        key,
        filter: filter
            .replace("{offer}", offer)
            .replace("{list}", &list.to_string()),
    };
    vec![
        // Sub ids and sources.
        question("group_by=sub1", &["sub1"], &["sub1"], "true"),
        question("group_by=sub2", &["sub2"], &["sub2"], "true"),
        question("group_by=sub3&min_clicks=1", &["sub3"], &["sub3"], "true"),
        question("group_by=source", &["source"], &["source"], "true"),
        question(
            "group_by=sub1&offer_id={offer}",
            &["sub1"],
            &["sub1"],
            "offer_id = '{offer}'",
        ),
        question(
            "group_by=sub1&country=US",
            &["sub1"],
            &["sub1"],
            "country = 'US'",
        ),
        question(
            "group_by=sub2&sub1=spring",
            &["sub2"],
            &["sub2"],
            "sub1 = 'spring'",
        ),
        question(
            "group_by=sub2&sub1=a%5C%2Cb",
            &["sub2"],
            &["sub2"],
            "sub1 = 'a,b'",
        ),
        question(
            r"group_by=sub2&sub1=%C3%BC%5C%5C,spring",
            &["sub2"],
            &["sub2"],
            r"sub1 IN ('ü\', 'spring')",
        ),
        question(
            "group_by=sub2&sub1=(none)",
            &["sub2"],
            &["sub2"],
            "sub1 IS NULL",
        ),
        question(
            "group_by=sub2&sub1.not=(none),spring",
            &["sub2"],
            &["sub2"],
            "sub1 <> 'spring'",
        ),
        question(
            "group_by=source&source.not=sms",
            &["source"],
            &["source"],
            "source IS DISTINCT FROM 'sms'",
        ),
        question(
            "group_by=sub1&then_by=sub2",
            &["sub1", "sub2"],
            &["sub1", "sub2"],
            "true",
        ),
        question(
            "group_by=sub1&then_by=country",
            &["sub1", "country"],
            &["sub1", "country"],
            "true",
        ),
        question(
            "group_by=offer&then_by=sub1",
            &["offer_id", "sub1"],
            &["offer_id", "sub1"],
            "true",
        ),
        question(
            "group_by=source&then_by=sub1&country.not=US",
            &["source", "sub1"],
            &["source", "sub1"],
            "country IS DISTINCT FROM 'US'",
        ),
        question(
            "group_by=date&sub1=spring",
            &["date"],
            &[DAY],
            "sub1 = 'spring'",
        ),
        question(
            "group_by=date&then_by=sub1",
            &["date", "sub1"],
            &[DAY, "sub1"],
            "true",
        ),
        question(
            "group_by=link&sub1=spring&order_by=clicks",
            &["link_id"],
            &["link_id"],
            "sub1 = 'spring' AND link_id IS NOT NULL",
        ),
        question(
            "group_by=message&source=sms&limit=5",
            &["message_id"],
            &["message_id"],
            "source = 'sms' AND message_id IS NOT NULL",
        ),
        // Devices, languages, places and networks.
        question("group_by=os", &["os"], &["os"], "true"),
        question("group_by=browser", &["browser"], &["browser"], "true"),
        question(
            "group_by=os&then_by=browser",
            &["os", "browser"],
            &["os", "browser"],
            "true",
        ),
        question(
            "group_by=device&os=iOS",
            &["device"],
            &["device"],
            "os = 'iOS'",
        ),
        question(
            "group_by=os&device=mobile,tablet",
            &["os"],
            &["os"],
            "device IN ('mobile', 'tablet')",
        ),
        question(
            "group_by=os&device.not=mobile",
            &["os"],
            &["os"],
            "device IS DISTINCT FROM 'mobile'",
        ),
        question("group_by=language", &["language"], &["language"], "true"),
        question(
            "group_by=language&language=EN,de",
            &["language"],
            &["language"],
            "language IN ('en', 'de')",
        ),
        question(
            "group_by=country&then_by=language",
            &["country", "language"],
            &["country", "language"],
            "true",
        ),
        question("group_by=region", &["region"], &["region"], "true"),
        question(
            "group_by=city&region=US-CA",
            &["city"],
            &["city"],
            "region = 'US-CA'",
        ),
        question("group_by=network", &["network"], &["asn"], "true"),
        question(
            "group_by=network&network=7922,21928",
            &["network"],
            &["asn"],
            "asn IN (7922, 21928)",
        ),
        question(
            "group_by=network&network.not=7922",
            &["network"],
            &["asn"],
            "asn IS DISTINCT FROM 7922",
        ),
        // Bots.
        question("group_by=bot_reason", &["bot_reason"], &[REASON], "true"),
        question("group_by=bot_rule", &["bot_rule"], &[RULE], "true"),
        question(
            "group_by=bot_reason&then_by=network",
            &["bot_reason", "network"],
            &[REASON, "asn"],
            "true",
        ),
        question(
            "group_by=date&bot_reason=burst",
            &["date"],
            &[DAY],
            "'burst' = ANY (bot_reasons)",
        ),
        question(
            "group_by=date&bot_reason=(none)",
            &["date"],
            &[DAY],
            "bot_reasons = '{}'",
        ),
        question(
            "group_by=country&bot_reason.not=burst,ua_bot",
            &["country"],
            &["country"],
            "NOT bot_reasons && '{burst,ua_bot}'",
        ),
        question(
            "group_by=link&bot_reason=burst&order_by=bot_clicks",
            &["link_id"],
            &["link_id"],
            "'burst' = ANY (bot_reasons) AND link_id IS NOT NULL",
        ),
        // Times.
        question(
            "group_by=hour_of_day",
            &["hour_of_day"],
            &["extract(hour FROM t AT TIME ZONE 'UTC')::integer"],
            "true",
        ),
        question(
            "group_by=hour_of_day&tz=America/New_York",
            &["hour_of_day"],
            &[HOUR_IN_NEW_YORK],
            "true",
        ),
        question(
            "group_by=weekday&tz=Asia/Kathmandu",
            &["weekday"],
            &[WEEKDAY_IN_KATHMANDU],
            "true",
        ),
        question(
            "group_by=weekday&then_by=hour_of_day&offer_id={offer}",
            &["weekday", "hour_of_day"],
            &[
                "extract(isodow FROM t AT TIME ZONE 'UTC')::integer",
                "extract(hour FROM t AT TIME ZONE 'UTC')::integer",
            ],
            "offer_id = '{offer}'",
        ),
        question(
            "group_by=hour_of_day&country=US,DE",
            &["hour_of_day"],
            &["extract(hour FROM t AT TIME ZONE 'UTC')::integer"],
            "country IN ('US', 'DE')",
        ),
        // Two dimensions, several values and what is left out, from the totals.
        question(
            "group_by=offer&then_by=country",
            &["offer_id", "country"],
            &["offer_id", "country"],
            "true",
        ),
        question(
            "group_by=list&then_by=offer",
            &["list_id", "offer_id"],
            &["list_id", "offer_id"],
            "true",
        ),
        question(
            "group_by=country&then_by=device",
            &["country", "device"],
            &["country", "device"],
            "true",
        ),
        question(
            "group_by=date&then_by=offer",
            &["date", "offer_id"],
            &[DAY, "offer_id"],
            "true",
        ),
        question(
            "group_by=date&then_by=country&device.not=desktop",
            &["date", "country"],
            &[DAY, "country"],
            "device IS DISTINCT FROM 'desktop'",
        ),
        question(
            "group_by=creative&then_by=device",
            &["creative_id", "device"],
            &["creative_id", "device"],
            "true",
        ),
        question(
            "group_by=country&country=us,DE,(none)",
            &["country"],
            &["country"],
            "country IN ('US', 'DE') OR country IS NULL",
        ),
        question(
            "group_by=country&country.not=US",
            &["country"],
            &["country"],
            "country IS DISTINCT FROM 'US'",
        ),
        question(
            "group_by=offer&offer_id.not={offer}",
            &["offer_id"],
            &["offer_id"],
            "offer_id IS DISTINCT FROM '{offer}'",
        ),
        question(
            "group_by=offer&list_id.not={list}",
            &["offer_id"],
            &["offer_id"],
            "list_id IS DISTINCT FROM {list}",
        ),
        question(
            "group_by=campaign&campaign_id.not=(none)",
            &["campaign_id"],
            &["campaign_id"],
            "campaign_id IS NOT NULL",
        ),
        question(
            "group_by=creative&country.not=US,DE&device=mobile",
            &["creative_id"],
            &["creative_id"],
            "coalesce(country, '') NOT IN ('US', 'DE') AND device = 'mobile'",
        ),
        // The first ones by a metric.
        question(
            "group_by=link&order_by=unique_clicks",
            &["link_id"],
            &["link_id"],
            "link_id IS NOT NULL",
        ),
        question(
            "group_by=link&order_by=revenue&order=asc&country=US",
            &["link_id"],
            &["link_id"],
            "link_id IS NOT NULL AND country = 'US'",
        ),
        question(
            "group_by=message&order_by=conversions&limit=4",
            &["message_id"],
            &["message_id"],
            "message_id IS NOT NULL",
        ),
        question(
            "group_by=link&link_id.x=",
            &["link_id"],
            &["link_id"],
            "false",
        ),
    ]
}

/// Every question of one account. At least 60 of them.
pub async fn assert_answers_are_the_raw_rows(fixture: &LedgerFixture, tenant: usize) {
    let tenant = fixture.tenant(tenant);
    let sql = "SELECT min(offer_id) FROM clicks WHERE account_id = $1";
    let row = fixture
        .test_env
        .db
        .query_one(sql, &[&tenant.account_id])
        .await;
    let offer: String = row.unwrap().get(0);
    let mut questions = questions(&offer, tenant.list_id);
    // The last is no question: a filter that does not exist.
    let unknown = questions.pop().unwrap();
    let path = format!("/api/v2/reports/performance?{}", unknown.query);
    let call = fixture.client.call(&tenant.key, Method::GET, &path, None);
    assert_eq!(call.await.0, 400);
    assert!(questions.len() >= 60, "{}", questions.len());
    let mut n_with_rows = 0;
    for question in &questions {
        let expected = recount(fixture, tenant.account_id, question).await;
        n_with_rows += usize::from(!expected.is_empty());
        assert_answer(fixture, &tenant.key, question, &expected).await;
    }
    assert!(n_with_rows * 10 > questions.len() * 9, "{n_with_rows}");
}

/// One report, on all of its pages, in its order.
async fn assert_answer(
    fixture: &LedgerFixture,
    api_key: &str,
    question: &Question,
    expected: &BTreeMap<String, Numbers>,
) {
    let query = &question.query;
    let wide = "from=2000-01-01T00:00:00Z&to=2100-01-01T00:00:00Z";
    let days = "from=2026-01-01&to=2035-01-01";
    let range = if query.contains("=date") { days } else { wide };
    let mut found = BTreeMap::new();
    let mut metrics = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/api/v2/reports/performance?{query}&{range}{cursor}");
        let (status, report) = fixture.client.call(api_key, Method::GET, &path, None).await;
        assert_eq!(status, 200, "{path}: {report}");
        for row in report["rows"].as_array().unwrap() {
            let numbers = numbers(row);
            if let Some((_, metric)) = query.split_once("order_by=") {
                let metric = &row[metric.split('&').next().unwrap()];
                metrics.push(metric.as_str().map_or(metric.to_string(), str::to_owned));
            }
            if numbers != Numbers::default() {
                let key: Vec<_> = question.columns.iter().map(|column| &row[column]).collect();
                let before = found.insert(json!(key).to_string(), numbers);
                assert!(before.is_none(), "{path}: a row twice: {row}");
            }
        }
        match report["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(&found, expected, "{query}");
    let metrics: Vec<Decimal> = metrics.iter().map(|text| text.parse().unwrap()).collect();
    let is_sorted = match query.contains("order=asc") {
        true => metrics.is_sorted(),
        false => metrics.iter().rev().is_sorted(),
    };
    assert!(is_sorted, "{query}: {metrics:?}");
}

fn numbers(row: &Value) -> Numbers {
    let names = [
        "clicks",
        "unique_clicks",
        "bot_clicks",
        "confirmed_clicks",
        "conversions",
    ];
    (
        names.map(|name| row[name].as_i64().unwrap()),
        ["revenue", "cost"].map(|name| row[name].as_str().unwrap().parse().unwrap()),
    )
}

/// The rows of a question. What is credited to a click has the click's values.
async fn recount(
    fixture: &LedgerFixture,
    account: i64,
    question: &Question,
) -> BTreeMap<String, Numbers> {
    let dimensions = |prefix: &str| {
        let link = "(SELECT coalesce('lnk_' || code, short_id) FROM links WHERE id = {}link_key)";
        let link = link.replace("{}", prefix);
        let own = [
            "offer_id",
            "list_id",
            "creative_id",
            "campaign_id",
            "message_id",
            "country",
            "device",
        ];
        own.map(|name| format!("{prefix}{name} AS {name}"))
            .join(", ")
            + &format!(", {link} AS link_id")
    };
    let of_click =
        "c.sub1, c.sub2, c.sub3, c.source, c.os, c.browser, c.language, c.region, c.city,
                    c.asn, coalesce(c.bot_reasons, '{}') AS bot_reasons,
                    coalesce(c.bot_rules, '{}') AS bot_rules";
    let aliases = question.key.iter().enumerate();
    let key: Vec<_> = aliases.map(|(n, key)| format!("{key} AS key{n}")).collect();
    let columns: Vec<_> = (0..key.len()).map(|n| format!("key{n}")).collect();
    let sql = format!(
        "WITH facts AS (
             SELECT c.clicked_at AS t, {clicks}, {of_click}, 1 AS a, 0 AS b, c.is_bot::integer AS c,
                    c.confirmed::integer AS d, 0 AS e, 0::numeric AS f,
                    CASE WHEN c.click_cost_currency = 'USD' AND NOT c.is_bot THEN c.click_cost
                         ELSE 0 END AS g
             FROM clicks c WHERE c.account_id = {account}
             UNION ALL
             SELECT c.clicked_at, {clicks}, {of_click}, 0, 1, 0, 0, 0, 0, 0
             FROM message_clicks m JOIN clicks c USING (click_id) WHERE c.account_id = {account}
             UNION ALL
             SELECT v.converted_at, {conversions}, {of_click}, 0, 0, 0, 0,
                    (v.event NOT IN ('refund', 'chargeback'))::integer,
                    CASE WHEN v.currency <> 'USD' THEN 0
                         WHEN v.event IN ('refund', 'chargeback') THEN -v.counted_amount
                         ELSE coalesce(v.revenue, v.payout, 0) END,
                    0
             FROM conversions v
             LEFT JOIN clicks c ON c.click_id = v.credited_click_id
             WHERE v.account_id = {account} AND v.attribution <> 'none' AND v.status = 'approved'
         ),
         keyed AS (SELECT {key}, a, b, c, d, e, f, g FROM facts WHERE {filter})
         SELECT json_build_array({columns})::text, sum(a), sum(b), sum(c), sum(d), sum(e), sum(f)::text,
                sum(g)::text
         FROM keyed GROUP BY 1",
        clicks = dimensions("c."),
        conversions = dimensions("v.credited_"),
        key = key.join(", "),
        filter = question.filter,
        columns = columns.join(", "),
    );
    let mut rows = BTreeMap::new();
    for row in fixture.test_env.db.query(&sql, &[]).await.expect(&sql) {
        let counts = [row.get(1), row.get(2), row.get(3), row.get(4), row.get(5)];
        let amounts = [6, 7].map(|column| row.get::<_, &str>(column).parse().unwrap());
        if (counts, amounts) != Numbers::default() {
            let key: Value = serde_json::from_str(row.get(0)).unwrap();
            rows.insert(key.to_string(), (counts, amounts));
        }
    }
    rows
}
