//! The order of a report's rows, how many there are, and their comparison with the period before.

use jiff::{ToSpan as _, civil::Date};
use serde_json::{Value, json};

use super::{
    Api,
    reports::{ReportFixture, dated},
    status_and_code,
};

#[tokio::test]
async fn rows_are_ordered_limited_and_compared_with_the_period_before() {
    let fixture = ReportFixture::start("report_rows").await;
    let click = |time: &str, sub1: &str, country: &str| {
        fixture
            .click(0, time, json!({ "sub1": sub1, "country": country }))
            .1
    };
    fixture
        .deliver(&[
            // The day before: two of spring, one of summer.
            click("DAYT12:00:00Z", "spring", "US"),
            click("DAYT12:01:00Z", "spring", "DE"),
            click("DAYT12:02:00Z", "summer", "US"),
            click("NEXTT12:00:00Z", "spring", "US"),
            click("NEXTT12:01:00Z", "autumn", "US"),
            click("NEXTT12:02:00Z", "autumn", "DE"),
            click("NEXTT12:03:00Z", "autumn", "FR"),
        ])
        .await;
    let api = &fixture.api;
    let get = async |query: &str| {
        let path = format!("/api/v2/reports/performance?{}", dated(query));
        let (status, report) = api.get(&path).await;
        assert_eq!(status, 200, "{path}: {report}");
        report
    };
    let clicks = |report: &Value, column: &str| -> Vec<String> {
        let rows = report["rows"].as_array().unwrap().iter();
        rows.map(|row| {
            let previous = match &row["previous"] {
                Value::Null => String::new(),
                previous => format!(" after {}", previous["clicks"]),
            };
            format!("{} {}{previous}", row[column], row["clicks"])
        })
        .collect()
    };

    let report = get("group_by=sub1&from=NEXT&to=NEXT&compare=previous").await;
    assert_eq!(
        clicks(&report, "sub1"),
        ["\"autumn\" 3 after 0", "\"spring\" 1 after 2"]
    );
    assert_eq!(report["totals"]["clicks"], 4);
    assert_eq!(report["previous"]["totals"]["clicks"], 3);
    assert_eq!(report["previous"]["from"], dated("DAYT00:00:00.000Z"));
    assert_eq!(report["previous"]["to"], dated("NEXTT00:00:00.000Z"));
    // A row of a day is compared with the day at the same place.
    let report = get("group_by=date&from=NEXT&to=NEXT&compare=previous").await;
    assert_eq!(clicks(&report, "date").len(), 1);
    assert_eq!(report["rows"][0]["previous"]["clicks"], 3);
    assert_eq!(report["rows"][0]["is_complete"], true);

    // The first by a metric, in both directions.
    let both = "from=DAY&to=NEXT";
    for (order, expected) in [
        (
            "order_by=clicks",
            ["\"autumn\" 3", "\"spring\" 3", "\"summer\" 1"],
        ),
        (
            "order_by=clicks&order=asc",
            ["\"summer\" 1", "\"autumn\" 3", "\"spring\" 3"],
        ),
    ] {
        let report = get(&format!("group_by=sub1&{both}&{order}")).await;
        assert_eq!(clicks(&report, "sub1"), expected, "{order}");
        let report = get(&format!("group_by=sub1&{both}&{order}&limit=1")).await;
        assert_eq!(clicks(&report, "sub1"), expected[..1], "{order}");
        assert_eq!(
            (&report["n_rows"], &report["totals"]["clicks"]),
            (&json!(3), &json!(7))
        );
    }
    let report = get(&format!("group_by=sub1&{both}&min_clicks=2")).await;
    assert_eq!(
        (clicks(&report, "sub1").len(), &report["n_rows"]),
        (2, &json!(2))
    );
    assert_eq!(report["totals"]["clicks"], 7);

    // CSV has the columns of both dimensions.
    let path = dated(
        "/api/v2/reports/performance?group_by=sub1&then_by=country&from=NEXT&to=NEXT&order_by=clicks&limit=1&format=csv",
    );
    let (status, csv, _) = fixture.csv(&path).await;
    assert_eq!(status, 200);
    assert!(csv.starts_with("sub1,country,sends,"), "{csv}");
    assert_eq!(csv.lines().count(), 2, "{csv}");
    fixture.worker.stop();
}

/// The rates of the period before are not among those of the report's own days.
#[tokio::test]
async fn the_period_before_is_converted_by_its_own_rates() {
    let fixture = ReportFixture::start("report_rates").await;
    let sale = json!({ "revenue": "3", "txn_id": "1" });
    fixture
        .deliver(&[
            fixture.click(0, "DAYT12:00:00Z", json!({})).1,
            fixture.sale(0, "NEXTT00:01:00Z", sale),
        ])
        .await;
    let rate = dated("INSERT INTO exchange_rates VALUES ('USD', 'NEXT', 2)");
    fixture.api.test_env.db.batch_execute(&rate).await.unwrap();
    let next: Date = dated("NEXT").parse().unwrap();
    let (from, to) = (
        next.saturating_add(10.days()),
        next.saturating_add(19.days()),
    );
    let path =
        format!("/api/v2/reports/performance?from={from}&to={to}&compare=previous&convert_to=EUR");
    let (status, report) = fixture.api.get(&path).await;
    assert_eq!(status, 200, "{report}");
    assert_eq!(report["totals"]["revenue"], "0.00");
    assert_eq!(report["previous"]["totals"]["revenue"], "1.50");
    fixture.worker.stop();
}

#[tokio::test]
async fn what_reports_cannot_answer_is_refused_with_the_reason() {
    let api = Api::start("report_rows_refused").await;
    for (query, field) in [
        ("group_by=link&then_by=country", "then_by"),
        ("group_by=country&then_by=message", "then_by"),
        ("group_by=event&then_by=country", "then_by"),
        ("group_by=sub1&then_by=sub1", "then_by"),
        ("group_by=date&then_by=hour", "then_by"),
        ("group_by=sub1&order=asc", "order"),
        ("group_by=sub1&order_by=luck", "order_by"),
        ("group_by=link&order_by=cost", "order_by"),
        ("group_by=link&order_by=epc", "order_by"),
        ("group_by=link&order_by=clicks&cursor=x", "cursor"),
        ("group_by=link&order_by=clicks&cursor=-1", "cursor"),
        ("min_clicks=0", "min_clicks"),
        ("limit=1001", "limit"),
        ("compare=yesterday", "compare"),
        ("country=usa", "country"),
        ("country.not=US,", "country.not"),
        ("network=AS1", "network"),
        ("bot_reason=robot", "bot_reason"),
    ] {
        let path = format!("/api/v2/reports/performance?{query}");
        let (status, answer) = api.get(&path).await;
        let code = status_and_code((status, answer.clone()));
        assert_eq!(code, "400 invalid_field", "{query}: {answer}");
        let sentence = answer["error"].as_str().unwrap();
        assert!(
            sentence.contains(&format!("field {field} ")),
            "{query}: {sentence}"
        );
    }
}
