//! What is counted of refunds and chargebacks that came without a secret.
//!
//! Anybody can send one. So it counts only against the conversions of the same
//! transaction in the same account and currency, as far as those are counted, and never for
//! more than is left of them after what came with a secret and what came earlier. Until a
//! conversion of its transaction arrives, and without a transaction for ever, it counts
//! nothing. That is a function of the set of conversions, whatever the order of arrival.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use crate::id::ConversionId;

/// A conversion of a transaction, or a reversal of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransactionEntry<'a> {
    pub conversion_id: ConversionId,
    pub is_reversal: bool,
    pub authenticated: bool,
    /// Whether it is counted at all: it is credited to a click or an offer.
    pub is_credited: bool,
    pub currency: &'a str,
    /// As it was sent, or else the offer's payout.
    pub amount: Decimal,
}

/// What is subtracted for each reversal of one transaction that came without a secret.
pub fn counted_reversal_amounts(
    entries: &[TransactionEntry<'_>],
) -> BTreeMap<ConversionId, Decimal> {
    let is_limited = |entry: &&TransactionEntry<'_>| entry.is_reversal && !entry.authenticated;
    let mut left: BTreeMap<&str, Decimal> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| entry.is_credited) {
        let left = left.entry(entry.currency).or_default();
        match (entry.is_reversal, entry.authenticated) {
            (false, _) => *left += entry.amount,
            (true, true) => *left -= entry.amount,
            (true, false) => {}
        }
    }
    let mut limited: Vec<_> = entries.iter().filter(is_limited).collect();
    limited.sort_by_key(|entry| entry.conversion_id);
    let mut counted = BTreeMap::new();
    for entry in limited {
        let left = left.entry(entry.currency).or_default();
        let amount = match entry.is_credited {
            true => entry.amount.min(*left).max(Decimal::ZERO),
            false => Decimal::ZERO,
        };
        *left -= amount;
        counted.insert(entry.conversion_id, amount);
    }
    counted
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// `sale 10`, `refund 4 EUR`: without a secret and credited; `keyed` and `lost` (not
    /// credited) say otherwise. Each is a moment later than the one before.
    fn entry(index: usize, text: &str) -> TransactionEntry<'_> {
        let words: Vec<_> = text.split(' ').collect();
        let rest = &words[2..];
        let id =
            uuid::Builder::from_unix_timestamp_millis(1_795_000_000_000 + index as u64, &[7; 10]);
        TransactionEntry {
            conversion_id: ConversionId::from_uuid(id.into_uuid()).unwrap(),
            is_reversal: ["refund", "chargeback"].contains(&words[0]),
            authenticated: rest.contains(&"keyed"),
            is_credited: !rest.contains(&"lost"),
            currency: if rest.contains(&"EUR") { "EUR" } else { "USD" },
            amount: words[1].parse().unwrap(),
        }
    }

    #[rstest]
    // Nothing to count against.
    #[case(&["refund 999999999"], &["0"])]
    #[case(&["refund 5", "chargeback 5"], &["0", "0"])]
    // Never more than is left.
    #[case(&["sale 10", "refund 4"], &["4"])]
    #[case(&["sale 10", "refund 10"], &["10"])]
    #[case(&["sale 10", "refund 999999999"], &["10"])]
    #[case(&["sale 10", "refund 4", "chargeback 10"], &["4", "6"])]
    #[case(&["sale 10", "refund 10", "chargeback 10"], &["10", "0"])]
    #[case(&["sale 10", "chargeback 0.00000001"], &["0.00000001"])]
    // It waits for its conversion.
    #[case(&["refund 4", "sale 10"], &["4"])]
    #[case(&["chargeback 99", "sale 10", "rebill 5"], &["15"])]
    // Another currency is another amount.
    #[case(&["sale 10", "refund 4 EUR"], &["0"])]
    #[case(&["sale 10", "sale 3 EUR", "refund 4 EUR"], &["3"])]
    // What is not counted leaves nothing, and takes nothing.
    #[case(&["sale 10 lost", "refund 4"], &["0"])]
    #[case(&["sale 10", "refund 4 lost", "chargeback 10"], &["0", "10"])]
    // What came with a secret goes before, whenever it came.
    #[case(&["sale 10 keyed", "refund 4"], &["4"])]
    #[case(&["sale 10", "refund 4", "chargeback 9 keyed"], &["1"])]
    #[case(&["sale 10", "refund 4", "chargeback 99 keyed"], &["0"])]
    fn a_reversal_without_a_secret_takes_what_is_left(
        #[case] entries: &[&str],
        #[case] expected: &[&str],
    ) {
        let entries: Vec<_> = entries
            .iter()
            .enumerate()
            .map(|(i, text)| entry(i, text))
            .collect();
        let counted: Vec<_> = counted_reversal_amounts(&entries).into_values().collect();
        let expected: Vec<Decimal> = expected.iter().map(|text| text.parse().unwrap()).collect();
        assert_eq!(counted, expected);
        // Whatever the order of arrival.
        let backwards: Vec<_> = entries.iter().rev().copied().collect();
        let counted: Vec<_> = counted_reversal_amounts(&backwards).into_values().collect();
        assert_eq!(counted, expected);
    }
}
