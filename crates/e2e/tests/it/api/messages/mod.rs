//! `/api/v2/messages`: messages that a platform has composed and sent by itself, and what networks
//! report about them.

mod links;
mod record;
mod statuses;

use e2e::service::command;
use jiff::{Timestamp, ToSpan as _, tz::TimeZone};
use serde_json::{Value, json};

use super::Api;

const PATH: &str = "/api/v2/messages";
const STATUS: &str = "/api/v2/messages/status";
const PHONE: &str = "+12025550101";

/// A link of the tenant's list to a URL. `more` are further fields.
async fn shorten(api: &Api, more: Value) -> Value {
    let mut body = json!({ "url": "https://e.com", "listId": api.tenant.list_id });
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    api.create("/api/v2/links/shorten", body).await
}

/// A row with a text for the tenant's list. `more` are further fields, and null removes one.
fn row(api: &Api, id: &str, more: Value) -> Value {
    let mut row = json!({
        "message_id": id, "contact_phone": PHONE, "list_id": api.tenant.list_id, "text": "Hi",
    });
    for (name, value) in more.as_object().unwrap() {
        row[name] = value.clone();
    }
    row
}

async fn record(api: &Api, rows: Vec<Value>) -> (u16, Value) {
    api.post(PATH, json!({ "messages": rows })).await
}

fn report(id: &str, status: &str, at: &str) -> Value {
    let mut row = json!({ "message_id": id, "contact_phone": PHONE, "status": status });
    if !at.is_empty() {
        row["at"] = json!(at);
    }
    row
}

/// A time of last week, which is within what can be recorded.
fn last_week(time: &str) -> String {
    let now = Timestamp::now().to_zoned(TimeZone::UTC);
    format!("{}T{time}", now.date().saturating_sub(7.days()))
}

/// `created`, or the code and the field of a row that failed.
fn results(answer: &Value) -> Vec<String> {
    let rows = answer["messages"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    rows.enumerate()
        .map(|(index, row)| {
            assert_eq!(row["index"], index, "{answer}");
            match text(&row["result"]).as_str() {
                "failed" => {
                    assert!(text(&row["error"]).len() > 10, "{row}");
                    format!("{} {}", text(&row["code"]), text(&row["field"]))
                }
                result => result.to_owned(),
            }
        })
        .collect()
}

async fn totals(api: &Api, query: &str) -> Value {
    let path = format!("/api/v2/reports/performance?{query}");
    let (status, report) = api.get(&path).await;
    assert_eq!(status, 200, "{report}");
    report["totals"].clone()
}

fn assert_recount_is_right(api: &Api) {
    let output = command("click-worker", &["recount"], &api.test_env.env())
        .output()
        .unwrap();
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{report}");
}
