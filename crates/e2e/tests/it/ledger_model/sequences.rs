//! Many random sequences of what networks say about an order: statuses, refunds, retries and
//! redeliveries, in any order, through RabbitMQ and Postgres, and to the model.

use std::{collections::BTreeMap, time::Duration};

use domain::{
    conversion::{Conversion, ConversionStatus, EventType},
    id::{AccountId, ConversionId},
};
use e2e::wait::wait_for_within;
use rand::{RngExt as _, seq::IndexedRandom as _};
use rust_decimal::Decimal;

use super::{assert_same_totals, fixture::LedgerFixture, model::Credit, seed};

/// Sequences; `LEDGER_SEQUENCES` is for more: scripts/test --long has 100,000.
const N_SEQUENCES: usize = 500;
const BATCH: usize = 5_000;
const N_CLICKS: usize = 400;
/// How long the workers may take to store a batch.
const BATCH_TIMEOUT: Duration = Duration::from_secs(300);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sequences_in_any_order_lead_to_the_state_of_the_model() {
    let n_sequences = std::env::var("LEDGER_SEQUENCES");
    let n_sequences = n_sequences.map_or(N_SEQUENCES, |n| n.parse().unwrap());
    let seed = seed();
    println!("LEDGER_SEED={seed}");
    let mut fixture = LedgerFixture::new(seed).await;
    let workers = fixture.start_workers_with([("BATCH_MAX_EVENTS", "1000"), ("PREFETCH", "16")]);
    fixture.make_facts(N_CLICKS, 0);
    fixture.deliver().await;
    fixture.wait_until_stored().await;
    fixture.wait_for_bursts().await;
    for first in (0..n_sequences).step_by(BATCH) {
        for number in first..n_sequences.min(first + BATCH) {
            fixture.make_sequence(number);
        }
        fixture.deliver_in_messages_of(1..300).await;
        wait_for_within(BATCH_TIMEOUT, "an empty queue", 0, async || {
            fixture.test_env.n_waiting_messages().await
        })
        .await;
        // Deletions and corrections come between postbacks of the sequences before and after.
        if first < 2 * BATCH {
            fixture.wait_until_stored().await;
            fixture.correct(50).await;
        }
    }
    fixture.wait_until_stored().await;
    let message_clicks = fixture.facts.message_clicks(&fixture.facts.bots());
    let stored = fixture.facts.stored();
    let credits: BTreeMap<ConversionId, Credit> = stored
        .iter()
        .map(|c| (c.conversion_id, fixture.facts.credit(c, &message_clicks)))
        .collect();
    assert!(
        fixture.stored_credits().await == credits,
        "the credits differ"
    );
    let bots = fixture.stored_bots().await;
    let totals = fixture.facts.totals(&bots, &message_clicks);
    assert_same_totals(fixture.stored_totals().await, &totals);
    fixture.assert_recount_is_right();
    // Something of everything was in it.
    let (n_limited, n_counted) = fixture.facts.n_limited_reversals(&message_clicks);
    let n_of = |status| stored.iter().filter(|c| c.status == status).count();
    for n in ConversionStatus::ALL
        .map(n_of)
        .into_iter()
        .chain([n_limited, n_counted])
    {
        assert!(n > 0);
    }
    for worker in workers {
        worker.stop();
    }
}

impl LedgerFixture {
    /// The requests about one order, each at a time of its own: at least two minutes lie between
    /// them, so that only the retries are retries.
    fn make_sequence(&mut self, number: usize) {
        let mut first = self.any_conversion();
        first.txn_id = Some(format!("sequence-{number}").into());
        // The account is that of the click, so that none waits for a click that never comes.
        if first.account_id.is_none() {
            let click = first.click_id.and_then(|id| self.facts.clicks.get(&id));
            let account_id = click.map_or(self.tenant(0).account_id, |c| c.link.account_id);
            first.account_id = Some(AccountId(account_id));
        }
        let start_ms = first.conversion_id.time().as_millisecond();
        let mut minutes = 0;
        for index in 0..self.rng.random_range(1..7) {
            let mut request = first.clone();
            if index > 0 {
                self.change(&mut request);
            }
            let unix_ms = u64::try_from(start_ms + minutes * 60_000).unwrap();
            request.conversion_id = ConversionId::generate(unix_ms, &mut self.rng);
            minutes += self.rng.random_range(2..200);
            // A reversal without a name of its own would be another one for the model.
            let has_name = !request.event.is_reversal() || request.refund_id.is_some();
            if has_name && self.rng.random_bool(0.1) {
                let mut retry = request.clone();
                let later_ms = self.rng.random_range(1..60_000);
                retry.conversion_id = ConversionId::generate(unix_ms + later_ms, &mut self.rng);
                self.add_conversion(retry);
            }
            self.add_conversion(request);
        }
    }

    /// Makes a request say something else about its order.
    fn change(&mut self, request: &mut Conversion<'static>) {
        let events = [
            EventType::Sale,
            EventType::Sale,
            EventType::Rebill,
            EventType::Refund,
            EventType::Refund,
            EventType::Chargeback,
        ];
        request.event = *events.choose(&mut self.rng).unwrap();
        request.status = *ConversionStatus::ALL.choose(&mut self.rng).unwrap();
        request.authenticated = self.rng.random_bool(0.4);
        let cents = self.rng.random_range(0..10_000);
        request.revenue = self.rng.random_bool(0.7).then(|| Decimal::new(cents, 2));
        let refund = self.rng.random_range(0..4);
        request.refund_id =
            (request.event.is_reversal() && refund < 2).then(|| format!("refund-{refund}").into());
    }

    fn add_conversion(&mut self, conversion: Conversion<'static>) {
        let line = self.conversion_line(&conversion);
        self.add_line(line);
        let id = conversion.conversion_id;
        self.facts.conversions.insert(id, conversion);
    }
}
