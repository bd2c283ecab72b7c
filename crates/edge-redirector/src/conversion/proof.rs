//! What proves that a postback was sent by somebody who has a secret of the account or offer.

use domain::{
    hex,
    postback::{PostbackError, PostbackMode, SigningKey},
    record::{AccountRecord, OfferRecord},
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// What postbacks of a link or an account must prove, and by what.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rule<'r> {
    mode: PostbackMode,
    /// SHA-256 of the secrets, in hexadecimal digits.
    digests: &'r [String],
    keys: &'r [SigningKey],
}

impl<'r> Rule<'r> {
    /// The offer's if it says what it wants, and else the account's. One without a record
    /// is as it is by default.
    pub fn of(account: Option<&'r AccountRecord>, offer: Option<&'r OfferRecord>) -> Self {
        let of_offer = offer.and_then(|offer| {
            Some(Self {
                mode: offer.postbacks?,
                digests: &offer.postback_digests,
                keys: &offer.postback_keys,
            })
        });
        let of_account = account.map(|account| Self {
            mode: account.postbacks,
            digests: &account.postback_digests,
            keys: &account.postback_keys,
        });
        of_offer.or(of_account).unwrap_or(Self {
            mode: PostbackMode::Open,
            digests: &[],
            keys: &[],
        })
    }

    /// Whether it is proved that somebody with a secret sent this. In `open`, where that is
    /// not wanted, a token still proves it.
    pub fn check(self, proof: &Proof<'_>) -> Result<bool, PostbackError> {
        let has_token = || {
            let token = proof.token.unwrap_or_default();
            is_one_of(token, self.digests.iter().map(String::as_str))
        };
        match self.mode {
            PostbackMode::Open => Ok(has_token()),
            PostbackMode::Token if has_token() => Ok(true),
            PostbackMode::Token => Err(PostbackError::InvalidToken),
            // What a body says is not signed.
            PostbackMode::Signed if !proof.has_body && self.is_signed(proof) => Ok(true),
            PostbackMode::Signed => Err(PostbackError::InvalidSignature),
        }
    }

    fn is_signed(self, proof: &Proof<'_>) -> bool {
        let Some(signature) = proof
            .signature
            .and_then(|text| hex::decode::<32>(text.as_bytes()))
        else {
            return false;
        };
        self.keys.iter().any(|key| {
            let mac = Hmac::<Sha256>::new_from_slice(key.as_bytes());
            let mut mac = mac.expect("HMAC takes keys of any length");
            mac.update(proof.signed_text.as_bytes());
            mac.verify_slice(&signature).is_ok()
        })
    }
}

/// What a request has to prove it.
#[derive(Debug)]
pub(super) struct Proof<'p> {
    pub token: Option<&'p str>,
    pub signature: Option<&'p str>,
    pub signed_text: String,
    pub has_body: bool,
}

/// In constant time for each secret. Where there is no secret, nothing is one.
pub(super) fn is_one_of<'d>(given: &str, digests: impl Iterator<Item = &'d str>) -> bool {
    let given = hex::encode(&Sha256::digest(given));
    let mut is_one = subtle::Choice::from(0);
    for digest in digests {
        is_one |= given.as_bytes().ct_eq(digest.as_bytes());
    }
    is_one.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "an old secret of the account";
    const NEW: &str = "a new secret of the account";
    const QUERY: &str = "link_id=Ab3kX9q&revenue=12.50";
    /// `printf %s "$QUERY" | openssl dgst -sha256 -hmac "$NEW"`
    const BY_NEW: &str = "5f792399407b33b56d8c9843e8322a7e95697b87405dca4f7d73322571ccef4f";
    const BY_OLD: &str = "1a9da623593411ba3fd16f8d16287ab33c1cfa87802c83f7ef8d824755ac3ddc";

    fn digest(secret: &str) -> String {
        hex::encode(&Sha256::digest(secret))
    }

    fn check(
        mode: PostbackMode,
        token: &str,
        signature: &str,
        query: &str,
    ) -> Result<bool, PostbackError> {
        let digests = [digest(NEW), digest(OLD)];
        let keys = [NEW, OLD].map(|secret| SigningKey::new(secret.to_owned()));
        let rule = Rule {
            mode,
            digests: &digests,
            keys: &keys,
        };
        rule.check(&Proof {
            token: Some(token).filter(|token| !token.is_empty()),
            signature: Some(signature).filter(|signature| !signature.is_empty()),
            signed_text: query.to_owned(),
            has_body: false,
        })
    }

    #[test]
    fn a_secret_proves_who_sent_it() {
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
                BY_NEW,
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
            (PostbackMode::Signed, "", BY_NEW, Ok(true)),
            (PostbackMode::Signed, "", BY_OLD, Ok(true)),
        ] {
            let of = |signature: &str| check(mode, token, signature, QUERY);
            assert_eq!(of(signature), expected, "{mode:?} {token} {signature}");
            assert_eq!(of(&signature.to_ascii_uppercase()), expected);
        }
    }

    #[test]
    fn a_signature_is_of_this_query_alone() {
        for query in [
            "link_id=Ab3kX9q&revenue=99",
            "",
            "revenue=12.50&link_id=Ab3kX9q",
        ] {
            let found = check(PostbackMode::Signed, "", BY_NEW, query);
            assert_eq!(found, Err(PostbackError::InvalidSignature), "{query}");
        }
    }

    #[test]
    fn what_is_in_a_body_is_not_signed() {
        let keys = [SigningKey::new(NEW.to_owned())];
        let rule = Rule {
            mode: PostbackMode::Signed,
            digests: &[],
            keys: &keys,
        };
        let proof = |has_body| Proof {
            token: None,
            signature: Some(BY_NEW),
            signed_text: QUERY.to_owned(),
            has_body,
        };
        assert_eq!(rule.check(&proof(false)), Ok(true));
        assert_eq!(
            rule.check(&proof(true)),
            Err(PostbackError::InvalidSignature)
        );
    }

    #[test]
    fn where_there_is_no_secret_nothing_is_one() {
        let digests = [digest("secret")];
        let secrets = || digests.iter().map(String::as_str);
        assert!(is_one_of("secret", secrets()));
        assert!(!is_one_of("Secret", secrets()));
        assert!(!is_one_of("", secrets()));
        assert!(!is_one_of("", std::iter::empty()));
        assert!(!is_one_of("secret", std::iter::empty()));
    }
}
