//! The outcome of an order by the rules of `domain`, as the ledger applies them: requests are
//! compared with what is stored, one after the other.

use std::collections::BTreeMap;

use domain::{
    conversion::{Author, ConversionStatus, ConversionUpdate, DuplicateMode, effective_conversion},
    dedupe::DedupeFields,
    id::ConversionId,
    reversal::{OrderEntry, counted_reversals},
};

use super::{ConversionOutcome, Outcome, PAYOUT, Request, TXN_ID};

/// A conversion that is stored, with all that was said about it.
struct Stored<'r> {
    first: &'r Request,
    updates: Vec<ConversionUpdate>,
}

pub fn outcome(requests: &[Request], mode: DuplicateMode) -> Outcome {
    let mut stored: BTreeMap<String, Stored<'_>> = BTreeMap::new();
    // An account can correct only what is there.
    let (corrections, postbacks): (Vec<_>, Vec<_>) = requests.iter().partition(|r| r.is_correction);
    for request in postbacks.into_iter().chain(corrections) {
        let fields = fields(request, mode);
        let keys = fields.identity().stored_keys(fields.conversion_id.time());
        let key = stored.range(keys).next().map(|(key, _)| key.clone());
        match key.and_then(|key| stored.remove(&key)) {
            None if request.is_correction => {}
            None => {
                let updates = vec![update(request)];
                let conversion = Stored {
                    first: request,
                    updates,
                };
                stored.insert(fields.dedupe_key(), conversion);
            }
            Some(mut conversion) => {
                let update = update(request);
                if !conversion.updates.iter().any(|other| other.id == update.id) {
                    conversion.updates.push(update);
                }
                if !request.is_correction && request.index < conversion.first.index {
                    conversion.first = request;
                }
                let key = self::fields(conversion.first, mode).dedupe_key();
                stored.insert(key, conversion);
            }
        }
    }
    let states: Vec<_> = stored
        .values()
        .map(|conversion| {
            let state = effective_conversion(&conversion.updates, mode);
            (conversion.first, state)
        })
        .collect();
    let entries: Vec<_> = states
        .iter()
        .map(|(first, state)| {
            let is_reversal = first.event.is_reversal();
            OrderEntry {
                conversion_id: id(first),
                is_reversal,
                authenticated: first.authenticated,
                counts: state.status == ConversionStatus::Approved,
                currency: state.currency.as_deref().unwrap_or_default(),
                amount: state.revenue.or((!is_reversal).then_some(PAYOUT)),
            }
        })
        .collect();
    let counted = counted_reversals(&entries, true);
    let conversions = states.iter().map(|(first, state)| {
        let counted = counted.get(&id(first));
        let outcome = ConversionOutcome {
            event: first.event,
            status: state.status,
            amount: state.revenue,
            currency: state.currency.clone().unwrap_or_default(),
            counted: counted.map(|counted| (counted.amount, counted.currency.clone())),
        };
        (first.index, outcome)
    });
    Outcome {
        conversions: conversions.collect(),
    }
}

/// Requests are two minutes apart, so that none is a retry of another.
fn id(request: &Request) -> ConversionId {
    let unix_ms = 1_795_000_000_000 + request.index * 120_000;
    let id = uuid::Builder::from_unix_timestamp_millis(unix_ms, &[7; 10]);
    ConversionId::from_uuid(id.into_uuid()).expect("a UUID of version 7")
}

fn fields(request: &Request, mode: DuplicateMode) -> DedupeFields<'_> {
    DedupeFields {
        conversion_id: id(request),
        event: request.event,
        offer_id: Some("offer-1"),
        txn_id: Some(TXN_ID),
        click_id: None,
        link_key: None,
        request_digest: None,
        visitor: "",
        refund_id: request.refund_id,
        revenue: request.amount,
        stores_repetitions: mode.stores_repetitions(true),
    }
}

fn update(request: &Request) -> ConversionUpdate {
    ConversionUpdate {
        id: id(request),
        status: request.status,
        revenue: request.amount,
        currency: request.currency.map(str::to_owned),
        is_correction: request.is_correction,
        event: None,
        author: request.is_correction.then_some(Author::ApiKey(1)),
    }
}
