//! How much is subtracted for refunds and chargebacks.
//!
//! A reversal must not take away more than was earned: it is counted only against approved
//! conversions of the same order and currency that are credited, and only up to the amount
//! that remains of them after the reversals before it. Those that came with a secret come
//! first, since anybody can send the others. A reversal without an amount takes all that
//! remains. As long as no conversion of its order has arrived, it counts 0.
//!
//! A reversal that names neither a transaction nor a click is of no order that anybody could
//! know. With a secret it counts for its amount, which is the payout if it names none.
//!
//! The amounts are a function of the set of conversions, whatever the order of arrival.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use crate::id::ConversionId;

/// A conversion or reversal of one order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderEntry<'a> {
    pub conversion_id: ConversionId,
    pub is_reversal: bool,
    pub authenticated: bool,
    /// Whether it is approved, and credited to a click or an offer; otherwise it is not
    /// counted.
    pub counts: bool,
    pub currency: &'a str,
    /// The amount that the sender named or else the offer's payout; `None` for a reversal of a
    /// named order whose sender named no amount.
    pub amount: Option<Decimal>,
}

/// What is subtracted for a reversal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountedReversal {
    pub amount: Decimal,
    /// The currency of the amount: that of the reversal or, if it names no amount, that of
    /// the order's first conversion.
    pub currency: String,
}

/// For each reversal of one order, what to subtract. `is_named`: whether the order is a
/// transaction or a click that the senders have named.
pub fn counted_reversals(
    entries: &[OrderEntry<'_>],
    is_named: bool,
) -> BTreeMap<ConversionId, CountedReversal> {
    let mut remaining_by_currency: BTreeMap<&str, Decimal> = BTreeMap::new();
    let conversions = || entries.iter().filter(|entry| !entry.is_reversal);
    for entry in conversions().filter(|entry| entry.counts) {
        *remaining_by_currency.entry(entry.currency).or_default() +=
            entry.amount.unwrap_or_default();
    }
    let first = conversions().min_by_key(|entry| entry.conversion_id);
    // A conversion id starts with the time of receipt: earlier reversals come first.
    let mut reversals: Vec<_> = entries.iter().filter(|entry| entry.is_reversal).collect();
    reversals.sort_by_key(|entry| (!entry.authenticated, entry.conversion_id));
    let mut counted = BTreeMap::new();
    for entry in reversals {
        let currency = match (entry.amount, first) {
            (None, Some(first)) => first.currency,
            _ => entry.currency,
        };
        let remaining = remaining_by_currency.entry(currency).or_default();
        let amount = if !entry.counts {
            Decimal::ZERO
        } else if entry.authenticated && !is_named {
            entry.amount.unwrap_or_default()
        } else {
            let amount = entry.amount.unwrap_or(Decimal::MAX).min(*remaining);
            *remaining -= amount;
            amount
        };
        let currency = currency.to_owned();
        counted.insert(entry.conversion_id, CountedReversal { amount, currency });
    }
    counted
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// An entry from a text such as `sale 10` or `refund 4 EUR`. It came without a secret
    /// unless it is `authenticated`, and is credited unless it is `uncredited`. Each entry is
    /// one millisecond later than the one before.
    fn entry(index: usize, text: &str) -> OrderEntry<'_> {
        let words: Vec<_> = text.split(' ').collect();
        let flags = &words[2..];
        let id =
            uuid::Builder::from_unix_timestamp_millis(1_795_000_000_000 + index as u64, &[7; 10]);
        OrderEntry {
            conversion_id: ConversionId::from_uuid(id.into_uuid()).unwrap(),
            is_reversal: ["refund", "chargeback"].contains(&words[0]),
            authenticated: flags.contains(&"authenticated"),
            counts: !flags.contains(&"uncredited"),
            currency: if flags.contains(&"EUR") { "EUR" } else { "USD" },
            amount: words[1].parse().ok(),
        }
    }

    #[test]
    fn a_reversal_of_no_order_counts_in_full_with_a_secret_only() {
        let entries = [
            "sale 10",
            "refund 30 authenticated",
            "refund 4",
            "refund - authenticated",
        ];
        let entries: Vec<_> = entries
            .iter()
            .enumerate()
            .map(|(index, text)| entry(index, text))
            .collect();
        let counted = counted_reversals(&entries, false).into_values();
        let amounts: Vec<_> = counted.map(|reversal| reversal.amount).collect();
        assert_eq!(amounts, [30, 4, 0].map(Decimal::from));
    }

    fn counted_amounts(entries: &[OrderEntry<'_>]) -> Vec<Decimal> {
        let counted = counted_reversals(entries, true).into_values();
        counted.map(|reversal| reversal.amount).collect()
    }

    #[rstest]
    // There is no conversion to count against.
    #[case(&["refund 999999999"], &["0"])]
    #[case(&["refund 5", "chargeback 5"], &["0", "0"])]
    // A reversal counts for no more than remains.
    #[case(&["sale 10", "refund 4"], &["4"])]
    #[case(&["sale 10", "refund 10"], &["10"])]
    #[case(&["sale 10", "refund 999999999"], &["10"])]
    #[case(&["sale 10", "refund 4", "chargeback 10"], &["4", "6"])]
    #[case(&["sale 10", "refund 10", "chargeback 10"], &["10", "0"])]
    #[case(&["sale 10", "chargeback 0.00000001"], &["0.00000001"])]
    // The conversion arrives after its reversal.
    #[case(&["refund 4", "sale 10"], &["4"])]
    #[case(&["chargeback 99", "sale 10", "rebill 5"], &["15"])]
    // Each currency has an amount of its own.
    #[case(&["sale 10", "refund 4 EUR"], &["0"])]
    #[case(&["sale 10", "sale 3 EUR", "refund 4 EUR"], &["3"])]
    // What is not credited adds nothing, and takes nothing away.
    #[case(&["sale 10 uncredited", "refund 4"], &["0"])]
    #[case(&["sale 10", "refund 4 uncredited", "chargeback 10"], &["0", "10"])]
    // Authenticated reversals count first, also if they arrive later.
    #[case(&["sale 10 authenticated", "refund 4"], &["4"])]
    #[case(&["sale 10", "refund 4", "chargeback 9 authenticated"], &["1", "9"])]
    #[case(&["sale 10", "refund 4", "chargeback 99 authenticated"], &["0", "10"])]
    #[case(&["refund 5 authenticated"], &["0"])]
    // A reversal without an amount takes what remains, in the currency of the order.
    #[case(&["sale 100", "refund -"], &["100"])]
    #[case(&["sale 100", "refund 30", "chargeback -"], &["30", "70"])]
    #[case(&["sale 100 EUR", "refund -"], &["100"])]
    #[case(&["refund -", "sale 100 EUR"], &["100"])]
    #[case(&["refund -"], &["0"])]
    fn a_reversal_takes_what_remains(#[case] entries: &[&str], #[case] expected: &[&str]) {
        let entries: Vec<_> = entries
            .iter()
            .enumerate()
            .map(|(index, text)| entry(index, text))
            .collect();
        let amounts = counted_amounts(&entries);
        let expected: Vec<Decimal> = expected.iter().map(|text| text.parse().unwrap()).collect();
        assert_eq!(amounts, expected);
        // The order of arrival does not matter.
        let backwards: Vec<_> = entries.iter().rev().copied().collect();
        let amounts = counted_amounts(&backwards);
        assert_eq!(amounts, expected);
    }
}
