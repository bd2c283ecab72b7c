//! What a postback must prove before it is recorded, and the text that its signature covers.
//! Whether a proof is right is checked by edge-redirector, which has the secrets.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a postback that names a link or a click must prove about its sender.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PostbackMode {
    /// Nothing: anybody may send it. [`crate::reversal`] limits what such postbacks subtract.
    #[default]
    Open,
    /// It must have a secret in its parameter `token`.
    Token,
    /// Its parameter `signature` must be the HMAC-SHA256 of [`signed_text`] by a secret.
    Signed,
}

impl PostbackMode {
    pub const NAMES: [&str; 3] = ["open", "token", "signed"];

    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "open" => Some(Self::Open),
            "token" => Some(Self::Token),
            "signed" => Some(Self::Signed),
            _ => None,
        }
    }
}

/// A secret that postbacks are signed with. Its `Debug` form does not show it, so that it is not
/// logged.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SigningKey(String);

impl SigningKey {
    pub fn new(secret: String) -> Self {
        Self(secret)
    }

    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

/// The text that a signature covers: the query as it was sent, without the signature. What the
/// path says (the link of a pixel, or a preset) is put in front of the query. The mapping of an
/// account may give the signature another name.
pub fn signed_text(path_parameters: Option<&str>, query: &str, signature_name: &str) -> String {
    let is_signature = |pair: &&str| {
        let value = pair.strip_prefix(signature_name);
        value.is_some_and(|value| value.starts_with('='))
    };
    let pairs = query
        .split('&')
        .filter(|pair| !pair.is_empty() && !is_signature(pair));
    let signed: Vec<_> = path_parameters.into_iter().chain(pairs).collect();
    signed.join("&")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(None, "link_id=a&revenue=1&signature=ff", "link_id=a&revenue=1")]
    #[case(None, "signature=ff&link_id=a&revenue=%31", "link_id=a&revenue=%31")]
    #[case(None, "signature=ff&b=2&signature=00", "b=2")]
    #[case(None, "", "")]
    #[case(
        Some("link_id=Ab3kX9q"),
        "revenue=1&signature=ff",
        "link_id=Ab3kX9q&revenue=1"
    )]
    #[case(Some("link_id=Ab3kX9q"), "", "link_id=Ab3kX9q")]
    #[case(
        Some("preset=tune"),
        "signatures=1&signature=ff",
        "preset=tune&signatures=1"
    )]
    fn a_signature_covers_the_query_without_the_signature(
        #[case] path_parameters: Option<&str>,
        #[case] query: &str,
        #[case] expected: &str,
    ) {
        assert_eq!(signed_text(path_parameters, query, "signature"), expected);
    }

    #[test]
    fn a_signature_may_have_another_name() {
        assert_eq!(
            signed_text(None, "a=1&sig=ff&signature=x", "sig"),
            "a=1&signature=x"
        );
    }

    #[test]
    fn a_signing_key_is_not_shown() {
        let key = SigningKey::new("a secret of sixteen".to_owned());
        assert_eq!(format!("{key:?}"), "SigningKey(..)");
    }
}
