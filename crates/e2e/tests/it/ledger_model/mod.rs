//! The ledger against a reference model: the same clicks, bots, duplicates, late
//! arrivals, conversions, refunds, verdicts, corrections and deletions, in random order, through RabbitMQ
//! and Postgres with two workers, and to the model.

mod credit_backlog;
mod fixture;
mod many_writers;
mod model;
mod profit;
mod questions;
mod reports;
mod sequences;

use std::collections::BTreeMap;

use domain::{
    conversion::ConversionStatus,
    id::{ClickId, ConversionId},
};
use e2e::wait::wait_for;
use serde_json::json;

use fixture::LedgerFixture;
use model::{Amounts, Counts, Credit, Key, TotalsKey};

/// Events in any order lead to the state of the model, and reports equal a
/// recount of the raw rows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ledger_and_reports_match_the_reference_model() {
    let seed = seed();
    println!("LEDGER_SEED={seed}");
    let mut fixture = LedgerFixture::new(seed).await;
    let workers = fixture.start_workers();
    for phase in 0..3 {
        fixture.make_facts(1_200, 250);
        fixture.deliver().await;
        fixture.wait_until_stored().await;
        fixture.test_env.sum_up_days().await;
        fixture.assert_recount_is_right();
        fixture.reclassify(phase).await;
        fixture.correct(60).await;
        fixture.report_deliveries(40).await;
        fixture.assert_recount_is_right();
    }
    fixture.wait_until_stored().await;
    fixture.wait_for_bursts().await;
    assert!(!fixture.facts.deleted.is_empty());

    let bots = fixture.facts.bots();
    assert_eq!(fixture.stored_bots().await, bots, "verdicts");
    let message_clicks = fixture.facts.message_clicks(&bots);
    assert_eq!(
        fixture.stored_message_clicks().await,
        message_clicks,
        "message clicks"
    );
    let credits: BTreeMap<ConversionId, Credit> = fixture
        .facts
        .stored()
        .into_iter()
        .map(|c| (c.conversion_id, fixture.facts.credit(&c, &message_clicks)))
        .collect();
    assert_eq!(fixture.stored_credits().await, credits, "credits");
    assert_same_totals(
        fixture.stored_totals().await,
        &fixture.facts.totals(&bots, &message_clicks),
    );
    // Something of everything was in it.
    let n_credited = credits
        .values()
        .filter(|credit| matches!(credit, Some(Some(_))))
        .count();
    let n_offers = credits
        .values()
        .filter(|credit| **credit == Some(None))
        .count();
    let stored = fixture.facts.stored();
    let n_of = |status| stored.iter().filter(|c| c.status == status).count();
    let n_none = credits.values().filter(|credit| credit.is_none()).count();
    let n_bursts = fixture.facts.bursts().len();
    let clicks = fixture.facts.clicks.values();
    let n_costs_of = |is_bot| {
        let clicks = clicks.clone();
        clicks
            .filter(|click| click.cost.is_some() && bots[&click.id] == is_bot)
            .count()
    };
    let (n_limited, n_counted) = fixture.facts.n_limited_reversals(&message_clicks);
    for (what, n) in [
        ("credited", n_credited),
        ("offers", n_offers),
        ("unattributed", n_none),
        ("bursts", n_bursts),
        ("people's clicks with costs", n_costs_of(false)),
        ("bots' clicks with costs", n_costs_of(true)),
        ("pending", n_of(ConversionStatus::Pending)),
        ("rejected", n_of(ConversionStatus::Rejected)),
        ("reversals that are limited", n_limited),
        ("reversals that count", n_counted),
        ("same", fixture.facts.conversions.len() - credits.len()),
    ] {
        assert!(n > 0, "{what}: {n}");
    }

    fixture.assert_recount_is_right();
    for account in 0..2 {
        // The first account's days have changed since they were summed up.
        if account == 1 {
            fixture.test_env.sum_up_days().await;
        }
        reports::assert_reports_are_the_raw_rows(&fixture, account).await;
        questions::assert_answers_are_the_raw_rows(&fixture, account).await;
        profit::assert_profit_is_that_of_the_raw_rows(&fixture, account, seed).await;
    }
    for worker in workers {
        worker.stop();
    }
}

/// The seed of random facts. Tests print it, so that it is seen when they fail: `LEDGER_SEED`
/// repeats the same facts.
fn seed() -> u64 {
    match std::env::var("LEDGER_SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => rand::random(),
    }
}

fn assert_same_totals(
    found: BTreeMap<TotalsKey, (Counts, Amounts)>,
    expected: &BTreeMap<TotalsKey, (Counts, Amounts)>,
) {
    for (totals_key, counts) in expected {
        assert_eq!(found.get(totals_key), Some(counts), "{totals_key:?}");
    }
    for totals_key in found.keys() {
        assert!(
            expected.contains_key(totals_key),
            "{totals_key:?} should not be there"
        );
    }
}

/// A recount finds what is wrong in the ledger, and repairs it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recount_finds_differences_and_repairs_them() {
    let mut fixture = LedgerFixture::new(7).await;
    let workers = fixture.start_workers();
    fixture.make_facts(300, 60);
    fixture.deliver().await;
    fixture.wait_until_stored().await;
    fixture.wait_for_bursts().await;
    fixture.report_deliveries(30).await;
    for worker in workers {
        worker.stop();
    }
    fixture.assert_recount_is_right();
    let before = fixture.stored_totals().await;
    let credits = fixture.stored_credits().await;
    for wrong in [
        "UPDATE totals SET clicks = clicks + 1 WHERE dimension = 'all'",
        "UPDATE totals SET delivered_sends = 5, failed_messages = 7 WHERE sends > 0",
        "UPDATE link_totals SET delivered_messages = 1 WHERE sends > 0",
        "UPDATE totals SET click_cost = click_cost + 0.01 WHERE costed_clicks > 0",
        "UPDATE link_totals SET costed_clicks = costed_clicks + 1 WHERE click_cost > 0",
        "DELETE FROM link_totals",
        "DELETE FROM event_totals",
        "DELETE FROM message_clicks WHERE ctid IN (SELECT ctid FROM message_clicks LIMIT 20)",
        "UPDATE conversions SET attribution = 'none', credited_click_id = NULL",
        "UPDATE message_clicks SET click_id = '01a11d5c-1e7b-7123-8123-456789abcdef'",
        "INSERT INTO totals (account_id, bucket, sends, messages, clicks, unique_clicks, bot_clicks,
             confirmed_clicks, conversions, revenue, currency, span, dimension, key)
         SELECT account_id, bucket - interval '1 year', 1, 1, 1, 1, 1, 1, 1, 1, currency, span,
             dimension, key
         FROM totals",
    ] {
        fixture.test_env.db.batch_execute(wrong).await.unwrap();
        let (is_consistent, report) = fixture.recount(&[]);
        assert!(!is_consistent, "{wrong}: {report}");
        let (_, repaired) = fixture.recount(&["--repair"]);
        assert_eq!(repaired["repaired"], true, "{wrong}: {repaired}");
        fixture.assert_recount_is_right();
        assert_eq!(fixture.stored_totals().await, before, "{wrong}");
        assert_eq!(fixture.stored_credits().await, credits, "{wrong}");
    }
}

/// A conversion may be stored before its click, and before an earlier click takes
/// the place of the one that it was credited to.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_conversion_waits_for_its_click() {
    let mut fixture = LedgerFixture::new(11).await;
    let worker = fixture.test_env.start_worker();
    let link = fixture
        .links
        .iter()
        .position(|link| link.contact.is_some())
        .unwrap();
    let (early, late) = (
        fixture.click(link, 7_200_000),
        fixture.click(link, 3_600_000),
    );
    let sale = fixture.conversion_of_click(&late, 1_800_000);
    fixture.publish(&[fixture.conversion_line(&sale)]).await;
    wait_for("the conversion", 1, async || {
        fixture.count("SELECT count(*) FROM conversions").await
    })
    .await;
    let hidden = "SELECT count(*) FROM conversions WHERE account_id IS NULL";
    assert_eq!(fixture.count(hidden).await, 1, "no report shows it");

    for (click, expected) in [(&late, late.id), (&early, early.id)] {
        let line = fixture.click_line(click);
        fixture.publish(&[line]).await;
        wait_for("the credit", Some(Some(expected)), async || {
            fixture
                .stored_credits()
                .await
                .get(&sale.conversion_id)
                .copied()
                .flatten()
        })
        .await;
        fixture.assert_recount_is_right();
    }
    worker.stop();
}

/// Of an order with more repetitions than are loaded, the latest are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_of_the_last_of_many_repetitions_is_not_stored() {
    let mut fixture = LedgerFixture::new(19).await;
    let mapping = r#"UPDATE offers SET postback_mapping = '{"duplicates": "new_repeated"}'"#;
    fixture.test_env.db.batch_execute(mapping).await.unwrap();
    let worker = fixture.test_env.start_worker();
    let has_offer = |link: &model::Link| link.offer.is_some();
    let link = fixture.links.iter().position(has_offer).unwrap();
    let click = fixture.click(link, 80_000_000);
    let click_line = fixture.click_line(&click);
    fixture.publish(&[click_line]).await;
    wait_for("the click", 1, async || {
        fixture.count("SELECT count(*) FROM clicks").await
    })
    .await;
    let count = "SELECT count(*) FROM conversions";
    let n_repetitions = 120;
    let sale_at = |fixture: &mut LedgerFixture, ms: u64| {
        let mut sale = fixture.conversion_of_click(&click, ms);
        sale.txn_id = Some("order-1".into());
        fixture.conversion_line(&sale)
    };
    // Each two minutes after the one before: none is a retry.
    let last_ms = 1_000_000;
    let times = (0..n_repetitions).map(|index| last_ms + index * 120_000);
    let lines: Vec<_> = times.rev().map(|ms| sale_at(&mut fixture, ms)).collect();
    fixture.publish(&lines).await;
    wait_for("the repetitions", n_repetitions as i64, async || {
        fixture.count(count).await
    })
    .await;
    let retry = sale_at(&mut fixture, last_ms - 30_000);
    let next = sale_at(&mut fixture, last_ms - 240_000);
    fixture.publish(&[retry]).await;
    fixture.publish(&[next]).await;
    wait_for(
        "the next conversion",
        n_repetitions as i64 + 1,
        async || fixture.count(count).await,
    )
    .await;
    wait_for("an empty queue", 0, async || {
        fixture.test_env.n_waiting_messages().await
    })
    .await;
    assert_eq!(fixture.count(count).await, n_repetitions as i64 + 1);
    let first = "SELECT count(*) FROM conversions WHERE NOT flags @> '{repeated}'";
    assert_eq!(fixture.count(first).await, 1);
    fixture.assert_recount_is_right();
    worker.stop();
}

/// Two workers that store a conversion and its click at the same time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_conversion_that_arrives_with_its_click_is_credited() {
    let mut fixture = LedgerFixture::new(13).await;
    let settings = [
        ("BATCH_MAX_EVENTS", "1"),
        ("PREFETCH", "1"),
        ("BATCH_LINGER_MS", "0"),
        ("CONSUMERS", "4"),
    ];
    let worker = fixture.test_env.start_worker_with(&settings);
    let link = fixture
        .links
        .iter()
        .position(|link| link.message.is_none())
        .unwrap();
    let mut expected: BTreeMap<ConversionId, Credit> = BTreeMap::new();
    for ms in 0..150_u64 {
        let click = fixture.click(link, 3_600_000 + ms);
        let sale = fixture.conversion_of_click(&click, 1_800_000 + ms);
        expected.insert(sale.conversion_id, Some(Some(click.id)));
        let lines = [fixture.click_line(&click), fixture.conversion_line(&sale)];
        fixture.publish(&[lines[1].clone()]).await;
        fixture.publish(&[lines[0].clone()]).await;
    }
    // Each visitor is its own, so that each click is a message click.
    wait_for("the credits", expected, async || {
        fixture.stored_credits().await
    })
    .await;
    fixture.assert_recount_is_right();
    worker.stop();
}

/// Reclassifying clicks back and forth leaves the ledger as it was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reverted_reclassification_leaves_no_difference() {
    let mut fixture = LedgerFixture::new(17).await;
    let workers = fixture.start_workers();
    fixture.make_facts(300, 60);
    fixture.deliver().await;
    fixture.wait_until_stored().await;
    fixture.wait_for_bursts().await;
    let before = fixture.stored_totals().await;
    let bots: BTreeMap<ClickId, bool> = fixture.stored_bots().await;
    let human = |bots: &BTreeMap<ClickId, bool>| bots.values().filter(|is_bot| !**is_bot).count();
    for key in fixture.keys.clone() {
        for (filter, verdict) in [("human", "bot"), ("bot", "human")] {
            let body = json!({ "filter": { "verdict": filter }, "verdict": verdict });
            let (status, answer) = fixture.reclassify_with(&key, body).await;
            assert_eq!(status, 200, "{answer}");
            fixture.assert_recount_is_right();
        }
    }
    assert_eq!(
        human(&fixture.stored_bots().await),
        bots.len(),
        "all are people"
    );
    // Back to what they were, one by one.
    for (id, is_bot) in &bots {
        if *is_bot {
            let click = &fixture.facts.clicks[id];
            let key = fixture.key_of(click.link.account_id).to_owned();
            let at = id.time();
            let next = at + jiff::SignedDuration::from_millis(1);
            let filter = json!({
                "from": at.to_string(), "to": next.to_string(), "link_id": click.link.id,
            });
            let body = json!({ "filter": filter, "verdict": "bot" });
            let (status, answer) = fixture.reclassify_with(&key, body).await;
            assert_eq!(
                (status, answer["matched"].as_i64()),
                (200, Some(1)),
                "{answer}"
            );
        }
    }
    let message_clicks: BTreeMap<Key, ClickId> = fixture.facts.message_clicks(&bots);
    assert_eq!(fixture.stored_message_clicks().await, message_clicks);
    assert_eq!(fixture.stored_totals().await, before);
    for worker in workers {
        worker.stop();
    }
}
