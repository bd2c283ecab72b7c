//! E-mail addresses.

use lettre::Address;

use super::text::{Text, present};
use crate::error::ApiError;

const MAX_EMAIL_BYTES: usize = 254;

/// The address of the field `email` in lower case, by which users are found.
pub fn required_email(text: &Option<Text>) -> Result<String, ApiError> {
    parse_email(present(text, "email")?).ok_or_else(|| {
        ApiError::invalid_field(
            "email",
            "it is not an e-mail address, as in ada@example.com",
        )
    })
}

/// The address in lower case; `None` if the text is no address.
pub fn parse_email(text: &str) -> Option<String> {
    let email = text.trim().to_lowercase();
    let is_valid = email.len() <= MAX_EMAIL_BYTES && email.parse::<Address>().is_ok();
    is_valid.then_some(email)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(" Ada@Example.com", Some("ada@example.com"))]
    #[case("a+b@e.co", Some("a+b@e.co"))]
    #[case("", None)]
    #[case("ada", None)]
    #[case("ada@", None)]
    #[case("a b@example.com", None)]
    #[case("a@example.com\r\nBcc: b@example.com", None)]
    fn an_address_is_one_and_in_lower_case(#[case] text: &str, #[case] expected: Option<&str>) {
        assert_eq!(parse_email(text).as_deref(), expected);
    }
}
