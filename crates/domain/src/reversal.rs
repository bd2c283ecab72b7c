//! How much is subtracted for refunds and chargebacks that came without a secret.
//!
//! Anybody can send such a reversal, so it must not take away more than was earned. It is
//! counted only against conversions of the same account, transaction and currency that are
//! counted themselves, and only up to the amount that remains of them after the reversals
//! that came with a secret and the earlier ones without. As long as no conversion of its
//! transaction has arrived, it counts 0; a reversal without a transaction always counts 0.
//!
//! The amounts are a function of the set of conversions, whatever the order of arrival.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use crate::id::ConversionId;

/// A conversion or reversal of one transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransactionEntry<'a> {
    pub conversion_id: ConversionId,
    pub is_reversal: bool,
    pub authenticated: bool,
    /// Whether it is credited to a click or an offer; otherwise it is not counted.
    pub is_credited: bool,
    pub currency: &'a str,
    /// The amount that the sender named, or else the offer's payout.
    pub amount: Decimal,
}

/// For each reversal of one transaction that came without a secret, the amount to subtract.
pub fn counted_reversal_amounts(
    entries: &[TransactionEntry<'_>],
) -> BTreeMap<ConversionId, Decimal> {
    let is_limited = |entry: &&TransactionEntry<'_>| entry.is_reversal && !entry.authenticated;
    let mut remaining_by_currency: BTreeMap<&str, Decimal> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| entry.is_credited) {
        let remaining = remaining_by_currency.entry(entry.currency).or_default();
        match (entry.is_reversal, entry.authenticated) {
            (false, _) => *remaining += entry.amount,
            (true, true) => *remaining -= entry.amount,
            (true, false) => {}
        }
    }
    // A conversion id starts with the time of receipt: earlier reversals come first.
    let mut limited_reversals: Vec<_> = entries.iter().filter(is_limited).collect();
    limited_reversals.sort_by_key(|entry| entry.conversion_id);
    let mut counted_amounts = BTreeMap::new();
    for entry in limited_reversals {
        let remaining = remaining_by_currency.entry(entry.currency).or_default();
        let amount = match entry.is_credited {
            true => entry.amount.min(*remaining).max(Decimal::ZERO),
            false => Decimal::ZERO,
        };
        *remaining -= amount;
        counted_amounts.insert(entry.conversion_id, amount);
    }
    counted_amounts
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// An entry from a text such as `sale 10` or `refund 4 EUR`. It came without a secret
    /// unless it is `authenticated`, and is credited unless it is `uncredited`. Each entry is
    /// one millisecond later than the one before.
    fn entry(index: usize, text: &str) -> TransactionEntry<'_> {
        let words: Vec<_> = text.split(' ').collect();
        let flags = &words[2..];
        let id =
            uuid::Builder::from_unix_timestamp_millis(1_795_000_000_000 + index as u64, &[7; 10]);
        TransactionEntry {
            conversion_id: ConversionId::from_uuid(id.into_uuid()).unwrap(),
            is_reversal: ["refund", "chargeback"].contains(&words[0]),
            authenticated: flags.contains(&"authenticated"),
            is_credited: !flags.contains(&"uncredited"),
            currency: if flags.contains(&"EUR") { "EUR" } else { "USD" },
            amount: words[1].parse().unwrap(),
        }
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
    #[case(&["sale 10", "refund 4", "chargeback 9 authenticated"], &["1"])]
    #[case(&["sale 10", "refund 4", "chargeback 99 authenticated"], &["0"])]
    fn a_reversal_without_a_secret_takes_what_remains(
        #[case] entries: &[&str],
        #[case] expected: &[&str],
    ) {
        let entries: Vec<_> = entries
            .iter()
            .enumerate()
            .map(|(index, text)| entry(index, text))
            .collect();
        let amounts: Vec<_> = counted_reversal_amounts(&entries).into_values().collect();
        let expected: Vec<Decimal> = expected.iter().map(|text| text.parse().unwrap()).collect();
        assert_eq!(amounts, expected);
        // The order of arrival does not matter.
        let backwards: Vec<_> = entries.iter().rev().copied().collect();
        let amounts: Vec<_> = counted_reversal_amounts(&backwards).into_values().collect();
        assert_eq!(amounts, expected);
    }
}
