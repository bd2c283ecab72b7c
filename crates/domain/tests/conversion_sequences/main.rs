//! Random sequences of what is said about one order: sales, rebills, refunds, changes of
//! their status, corrections and redeliveries, in any order of arrival. The rules of `domain`
//! lead to what a plain model says of the sorted sequence.

mod model;
mod rules;

use domain::conversion::{ConversionStatus, DuplicateMode, EventType};
use proptest::prelude::*;
use rust_decimal::Decimal;

/// What one request or correction says. The index is its place in time.
#[derive(Debug, Clone)]
pub struct Request {
    pub index: u64,
    pub event: EventType,
    pub status: Option<ConversionStatus>,
    pub amount: Option<Decimal>,
    pub currency: Option<&'static str>,
    pub refund_id: Option<&'static str>,
    pub authenticated: bool,
    pub is_correction: bool,
}

/// The outcome of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// By the index of the request that came first.
    pub conversions: std::collections::BTreeMap<u64, ConversionOutcome>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversionOutcome {
    pub event: EventType,
    pub status: ConversionStatus,
    pub amount: Option<Decimal>,
    pub currency: String,
    /// What is subtracted for a reversal.
    pub counted: Option<(Decimal, String)>,
}

/// What a sale counts for whose sender names no amount.
pub const PAYOUT: Decimal = Decimal::from_parts(500, 0, 0, false, 2);
pub const TXN_ID: &str = "order-1";

fn requests() -> impl Strategy<Value = Vec<Request>> {
    let event = prop_oneof![
        4 => Just(EventType::Sale),
        1 => Just(EventType::Rebill),
        3 => Just(EventType::Refund),
        1 => Just(EventType::Chargeback),
    ];
    let status = prop_oneof![
        4 => Just(Some(ConversionStatus::Approved)),
        2 => Just(Some(ConversionStatus::Pending)),
        1 => Just(Some(ConversionStatus::Rejected)),
        1 => Just(Some(ConversionStatus::Reversed)),
    ];
    let amount = proptest::option::weighted(0.7, (0..2_000_i64).prop_map(|n| Decimal::new(n, 2)));
    let currency = prop_oneof![4 => Just("USD"), 1 => Just("EUR")];
    let refund_id = prop_oneof![Just(None), Just(Some("r1")), Just(Some("r2"))];
    let request = (
        event,
        status,
        amount,
        currency,
        refund_id,
        any::<bool>(),
        // Of ten, one is a correction and three are delivered twice.
        0..10_u8,
    );
    let sequence = proptest::collection::vec(request, 1..9).prop_map(|requests| {
        let mut sequence = Vec::new();
        for (index, request) in (0..).zip(requests) {
            let (event, status, amount, currency, refund_id, authenticated, kind) = request;
            let is_correction = kind == 0;
            let request = Request {
                index,
                event,
                status: status.filter(|_| !is_correction || authenticated),
                amount,
                currency: Some(currency).filter(|_| !is_correction || amount.is_some()),
                refund_id: refund_id.filter(|_| event.is_reversal()),
                authenticated,
                is_correction,
            };
            if (1..4).contains(&kind) {
                sequence.push(request.clone());
            }
            sequence.push(request);
        }
        sequence
    });
    sequence.prop_shuffle()
}

fn mode() -> impl Strategy<Value = DuplicateMode> {
    prop_oneof![
        3 => Just(DuplicateMode::Ignore),
        1 => Just(DuplicateMode::Update),
        1 => Just(DuplicateMode::Add),
        1 => Just(DuplicateMode::New),
    ]
}

/// `PROPTEST_CASES` is for more: scripts/test --long has 100,000.
const N_SEQUENCES: u32 = 10_000;

fn config() -> ProptestConfig {
    let config = ProptestConfig::default();
    ProptestConfig {
        cases: config.cases.max(N_SEQUENCES),
        ..config
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_order_of_arrival_leads_to_what_the_model_says(requests in requests(), mode in mode()) {
        let outcome = rules::outcome(&requests, mode);
        let mut sorted = requests;
        sorted.sort_by_key(|request| request.index);
        sorted.dedup_by_key(|request| request.index);
        prop_assert_eq!(&outcome, &model::outcome(&sorted, mode));
        assert_reversals_are_limited(&outcome);
    }
}

/// Whatever the rules are in detail: no more is taken back than was earned, and no reversal takes
/// more than it says.
fn assert_reversals_are_limited(outcome: &Outcome) {
    for currency in ["USD", "EUR"] {
        let earned = outcome
            .conversions
            .values()
            .filter(|c| !c.event.is_reversal() && c.status == ConversionStatus::Approved)
            .filter(|c| c.currency == currency)
            .map(|c| c.amount.unwrap_or(PAYOUT));
        let counted = outcome.conversions.values().filter_map(|c| {
            let (amount, counted_currency) = c.counted.as_ref()?;
            (counted_currency == currency).then_some(*amount)
        });
        assert!(
            counted.sum::<Decimal>() <= earned.sum::<Decimal>(),
            "{outcome:?}"
        );
    }
    for conversion in outcome.conversions.values() {
        if let (Some((counted, _)), Some(amount)) = (&conversion.counted, conversion.amount) {
            assert!(*counted <= amount, "{conversion:?}");
        }
    }
}
