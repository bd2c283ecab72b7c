//! Coupon codes: what a customer types at the till instead of clicking a link.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// The most characters that a code may have.
pub const MAX_COUPON_CODE_LEN: usize = 64;

/// A coupon code, in upper case: `summer10` and `SUMMER10` are the same.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CouponCode(String);

/// A text is no coupon code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a coupon code is 1 to 64 characters of A-Z, a-z, 0-9, _, - and .")]
pub struct InvalidCouponCode;

impl CouponCode {
    /// Reads a code in upper or lower case; `None` if the text is none.
    pub fn parse(text: &str) -> Option<Self> {
        let is_allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
        let is_code =
            (1..=MAX_COUPON_CODE_LEN).contains(&text.len()) && text.bytes().all(is_allowed);
        is_code.then(|| Self(text.to_ascii_uppercase()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for CouponCode {
    type Error = InvalidCouponCode;

    fn try_from(text: String) -> Result<Self, InvalidCouponCode> {
        Self::parse(&text).ok_or(InvalidCouponCode)
    }
}

impl From<CouponCode> for String {
    fn from(code: CouponCode) -> Self {
        code.0
    }
}

impl fmt::Display for CouponCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl JsonSchema for CouponCode {
    fn schema_name() -> Cow<'static, str> {
        "CouponCode".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[A-Za-z0-9_.-]{1,64}$" })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("SUMMER10", Some("SUMMER10"))]
    #[case("summer10", Some("SUMMER10"))]
    #[case("Ada-2026_x.y", Some("ADA-2026_X.Y"))]
    #[case("", None)]
    #[case("10 %", None)]
    #[case("a/b", None)]
    #[case("ÄPFEL", None)]
    fn a_code_is_the_same_in_upper_and_lower_case(
        #[case] text: &str,
        #[case] expected: Option<&str>,
    ) {
        let code = CouponCode::parse(text);
        assert_eq!(code.as_ref().map(CouponCode::as_str), expected);
    }

    #[test]
    fn a_code_has_at_most_64_characters() {
        assert!(CouponCode::parse(&"a".repeat(64)).is_some());
        assert!(CouponCode::parse(&"a".repeat(65)).is_none());
    }
}
