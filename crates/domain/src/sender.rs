//! What a message is sent from: a phone number, a short code or an alphanumeric sender id.

use crate::phone::PhoneNumber;

/// The sender of a list or message.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Sender(String);

/// The digits of a short code.
const SHORT_CODE_DIGITS: std::ops::RangeInclusive<usize> = 3..=8;
/// The characters of an alphanumeric sender id at most: what networks have room for.
const MAX_ID_CHARACTERS: usize = 11;
/// The letters of the GSM 7 bit default alphabet beside A-Z and a-z.
const OTHER_GSM_LETTERS: &str = "èéùìòÇØøÅåΔΦΓΛΩΠΨΣΘΞÆæßÉÄÖÑÜäöñüà";

/// How a sender looks, to complete "... is not valid: ".
pub const NOT_A_SENDER: &str = "it is neither a phone number in E.164 such as +18005551234, nor a \
     short code of 3 to 8 digits such as 24587, nor a sender id of 1 to 11 letters, digits and \
     spaces with a letter, such as ACME Shop";

impl Sender {
    /// `None` unless the text is a phone number in E.164; a short code of 3 to 8 digits; or a
    /// sender id of 1 to 11 letters of the GSM alphabet, digits and spaces, of which at least
    /// one is a letter. Spaces at the ends would make two senders look the same.
    pub fn parse(text: &str) -> Option<Self> {
        let is_sender =
            PhoneNumber::parse(text).is_some() || is_short_code(text) || is_sender_id(text);
        is_sender.then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_short_code(text: &str) -> bool {
    SHORT_CODE_DIGITS.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_sender_id(text: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_alphabetic() || OTHER_GSM_LETTERS.contains(c);
    text.chars().count() <= MAX_ID_CHARACTERS
        && text.chars().any(is_letter)
        && (text.chars()).all(|c| is_letter(c) || c.is_ascii_digit() || c == ' ')
        && text.trim() == text
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::sms::{Encoding, encoding_for};

    #[rstest]
    #[case::number("+18005551234", true)]
    #[case::short_number("+1800", false)]
    #[case::number_without_plus("18005551234", false)]
    #[case::shortest_code("123", true)]
    #[case::longest_code("12345678", true)]
    #[case::too_short_code("12", false)]
    #[case::too_long_code("123456789", false)]
    #[case::other_digits("１２３４", false)]
    #[case::one_letter("A", true)]
    #[case::letters("ACME", true)]
    #[case::space("ACME Shop", true)]
    #[case::eleven("ABCDEFGHIJK", true)]
    #[case::twelve("ABCDEFGHIJKL", false)]
    #[case::eleven_of_two_bytes("ÄÖÜäöüßéèñà", true)]
    #[case::digits_and_a_letter("1234567890A", true)]
    #[case::greek_capital("ΩMEGA", true)]
    #[case::not_of_the_alphabet("ÁCME", false)]
    #[case::cyrillic("АКМЕ", false)]
    #[case::mark("H&M", false)]
    #[case::hyphen("A-B", false)]
    #[case::blank(" ", false)]
    #[case::blank_in_front(" ACME", false)]
    #[case::blank_behind("ACME ", false)]
    #[case::line_break("AC\nME", false)]
    #[case::empty("", false)]
    fn a_sender_is_a_number_a_short_code_or_an_id(#[case] text: &str, #[case] is_sender: bool) {
        assert_eq!(Sender::parse(text).is_some(), is_sender);
    }

    #[test]
    fn the_other_letters_are_of_the_gsm_alphabet() {
        assert_eq!(encoding_for(OTHER_GSM_LETTERS), Encoding::Gsm7);
        assert!(OTHER_GSM_LETTERS.chars().all(char::is_alphabetic));
    }
}
