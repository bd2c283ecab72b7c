//! The credit backlog: a change of a message click that concerns more conversions than one
//! transaction changes.

use domain::id::{ClickId, ConversionId};
use e2e::wait::wait_for;
use jiff::SignedDuration;
use serde_json::json;

use super::{
    fixture::LedgerFixture,
    model::{Click, Link},
};

const N_CONVERSIONS: usize = 3_500;
/// What a transaction changes of the conversions of one link, as in `ledger`.
const MAX_AFFECTED: i64 = 1_000;
const IN_BACKLOG: &str = "SELECT count(*) FROM credit_backlog";

/// Conversions of a link, without a contact, are credited to its first click. They follow
/// when another becomes the first, some at once and the rest in the background.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_conversions_follow_the_first_click_of_their_link() {
    let mut fixture = LedgerFixture::new(29).await;
    let worker = fixture.test_env.start_worker();
    let is_plain = |link: &Link| link.message.is_none() && link.contact.is_none();
    let link = fixture.links.iter().position(is_plain).unwrap();
    let [earliest, first, second] =
        [9_000_000, 8_000_000, 7_000_000].map(|ms| fixture.click(link, ms));
    publish_clicks(&fixture, &[&first, &second]).await;
    publish_conversions(&mut fixture, &first).await;
    assert_eq!(
        n_credited_to(&fixture, first.id).await,
        N_CONVERSIONS as i64
    );
    assert_eq!(fixture.count(IN_BACKLOG).await, 0);
    fixture.assert_recount_is_right();

    // While no worker runs, the rest waits, and totals agree with the credits that there are.
    worker.stop();
    set_verdict(&fixture, &first, "bot").await;
    assert_eq!(n_credited_to(&fixture, second.id).await, MAX_AFFECTED);
    let (is_consistent, report) = fixture.recount(&[]);
    assert!(is_consistent, "{report:#}");
    assert_eq!(report["credit_backlog"], 1, "{report:#}");

    // A recount that repairs does not leave it to a worker.
    let (_, report) = fixture.recount(&["--repair"]);
    assert_eq!(report["credits"]["different"], 0, "{report:#}");
    assert_all_follow(&fixture, &second).await;

    // Both ways at once, and an erasure in between, which changes the order of a pass.
    set_verdict(&fixture, &first, "human").await;
    let settings = [("MAINTENANCE_INTERVAL_MS", "50")];
    let worker = fixture.test_env.start_worker_with(&settings);
    set_verdict(&fixture, &first, "bot").await;
    let key = fixture.key_of(first.link.account_id).to_owned();
    let path = "/api/v2/contacts/+18005550100";
    let erasure = fixture
        .client
        .call(&key, reqwest::Method::DELETE, path, None);
    assert_eq!(erasure.await.0, 200);
    set_verdict(&fixture, &first, "human").await;
    assert_all_follow(&fixture, &first).await;

    publish_clicks(&fixture, &[&earliest]).await;
    assert_all_follow(&fixture, &earliest).await;
    worker.stop();
}

async fn publish_clicks(fixture: &LedgerFixture, clicks: &[&Click]) {
    let count = "SELECT count(*) FROM clicks";
    let n_before = fixture.count(count).await;
    let lines: Vec<_> = clicks
        .iter()
        .map(|click| fixture.click_line(click))
        .collect();
    fixture.publish(&lines).await;
    let n_expected = n_before + clicks.len() as i64;
    wait_for("the clicks", n_expected, async || {
        fixture.count(count).await
    })
    .await;
}

/// Conversions from an hour after a click on, each of another visitor.
async fn publish_conversions(fixture: &mut LedgerFixture, click: &Click) {
    let start = click.id.time() + SignedDuration::from_hours(1);
    let lines: Vec<_> = (0..N_CONVERSIONS)
        .map(|number| {
            // Some are at the same time.
            let ms = start.as_millisecond() + i64::try_from(number / 3).unwrap();
            let id = ConversionId::generate(u64::try_from(ms).unwrap(), &mut fixture.rng);
            json!({
                "conversion_id": id, "source": "conv", "event": "sale",
                "account_id": click.link.account_id, "link_key": click.link.key,
                "link_id": click.link.id, "revenue": "1.00", "currency": "USD",
                "txn_id": format!("order-{number}"),
                "ip": format!("198.18.{}.{}", number / 256, number % 256),
            })
            .to_string()
        })
        .collect();
    for lines in lines.chunks(500) {
        fixture.publish(lines).await;
    }
    let count = "SELECT count(*) FROM conversions";
    wait_for("the conversions", N_CONVERSIONS as i64, async || {
        fixture.count(count).await
    })
    .await;
}

async fn set_verdict(fixture: &LedgerFixture, click: &Click, verdict: &str) {
    let at = click.id.time();
    let next = at + SignedDuration::from_millis(1);
    let filter = json!({
        "from": at.to_string(), "to": next.to_string(), "link_id": click.link.id,
    });
    let body = json!({ "filter": filter, "verdict": verdict });
    let key = fixture.key_of(click.link.account_id).to_owned();
    let (status, answer) = fixture.reclassify_with(&key, body).await;
    assert_eq!((status, &answer["changed"]), (200, &json!(1)), "{answer}");
}

async fn assert_all_follow(fixture: &LedgerFixture, click: &Click) {
    wait_for("an empty backlog", 0, async || {
        fixture.count(IN_BACKLOG).await
    })
    .await;
    assert_eq!(n_credited_to(fixture, click.id).await, N_CONVERSIONS as i64);
    fixture.assert_recount_is_right();
}

async fn n_credited_to(fixture: &LedgerFixture, click: ClickId) -> i64 {
    let id = click.as_uuid();
    let sql = format!("SELECT count(*) FROM conversions WHERE credited_click_id = '{id}'");
    fixture.count(&sql).await
}
