//! The state of a conversion after all updates that arrived for it.

use rust_decimal::Decimal;

use super::{Author, ConversionStatus, DuplicateMode, EventType};
use crate::id::ConversionId;

/// What one request says about a conversion: the one that created it, a later postback of the
/// same identity, or a correction by the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversionUpdate {
    /// The time at which it was received is part of the id.
    pub id: ConversionId,
    pub status: Option<ConversionStatus>,
    /// The amount that it names. In an update without one the earlier amount stays.
    pub revenue: Option<Decimal>,
    pub currency: Option<String>,
    /// Whether the account made it by the API: a correction prevails over all postbacks.
    pub is_correction: bool,
    /// The event that a correction gives the conversion.
    pub event: Option<EventType>,
    /// Who corrected or imported the conversion for the account.
    pub author: Option<Author>,
}

/// The state of a conversion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EffectiveConversion {
    pub status: ConversionStatus,
    pub revenue: Option<Decimal>,
    pub currency: Option<String>,
    /// The corrected event; `None` if it is that of the conversion's identity.
    pub event: Option<EventType>,
}

/// The state that follows from the updates of one conversion, whatever the order in which they
/// are given: they are applied in the order of their ids.
///
/// The status is that of the latest update that does not say `pending`, and `pending` if all of
/// them do: a network that approves first and reports the pending state late does not take the
/// approval back. The amount is that of the first update; one that comes without an amount
/// gets it from the next update that has one and changes the status. What an amount of a
/// repetition does, `mode` says. Corrections are applied after everything else. One that names
/// a currency and no amount says which currency the amount is in.
pub fn effective_conversion(
    updates: &[ConversionUpdate],
    mode: DuplicateMode,
) -> EffectiveConversion {
    let mut sorted: Vec<_> = updates.iter().collect();
    sorted.sort_by_key(|update| (update.is_correction, update.id));
    let mut state = EffectiveConversion {
        status: ConversionStatus::Pending,
        revenue: None,
        currency: None,
        event: None,
    };
    for (index, update) in sorted.into_iter().enumerate() {
        let previous_status = state.status;
        state.event = update.event.or(state.event);
        match update.status {
            Some(ConversionStatus::Pending) if !update.is_correction => {}
            Some(status) => state.status = status,
            None => {}
        }
        let Some(revenue) = update.revenue else {
            state.currency = match update.is_correction {
                true => update.currency.clone().or(state.currency),
                false => state.currency.or_else(|| update.currency.clone()),
            };
            continue;
        };
        let is_same_currency = state.currency == update.currency;
        let is_repetition = index > 0 && state.status == previous_status;
        match (state.revenue, mode) {
            // Amounts of different currencies are not added up.
            (Some(sum), DuplicateMode::Add) if is_same_currency && !update.is_correction => {
                state.revenue = Some(sum + revenue);
            }
            (Some(_), DuplicateMode::Ignore | DuplicateMode::Add) if !update.is_correction => {}
            (None, DuplicateMode::Ignore) if is_repetition && !update.is_correction => {}
            _ => {
                state.revenue = Some(revenue);
                state.currency = update.currency.clone().or(state.currency);
            }
        }
    }
    state
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    /// An update from a text such as `approved 10`, `pending`, `- 5 EUR` or
    /// `rejected correction`. Each is one millisecond later than the one before.
    fn update(index: usize, text: &str) -> ConversionUpdate {
        let words: Vec<_> = text.split(' ').collect();
        let id =
            uuid::Builder::from_unix_timestamp_millis(1_795_000_000_000 + index as u64, &[7; 10]);
        let revenue = words.iter().find_map(|word| word.parse().ok());
        ConversionUpdate {
            id: ConversionId::from_uuid(id.into_uuid()).unwrap(),
            status: ConversionStatus::parse(words[0]),
            revenue,
            currency: match (words.contains(&"EUR"), words.contains(&"correction")) {
                (true, _) => Some("EUR".to_owned()),
                (false, true) => None,
                (false, false) => Some("USD".to_owned()),
            },
            is_correction: words.contains(&"correction"),
            event: words.contains(&"lead").then_some(EventType::Lead),
            author: None,
        }
    }

    fn state(texts: &[&str], mode: DuplicateMode) -> String {
        let updates = texts.iter().enumerate();
        let updates: Vec<_> = updates.map(|(index, text)| update(index, text)).collect();
        let state = effective_conversion(&updates, mode);
        let backwards: Vec<_> = updates.into_iter().rev().collect();
        assert_eq!(effective_conversion(&backwards, mode), state);
        let amount = state
            .revenue
            .map_or("-".into(), |amount| amount.to_string());
        let currency = state.currency.unwrap_or_default();
        format!("{} {amount} {currency}", state.status.as_str())
    }

    #[rstest]
    #[case(&["approved 10"], "approved 10 USD")]
    #[case(&["pending 10"], "pending 10 USD")]
    #[case(&["pending 10", "approved"], "approved 10 USD")]
    #[case(&["pending 10", "approved 12"], "approved 10 USD")]
    #[case(&["pending", "approved 12"], "approved 12 USD")]
    #[case(&["approved 10", "pending"], "approved 10 USD")]
    // Without an amount the payout of the offer counts, and a repetition changes nothing.
    #[case(&["approved", "approved 12"], "approved - USD")]
    #[case(&["approved", "rejected", "approved 12"], "approved 12 USD")]
    #[case(&["approved 10", "rejected"], "rejected 10 USD")]
    #[case(&["approved 10", "rejected", "approved"], "approved 10 USD")]
    #[case(&["rejected", "pending"], "rejected - USD")]
    #[case(&["approved 10", "reversed"], "reversed 10 USD")]
    #[case(&["approved 10", "approved 11 EUR"], "approved 10 USD")]
    // A correction by the account prevails over postbacks before and after it.
    #[case(&["approved 10", "- 8 correction"], "approved 8 USD")]
    #[case(&["approved 10", "rejected correction", "approved"], "rejected 10 USD")]
    #[case(&["approved 10", "pending correction"], "pending 10 USD")]
    #[case(&["approved 10", "- 8 EUR correction", "- 9 EUR correction"], "approved 9 EUR")]
    #[case(&["approved 10 EUR", "- 8 correction"], "approved 8 EUR")]
    #[case(&["approved 10", "- EUR correction", "approved 12"], "approved 10 EUR")]
    fn a_repetition_changes_the_status_only(#[case] updates: &[&str], #[case] expected: &str) {
        assert_eq!(state(updates, DuplicateMode::Ignore), expected);
    }

    #[rstest]
    #[case(DuplicateMode::Update, &["approved 10", "approved 12"], "approved 12 USD")]
    #[case(DuplicateMode::Update, &["approved 10", "approved 12 EUR"], "approved 12 EUR")]
    #[case(DuplicateMode::Update, &["approved 10", "approved"], "approved 10 USD")]
    #[case(DuplicateMode::Add, &["approved 10", "approved 12"], "approved 22 USD")]
    #[case(DuplicateMode::Add, &["approved 10", "approved 12 EUR"], "approved 10 USD")]
    #[case(DuplicateMode::Add, &["approved 10", "approved 2", "- 8 correction"], "approved 8 USD")]
    fn the_mode_says_what_an_amount_of_a_repetition_does(
        #[case] mode: DuplicateMode,
        #[case] updates: &[&str],
        #[case] expected: &str,
    ) {
        assert_eq!(state(updates, mode), expected);
    }

    #[test]
    fn the_latest_correction_says_the_event() {
        let updates = ["approved 10", "- lead correction", "rejected correction"];
        let updates: Vec<_> = (0..)
            .zip(updates)
            .map(|(i, text)| update(i, text))
            .collect();
        let event = effective_conversion(&updates, DuplicateMode::Ignore).event;
        assert_eq!(event, Some(EventType::Lead));
    }

    proptest! {
        #[test]
        fn the_order_of_arrival_does_not_matter(
            texts in proptest::collection::vec(
                prop_oneof![
                    Just("pending 3"), Just("approved 10"), Just("approved"), Just("rejected"),
                    Just("reversed"), Just("approved 4 EUR"), Just("- 8 correction"),
                    Just("rejected correction"), Just("- EUR correction"),
                ],
                1..8,
            ),
            rotation in 0usize..8,
            mode in prop_oneof![
                Just(DuplicateMode::Ignore), Just(DuplicateMode::Update), Just(DuplicateMode::Add),
            ],
        ) {
            let updates: Vec<_> =
                texts.iter().enumerate().map(|(index, text)| update(index, text)).collect();
            let mut rotated = updates.clone();
            rotated.rotate_left(rotation % updates.len());
            prop_assert_eq!(
                effective_conversion(&rotated, mode),
                effective_conversion(&updates, mode)
            );
        }
    }
}
