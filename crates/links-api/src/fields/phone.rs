//! Phone numbers, by the numbering plans and not by a pattern.

use crate::error::ApiError;

/// An E.164 number, as `+` and digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhoneNumber(String);

/// Of any E.164 number.
const MAX_DIGITS: usize = 15;

impl PhoneNumber {
    /// `None` unless it is written in E.164 and its numbering plan has such
    /// numbers.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('+')?;
        // The library is for what people write, and is not asked about anything else.
        if !digits.bytes().all(|b| b.is_ascii_digit()) || digits.len() > MAX_DIGITS {
            return None;
        }
        let number = phonenumber::parse(None, text).ok()?;
        let e164 = number.format().mode(phonenumber::Mode::E164).to_string();
        (e164 == text && number.is_valid()).then_some(Self(e164))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The number that a filter names: one that is no number finds nothing.
pub fn parse_filter_phone(
    field: &'static str,
    text: Option<String>,
) -> Result<Option<String>, ApiError> {
    match text {
        Some(text) if PhoneNumber::parse(&text).is_none() => Err(ApiError::InvalidPhone(field)),
        text => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("+18005551234", true)]
    #[case("+4915112345678", true)]
    #[case("+442071838750", true)]
    #[case("18005551234", false)]
    #[case("+1 800 555 1234", false)]
    #[case("+1800555123", false)]
    #[case("+180055512345", false)]
    #[case("+10000000000", false)]
    #[case("+9991234567", false)]
    #[case("tel:+18005551234", false)]
    #[case("+1800555123４", false)] // a full-width digit
    #[case("+é8005551234", false)]
    #[case("+1800555123é", false)]
    #[case("é", false)]
    #[case("+", false)]
    #[case("++18005551234", false)]
    #[case("+18005551234;ext=5", false)]
    #[case("+1800555123412345", false)]
    #[case("", false)]
    fn e164_is_checked_by_the_numbering_plan(#[case] text: &str, #[case] valid: bool) {
        assert_eq!(PhoneNumber::parse(text).is_some(), valid);
    }
}
