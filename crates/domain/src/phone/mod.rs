//! Phone numbers in E.164, checked by their form and by the lengths that a country's numbers can
//! have.
//!
//! Whether the range of a number is assigned is not checked: countries assign new ranges all the
//! time, and a numbering plan that a program has been built with is older than the newest numbers.

use std::{collections::BTreeMap, sync::LazyLock};

/// An E.164 number, as `+` and digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PhoneNumber(String);

/// The digits that any E.164 number has at most, with the country calling code.
const MAX_DIGITS: usize = 15;
/// The digits of the longest country calling code.
const MAX_CODE_DIGITS: usize = 3;

/// By country calling code: bit `n` says that numbers can have `n` digits behind it.
static POSSIBLE_LENGTHS: LazyLock<BTreeMap<&'static str, u32>> =
    LazyLock::new(|| parse_lengths(include_str!("possible_lengths.txt")));

impl PhoneNumber {
    /// `None` unless the text is `+`, a country calling code, and as many digits as a number of
    /// that country can have. These are the numbers that libphonenumber calls possible.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('+')?;
        if digits.len() > MAX_DIGITS || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        // No code is the beginning of another one.
        let is_possible = (1..=MAX_CODE_DIGITS).any(|len| {
            let (code, national) = digits.split_at_checked(len).unwrap_or_default();
            let lengths = POSSIBLE_LENGTHS.get(code);
            lengths.is_some_and(|lengths| lengths & (1 << national.len()) != 0)
        });
        is_possible.then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Reads lines such as `44: 7 9-10`. What cannot be read is left out; a test finds it.
fn parse_lengths(table: &'static str) -> BTreeMap<&'static str, u32> {
    let lines = table.lines().filter_map(|line| line.split_once(": "));
    let lines = lines.filter(|(code, _)| !code.starts_with('#'));
    lines
        .map(|(code, lengths)| {
            let ranges = lengths.split(' ').filter_map(parse_range);
            let bits = ranges.flatten().map(|length| 1 << length);
            (code, bits.fold(0, |all, bit: u32| all | bit))
        })
        .collect()
}

/// A range as in `9-10`, or a single length.
fn parse_range(text: &str) -> Option<std::ops::RangeInclusive<u32>> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    Some(first.parse().ok()?..=last.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("+18005551234", true)]
    #[case("+4915112345678", true)]
    #[case("+442071838750", true)]
    #[case::russian_free_of_charge("+78001234567", true)]
    #[case::russian_mobile("+79261234567", true)]
    #[case::range_that_no_plan_has("+10000000000", true)]
    #[case::new_mobile_range_of_china("+8619912345678", true)]
    #[case::italian_leading_zero("+390612345678", true)]
    #[case::shortest("+2901234", true)]
    #[case::satellite("+870123456789", true)]
    #[case("+82101234567", true)]
    #[case("18005551234", false)]
    #[case("+1 800 555 1234", false)]
    #[case::too_short("+1800555123", false)]
    #[case::too_long("+180055512345", false)]
    #[case::too_long_for_russia("+780012345678", false)]
    #[case::unassigned_code("+9991234567", false)]
    #[case::no_code("+0123456789", false)]
    #[case("tel:+18005551234", false)]
    #[case::full_width_digit("+1800555123４", false)]
    #[case("+é8005551234", false)]
    #[case("+1800555123é", false)]
    #[case("é", false)]
    #[case("+", false)]
    #[case("+1", false)]
    #[case("++18005551234", false)]
    #[case("+18005551234;ext=5", false)]
    #[case::longer_than_e164("+1800555123412345", false)]
    #[case("", false)]
    fn form_and_length_are_checked_and_no_range(#[case] text: &str, #[case] is_number: bool) {
        assert_eq!(PhoneNumber::parse(text).is_some(), is_number);
    }

    #[test]
    fn the_table_is_read_completely_and_no_code_begins_with_another() {
        let codes: Vec<_> = POSSIBLE_LENGTHS.keys().collect();
        assert_eq!(codes.len(), 215);
        assert!(POSSIBLE_LENGTHS.values().all(|lengths| *lengths != 0));
        for (code, next) in codes.iter().zip(codes.iter().skip(1)) {
            assert!(!next.starts_with(**code), "{code} {next}");
        }
        assert_eq!(POSSIBLE_LENGTHS["44"], 1 << 7 | 1 << 9 | 1 << 10);
    }
}
