//! Sums of days by the values of dimensions that only clicks have.

use reqwest::Method;
use serde_json::{Value, json};

use super::reports::{ReportFixture, dated};

/// Five more than the sums of a day tell apart.
const N_VALUES: usize = 1_005;

#[tokio::test]
async fn values_beyond_a_thousand_of_a_day_are_one_row_until_the_day_changes() {
    let fixture = ReportFixture::start("value_totals").await;
    let click = |minute: usize, sub1: &str| {
        let time = format!("DAYT{:02}:{:02}:00Z", minute / 60, minute % 60);
        fixture
            .click(0, &time, json!({ "sub1": sub1, "source": "sms" }))
            .1
    };
    let mut lines: Vec<_> = (0..N_VALUES)
        .map(|number| click(number, &format!("value {number:04}")))
        .collect();
    lines.push(click(N_VALUES, "value 1004"));
    fixture.deliver(&lines).await;
    let test_env = &fixture.api.test_env;
    test_env.sum_up_days().await;
    let by = async |dimension: &str| {
        let path = format!("/api/v2/reports/performance?group_by={dimension}&from=DAY&to=NEXT");
        let (status, report) = fixture.api.get(&dated(&path)).await;
        assert_eq!(status, 200, "{report}");
        report
    };
    let clicks = |report: &Value, column: &str, value: &str| {
        let rows = report["rows"].as_array().unwrap().iter();
        let found: Vec<_> = rows.filter(|row| row[column] == value).collect();
        found
            .iter()
            .map(|row| row["clicks"].clone())
            .collect::<Vec<_>>()
    };
    let report = by("sub1").await;
    assert_eq!(report["n_rows"], 1_001);
    assert_eq!(clicks(&report, "sub1", "(other)"), [5]);
    // The one with most clicks is told apart, though its name is the last.
    assert_eq!(clicks(&report, "sub1", "value 1004"), [2]);
    assert_eq!(report["totals"]["clicks"], 1_006);
    assert_eq!(clicks(&by("source").await, "source", "sms"), [1_006]);
    assert_eq!(by("sub1&then_by=date").await["n_rows"], 1_001);
    // Other zones' days and filters need the clicks, which tell all values apart. In New York the
    // day begins four hours later.
    let report = by("sub1&then_by=date&tz=America/New_York").await;
    assert_eq!(report["n_rows"], N_VALUES - 4 * 60);
    assert_eq!(by("sub1&source=sms").await["n_rows"], N_VALUES);

    fixture.deliver(&[click(1_200, "late")]).await;
    let report = by("sub1").await;
    assert_eq!(report["n_rows"], N_VALUES + 1);
    assert_eq!(clicks(&report, "sub1", "late"), [1]);
    fixture.worker.stop();
}

#[tokio::test]
async fn an_erasure_and_retention_delete_sums_of_values() {
    let fixture = ReportFixture::start("value_erasure").await;
    let (_, click) = fixture.click(0, "DAYT12:00:00Z", json!({ "sub1": "jane@example.com" }));
    fixture.deliver(&[click]).await;
    let test_env = &fixture.api.test_env;
    test_env.sum_up_days().await;
    let n_telling = "SELECT count(*) FROM value_totals WHERE value = 'jane@example.com'";
    assert_eq!(test_env.count(n_telling).await, 1);
    let path = "/api/v2/contacts/%2B18005550123";
    let api = &fixture.api;
    let deletion = api.client.call(&api.tenant.key, Method::DELETE, path, None);
    let (status, erased) = deletion.await;
    assert_eq!(
        (status, &erased["erased"]["clicks"]),
        (200, &json!(1)),
        "{erased}"
    );
    assert_eq!(test_env.count(n_telling).await, 0);
    let path = dated("/api/v2/reports/performance?group_by=sub1&from=DAY&to=DAY");
    let (_, report) = fixture.api.get(&path).await;
    assert_eq!(report["rows"][0]["sub1"], Value::Null);
    assert_eq!(report["rows"][0]["clicks"], 1);

    test_env.sum_up_days().await;
    assert_ne!(test_env.count("SELECT count(*) FROM value_totals").await, 0);
    let sql = "UPDATE accounts SET retention_days = 1";
    test_env.db.execute(sql, &[]).await.unwrap();
    fixture.worker.stop();
    // Retention begins when a worker starts.
    let worker = test_env.start_worker();
    let n_rows =
        "SELECT (SELECT count(*) FROM value_totals) + (SELECT count(*) FROM value_total_days)";
    e2e::wait::wait_for("sums", 0, async || test_env.count(n_rows).await).await;
    worker.stop();
}
