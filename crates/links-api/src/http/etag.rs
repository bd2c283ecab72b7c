//! `ETag`: tells whether an object has changed since a client read it.

use sha2::{Digest as _, Sha256};

/// The strong validator of a body, with its quotation marks.
pub fn of_body(body: &[u8]) -> String {
    let digest = Sha256::digest(body);
    let digest: String = digest.iter().take(16).map(|b| format!("{b:02x}")).collect();
    format!("\"{digest}\"")
}

/// Whether a header `If-Match` or `If-None-Match` names this validator.
pub fn matches(header: &str, etag: &str) -> bool {
    let mut validators = header.split(',').map(str::trim);
    validators.any(|validator| {
        validator == "*" || validator.strip_prefix("W/").unwrap_or(validator) == etag
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("*", true)]
    #[case("\"a\"", true)]
    #[case("W/\"a\"", true)]
    #[case("\"b\", \"a\"", true)]
    #[case("\"b\"", false)]
    #[case("a", false)]
    #[case("", false)]
    fn a_header_names_validators(#[case] header: &str, #[case] expected: bool) {
        assert_eq!(matches(header, "\"a\""), expected);
    }

    #[test]
    fn another_body_has_another_etag() {
        assert_eq!(of_body(b"{}"), of_body(b"{}"));
        assert_ne!(of_body(b"{}"), of_body(b"{ }"));
    }
}
