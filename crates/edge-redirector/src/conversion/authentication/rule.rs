//! What an account or offer requires of its postbacks, and whether the credentials of a
//! request satisfy it.

use domain::{
    hex,
    postback::{PostbackError, PostbackMode, SignatureScheme, SigningKey},
    record::{AccountRecord, OfferRecord},
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::{request::SignedRequest, scheme::is_signed_by_scheme};
use crate::conversion::secret::secret_matches;

#[derive(Debug, Clone, Copy)]
pub struct AuthenticationRule<'r> {
    mode: PostbackMode,
    /// SHA-256 of the secrets, in hexadecimal digits.
    digests: &'r [String],
    keys: &'r [SigningKey],
}

/// What a request has to authenticate its sender.
pub struct Credentials<'r> {
    pub token: Option<&'r str>,
    pub signature: Option<&'r str>,
    /// The name under which the signature was sent.
    pub signature_name: Option<&'r str>,
    /// How the sender itself signs its requests.
    pub scheme: Option<SignatureScheme>,
    pub request: &'r SignedRequest<'r>,
}

impl<'r> AuthenticationRule<'r> {
    /// The rule of the offer if it has one, else that of the account. The default applies
    /// where there is neither record.
    pub fn new(account: Option<&'r AccountRecord>, offer: Option<&'r OfferRecord>) -> Self {
        let offer_rule = offer.and_then(|offer| {
            Some(Self {
                mode: offer.postbacks?,
                digests: &offer.postback_digests,
                keys: &offer.postback_keys,
            })
        });
        let account_rule = account.map(|account| Self {
            mode: account.postbacks,
            digests: &account.postback_digests,
            keys: &account.postback_keys,
        });
        offer_rule.or(account_rule).unwrap_or(Self {
            mode: PostbackMode::Open,
            digests: &[],
            keys: &[],
        })
    }

    /// Returns whether the sender is authenticated; fails if the mode requires that and
    /// the sender is not. In mode `open`, which does not require it, a token still
    /// authenticates.
    pub fn verify(self, credentials: &Credentials<'_>) -> Result<bool, PostbackError> {
        let has_token = || {
            let token = credentials.token.unwrap_or_default();
            secret_matches(token, self.digests.iter().map(String::as_str))
        };
        let has_signature = || {
            let is_signed = |scheme| is_signed_by_scheme(scheme, credentials.request, self.keys);
            self.is_signed(credentials) || credentials.scheme.is_some_and(is_signed)
        };
        match self.mode {
            PostbackMode::Open => Ok(has_token()),
            PostbackMode::Token if has_token() => Ok(true),
            PostbackMode::Token => Err(PostbackError::InvalidToken),
            PostbackMode::Signed if has_signature() => Ok(true),
            PostbackMode::Signed => Err(PostbackError::InvalidSignature),
        }
    }

    /// Whether the parameter `signature` is right. It does not cover a body.
    fn is_signed(self, credentials: &Credentials<'_>) -> bool {
        if !credentials.request.body.is_empty() {
            return false;
        }
        let Some(signature) = credentials.signature.and_then(parse_signature) else {
            return false;
        };
        let signed_text = credentials.request.signed_text(credentials.signature_name);
        self.keys.iter().any(|key| {
            let mac = Hmac::<Sha256>::new_from_slice(key.as_bytes());
            let mut mac = mac.expect("HMAC takes keys of any length");
            mac.update(signed_text.as_bytes());
            mac.verify_slice(&signature).is_ok()
        })
    }
}

/// Parses an HMAC-SHA256 in hexadecimal digits of either case.
fn parse_signature(text: &str) -> Option<[u8; 32]> {
    hex::decode(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use actix_http::header::HeaderMap;
    use jiff::Timestamp;
    use sha2::Digest as _;

    use super::*;

    const OLD: &str = "an old secret of the account";
    const NEW: &str = "a new secret of the account";
    const QUERY: &str = "link_id=Ab3kX9q&revenue=12.50";
    /// `printf %s "$QUERY" | openssl dgst -sha256 -hmac "$NEW"`
    const SIGNED_BY_NEW: &str = "5f792399407b33b56d8c9843e8322a7e95697b87405dca4f7d73322571ccef4f";
    const SIGNED_BY_OLD: &str = "1a9da623593411ba3fd16f8d16287ab33c1cfa87802c83f7ef8d824755ac3ddc";

    fn digest(secret: &str) -> String {
        hex::encode(&Sha256::digest(secret))
    }

    fn verify(
        mode: PostbackMode,
        token: &str,
        signature: &str,
        query: &str,
    ) -> Result<bool, PostbackError> {
        let digests = [digest(NEW), digest(OLD)];
        let keys = [NEW, OLD].map(|secret| SigningKey::new(secret.to_owned()));
        let rule = AuthenticationRule {
            mode,
            digests: &digests,
            keys: &keys,
        };
        let headers = HeaderMap::new();
        let request = SignedRequest::for_test(&headers, query, b"", Timestamp::UNIX_EPOCH);
        rule.verify(&Credentials {
            token: Some(token).filter(|token| !token.is_empty()),
            signature: Some(signature).filter(|signature| !signature.is_empty()),
            signature_name: None,
            scheme: None,
            request: &request,
        })
    }

    #[test]
    fn a_token_or_signature_of_any_current_secret_is_accepted() {
        for (mode, token, signature, expected) in [
            (PostbackMode::Open, "", "", Ok(false)),
            (PostbackMode::Open, "a wrong token", "", Ok(false)),
            (PostbackMode::Open, NEW, "", Ok(true)),
            (
                PostbackMode::Token,
                "",
                "",
                Err(PostbackError::InvalidToken),
            ),
            (
                PostbackMode::Token,
                "a wrong token",
                "",
                Err(PostbackError::InvalidToken),
            ),
            (
                PostbackMode::Token,
                "",
                SIGNED_BY_NEW,
                Err(PostbackError::InvalidToken),
            ),
            (PostbackMode::Token, NEW, "", Ok(true)),
            (PostbackMode::Token, OLD, "", Ok(true)),
            (
                PostbackMode::Signed,
                "",
                "",
                Err(PostbackError::InvalidSignature),
            ),
            (
                PostbackMode::Signed,
                NEW,
                "",
                Err(PostbackError::InvalidSignature),
            ),
            (
                PostbackMode::Signed,
                "",
                "00ff",
                Err(PostbackError::InvalidSignature),
            ),
            (
                PostbackMode::Signed,
                "",
                "not hexadecimal",
                Err(PostbackError::InvalidSignature),
            ),
            (PostbackMode::Signed, "", SIGNED_BY_NEW, Ok(true)),
            (PostbackMode::Signed, "", SIGNED_BY_OLD, Ok(true)),
        ] {
            let verify = |signature: &str| verify(mode, token, signature, QUERY);
            assert_eq!(verify(signature), expected, "{mode:?} {token} {signature}");
            assert_eq!(verify(&signature.to_ascii_uppercase()), expected);
        }
    }

    #[test]
    fn a_signature_is_valid_for_its_query_only() {
        for query in [
            "link_id=Ab3kX9q&revenue=99",
            "",
            "revenue=12.50&link_id=Ab3kX9q",
        ] {
            let result = verify(PostbackMode::Signed, "", SIGNED_BY_NEW, query);
            assert_eq!(result, Err(PostbackError::InvalidSignature), "{query}");
        }
    }

    #[test]
    fn a_signature_of_the_query_does_not_cover_a_body() {
        let keys = [SigningKey::new(NEW.to_owned())];
        let rule = AuthenticationRule {
            mode: PostbackMode::Signed,
            digests: &[],
            keys: &keys,
        };
        let headers = HeaderMap::new();
        let verify = |body: &str| {
            let now = Timestamp::UNIX_EPOCH;
            let request = SignedRequest::for_test(&headers, QUERY, body.as_bytes(), now);
            rule.verify(&Credentials {
                token: None,
                signature: Some(SIGNED_BY_NEW),
                signature_name: None,
                scheme: None,
                request: &request,
            })
        };
        assert_eq!(verify(""), Ok(true));
        let error = PostbackError::InvalidSignature;
        assert_eq!(verify("currency=EUR"), Err(error));
    }
}
