//! The outcome of an order by a plain model: it reads the whole sequence in the order of time.

use std::collections::BTreeMap;

use domain::conversion::{ConversionStatus, DuplicateMode};
use rust_decimal::Decimal;

use super::{ConversionOutcome, Outcome, PAYOUT, Request};

pub fn outcome(sorted: &[Request], mode: DuplicateMode) -> Outcome {
    let mut groups: Vec<Vec<&Request>> = Vec::new();
    for request in sorted.iter().filter(|request| !request.is_correction) {
        let same = groups
            .iter_mut()
            .find(|group| is_same(group[0], request, mode));
        match same {
            Some(group) => group.push(request),
            None => groups.push(vec![request]),
        }
    }
    for correction in sorted.iter().filter(|request| request.is_correction) {
        let corrected = groups
            .iter_mut()
            .find(|group| is_same(group[0], correction, mode));
        if let Some(group) = corrected {
            group.push(correction);
        }
    }
    let mut conversions: BTreeMap<u64, ConversionOutcome> = groups
        .iter()
        .map(|group| (group[0].index, conversion(group, mode)))
        .collect();
    let authenticated: BTreeMap<u64, bool> = groups
        .iter()
        .map(|group| (group[0].index, group[0].authenticated))
        .collect();
    count_reversals(&mut conversions, &authenticated);
    Outcome { conversions }
}

/// Two minutes apart, only what has a name of its own is the same.
fn is_same(one: &Request, other: &Request, mode: DuplicateMode) -> bool {
    let has_one_name = match one.event.is_reversal() {
        true => one.refund_id.is_some() && one.refund_id == other.refund_id,
        false => mode != DuplicateMode::New,
    };
    one.event == other.event && has_one_name
}

fn conversion(group: &[&Request], mode: DuplicateMode) -> ConversionOutcome {
    let (corrections, postbacks): (Vec<&Request>, Vec<&Request>) =
        group.iter().partition(|request| request.is_correction);
    let (mut amount, mut currency) = amount(&postbacks, mode);
    let mut status = status(&postbacks);
    for correction in corrections {
        status = correction.status.unwrap_or(status);
        amount = correction.amount.or(amount);
        currency = correction.currency.unwrap_or(currency);
    }
    ConversionOutcome {
        event: group[0].event,
        status,
        amount,
        currency: currency.to_owned(),
        counted: None,
    }
}

/// The last decision.
fn status(postbacks: &[&Request]) -> ConversionStatus {
    let mut decisions = postbacks.iter().filter_map(|request| request.status);
    let is_decision = |status: &ConversionStatus| *status != ConversionStatus::Pending;
    decisions
        .rfind(is_decision)
        .unwrap_or(ConversionStatus::Pending)
}

fn amount(postbacks: &[&Request], mode: DuplicateMode) -> (Option<Decimal>, &'static str) {
    let currency = |request: &Request| request.currency.unwrap_or_default();
    let with_amount = || postbacks.iter().filter(|request| request.amount.is_some());
    let none = (None, currency(postbacks[0]));
    match mode {
        // With the mode `new` only a reversal with a name of its own is said again.
        DuplicateMode::Update | DuplicateMode::New => with_amount()
            .next_back()
            .map_or(none, |last| (last.amount, currency(last))),
        DuplicateMode::Add => with_amount().next().map_or(none, |first| {
            let same_currency = with_amount().filter(|r| r.currency == first.currency);
            let sum = same_currency.filter_map(|r| r.amount).sum();
            (Some(sum), currency(first))
        }),
        // The first one says it, or else the first one that changes the status.
        _ => {
            let says_it = |index: &usize| {
                let changes_status =
                    *index == 0 || status(&postbacks[..*index]) != status(&postbacks[..=*index]);
                changes_status && postbacks[*index].amount.is_some()
            };
            let index = (0..postbacks.len()).find(says_it);
            index.map_or(none, |index| {
                (postbacks[index].amount, currency(postbacks[index]))
            })
        }
    }
}

/// Each reversal takes from one purse for each currency, first those that came with a secret.
fn count_reversals(
    conversions: &mut BTreeMap<u64, ConversionOutcome>,
    authenticated: &BTreeMap<u64, bool>,
) {
    let sales = || conversions.values().filter(|c| !c.event.is_reversal());
    let first_currency = sales().next().map(|sale| sale.currency.clone());
    let mut purses: BTreeMap<String, Decimal> = BTreeMap::new();
    for sale in sales().filter(|sale| sale.status == ConversionStatus::Approved) {
        *purses.entry(sale.currency.clone()).or_default() += sale.amount.unwrap_or(PAYOUT);
    }
    for comes_with_secret in [true, false] {
        for (index, reversal) in conversions.iter_mut() {
            if !reversal.event.is_reversal() || authenticated[index] != comes_with_secret {
                continue;
            }
            let currency = match (reversal.amount, &first_currency) {
                (None, Some(first_currency)) => first_currency.clone(),
                _ => reversal.currency.clone(),
            };
            let purse = purses.entry(currency.clone()).or_default();
            let taken = match reversal.status {
                ConversionStatus::Approved => reversal.amount.map_or(*purse, |a| a.min(*purse)),
                _ => Decimal::ZERO,
            };
            *purse -= taken;
            reversal.counted = Some((taken, currency));
        }
    }
}
