//! Milliseconds of a report over accounts of several sizes, with 90 days of raw rows in place:
//! 24 questions that are read from totals and sums of days, and 10 that are read from the clicks of a
//! day, 40 times each, one after the other. At the smallest size `click-worker recount` checks that the totals
//! are right. The bar is the 99th percentile at the largest size: 200 ms from totals and sums, 2 s from
//! clicks. Takes a quarter of an hour at full size.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use e2e::{
    client::{Client, create_account, create_key},
    console::say,
    service::command,
};
use jiff::{ToSpan as _, Zoned, civil::Date, tz::TimeZone};
use reqwest::Method;
use serde_json::json;

use crate::{
    psql,
    report::{Bar, Verdict, print_line},
    settings::Settings,
    stats::percentile,
    system::{Cores, System},
};

/// How often each question is asked. The first answer is not counted: it plans the query.
const N_TIMES: usize = 41;
const BAR_MS: f64 = 200.0;
const BAR_OF_CLICKS_MS: f64 = 2_000.0;

pub async fn run(settings: &Settings) -> Result<Verdict> {
    let system = System::start(Cores::Shared, &[]).await?;
    let api = system.start_api();
    let client = Client::new(&api, None);
    print_line(
        "clicks",
        &["p50 ms", "p99 ms", "max ms", "slowest question"],
    );
    let (mut p99_ms, mut p99_of_clicks_ms) = (0.0, 0.0);
    for (index, n_clicks) in settings.report_clicks.iter().enumerate() {
        // Each size has an account of its own, on the same services.
        let account = make_account(&system, &client, *n_clicks).await?;
        if index == 0 {
            check_totals(&system)?;
        }
        let today = Zoned::now().with_time_zone(TimeZone::UTC).date();
        sum_up_days(&system, n_clicks).await;
        let questions = questions_to_totals(&account, today)?;
        p99_ms = measure(&client, &account, &n_clicks.to_string(), &questions).await?;
        let questions = questions_to_clicks(&account, today)?;
        let label = format!("{n_clicks}, a day's clicks");
        p99_of_clicks_ms = measure(&client, &account, &label, &questions).await?;
    }
    Ok(Verdict {
        name: "report",
        value: format!("{p99_ms:.1}"),
        unit: "ms",
        ratio: f64::max(p99_ms / BAR_MS, p99_of_clicks_ms / BAR_OF_CLICKS_MS),
        bar: Bar::AtMost(1.0),
    })
}

struct Account {
    id: i64,
    key: String,
    creative_id: i64,
}

/// An account with `n_clicks` clicks of the last 90 days, and all that follows from them.
async fn make_account(system: &System, client: &Client, n_clicks: usize) -> Result<Account> {
    let test_env = &system.test_env;
    let id = create_account(test_env, &format!("report-{n_clicks}"));
    let key = create_key(test_env, id, &["reports:read", "lists:*"]);
    let domain = json!({ "host": format!("s{id}.bench.example"), "kind": "short" });
    client.create(&key, "/api/v2/domains", &domain).await;
    let list = json!({ "phone_number": "+18005552000", "list_name": "list 1" });
    client.create(&key, "/api/v2/lists", &list).await;
    say(&format!("making {n_clicks} clicks"));
    let variables = [("n", i64::try_from(n_clicks)?), ("account", id)];
    psql::run_script(
        system.database_url(),
        include_str!("report_facts.sql"),
        &variables,
    )?;
    let sql = format!("SELECT min(id) FROM creatives WHERE account_id = {id}");
    Ok(Account {
        id,
        key,
        creative_id: test_env.count(&sql).await,
    })
}

/// Has a worker sum up the days, and says how long that took.
async fn sum_up_days(system: &System, n_clicks: &usize) {
    let worker = system.test_env.start_worker();
    let start = Instant::now();
    let limit = Duration::from_secs(1_800);
    system.test_env.sum_up_days_within(limit).await;
    let seconds = start.elapsed().as_secs();
    say(&format!(
        "summed up the days of {n_clicks} clicks in {seconds} s"
    ));
    worker.terminate();
}

fn check_totals(system: &System) -> Result<()> {
    let recount = command("click-worker", &["recount"], &system.test_env.env()).output()?;
    ensure!(
        recount.status.success(),
        "the totals are wrong: {}{}",
        String::from_utf8_lossy(&recount.stdout),
        String::from_utf8_lossy(&recount.stderr)
    );
    Ok(())
}

/// Asks questions, and prints how long the answers took. Returns the 99th percentile.
async fn measure(
    client: &Client,
    account: &Account,
    label: &str,
    questions: &[String],
) -> Result<f64> {
    let answers = ask(client, account, questions).await?;
    let times: Vec<_> = answers.iter().map(|(time, _)| *time).collect();
    let slowest = answers.iter().max_by(|a, b| a.0.total_cmp(&b.0));
    let (_, question) = slowest.context("there are questions")?;
    let p99_ms = percentile(&times, 0.99);
    print_line(
        label,
        &[
            format!("{:.1}", percentile(&times, 0.5)),
            format!("{p99_ms:.1}"),
            format!("{:.1}", percentile(&times, 1.0)),
            question.clone(),
        ],
    );
    Ok(p99_ms)
}

/// Milliseconds and question of each answer.
async fn ask(
    client: &Client,
    account: &Account,
    questions: &[String],
) -> Result<Vec<(f64, String)>> {
    let mut answers = Vec::new();
    for time in 0..N_TIMES {
        for question in questions {
            let path = format!("/api/v2/reports/performance?{question}");
            let request = client.api_request(Method::GET, &path);
            let start = Instant::now();
            let response = request.header("X-Api-Key", &account.key).send().await?;
            let status = response.status();
            let body = response.bytes().await?;
            let took_ms = start.elapsed().as_secs_f64() * 1e3;
            let body = String::from_utf8_lossy(&body);
            ensure!(status.is_success(), "GET {path}: {status} {body}");
            if time > 0 {
                answers.push((took_ms, question.clone()));
            }
        }
    }
    Ok(answers)
}

fn questions_to_totals(account: &Account, today: Date) -> Result<Vec<String>> {
    // The first offer that report_facts.sql makes.
    let offer = format!("{:024x}", account.id * 1_000 + 1);
    let creative = account.creative_id;
    let quarter = format!("from={}&to={today}", today.checked_sub(89.days())?);
    let week = format!("from={}&to={today}", today.checked_sub(6.days())?);
    let new_york = "tz=America/New_York";
    let yesterday = today.checked_sub(1.days())?;
    let whole_days = format!("from={}&to={yesterday}", today.checked_sub(90.days())?);
    let whole_week = format!("from={}&to={yesterday}", today.checked_sub(7.days())?);
    Ok(vec![
        format!("group_by=date&{quarter}"),
        format!("group_by=date&tz=Asia/Kolkata&{quarter}"),
        format!("group_by=date&{new_york}&offer_id={offer}&{quarter}"),
        format!("group_by=date&creative_id={creative}&{quarter}"),
        format!("group_by=hour&{week}"),
        format!("group_by=offer&{quarter}"),
        format!("group_by=creative&{quarter}"),
        format!("group_by=country&{quarter}"),
        format!("group_by=creative&offer_id={offer}&{quarter}"),
        format!("group_by=device&country=US&{new_york}&{quarter}"),
        format!("group_by=country&offer_id={offer}&{quarter}"),
        format!("group_by=message&limit=100&{quarter}"),
        format!("group_by=link&limit=100&{week}"),
        format!("group_by=hour_of_day&{new_york}&{week}"),
        format!("group_by=offer&then_by=country&{quarter}"),
        format!("group_by=date&then_by=country&{week}"),
        format!("group_by=country&country.not=US&{quarter}"),
        format!("group_by=offer&order_by=epc&limit=10&compare=previous&{week}"),
        format!("group_by=link&order_by=clicks&limit=10&from={today}&to={today}"),
        format!("group_by=sub1&order_by=revenue&limit=100&{whole_days}"),
        format!("group_by=source&compare=previous&{whole_week}"),
        format!("group_by=network&limit=50&{whole_days}"),
        format!("group_by=bot_reason&{whole_days}"),
        format!("group_by=date&then_by=os&{whole_days}"),
    ])
}

fn questions_to_clicks(account: &Account, today: Date) -> Result<Vec<String>> {
    let offer = format!("{:024x}", account.id * 1_000 + 1);
    let yesterday = today.checked_sub(1.days())?;
    // 24 hours that are no whole day.
    let day = format!("from={yesterday}T00:15:00Z&to={today}T00:15:00Z");
    let quarter = format!("from={}&to={today}", today.checked_sub(89.days())?);
    Ok(vec![
        format!("group_by=sub1&{day}"),
        format!("group_by=sub1&offer_id={offer}&{day}"),
        format!("group_by=sub1&then_by=sub2&order_by=revenue&limit=100&{day}"),
        format!("group_by=source&{day}"),
        format!("group_by=os&then_by=browser&{day}"),
        format!("group_by=network&limit=50&{day}"),
        format!("group_by=bot_reason&{day}"),
        format!("group_by=hour&sub1=ad-1,ad-2&{day}"),
        format!("group_by=country&language.not=en&{day}"),
        format!("group_by=sub1&limit=100&{quarter}"),
    ])
}
