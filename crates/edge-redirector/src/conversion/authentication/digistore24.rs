//! The signature of Digistore24, as its IPN receiver script computes it:
//! <https://dev.digistore24.com/hc/en-us/articles/32480217565969-Quick-Integration-Guide>.
//!
//! The parameter `sha_sign` of the form is the SHA-512, in upper-case hexadecimal digits, of all
//! other parameters that have a value, sorted by name: each is `name=value` and the passphrase.

use std::{borrow::Cow, collections::BTreeMap};

use domain::hex;
use sha2::{Digest as _, Sha512};
use subtle::ConstantTimeEq as _;
use url::form_urlencoded;

use super::request::SignedRequest;

const SIGNATURE: &str = "sha_sign";

pub fn is_signed(request: &SignedRequest<'_>, key: &[u8]) -> bool {
    // Of a name that is there twice the last value counts, as in the script.
    let mut parameters: BTreeMap<Cow<'_, str>, Cow<'_, str>> =
        form_urlencoded::parse(request.body).collect();
    let Some(signature) = parameters.remove(SIGNATURE) else {
        return false;
    };
    parameters.remove("SHASIGN");
    let mut sha512 = Sha512::new();
    for (name, value) in parameters.iter().filter(|(_, value)| !value.is_empty()) {
        sha512.update(name.as_bytes());
        sha512.update(b"=");
        sha512.update(value.as_bytes());
        sha512.update(key);
    }
    let expected = hex::encode(&sha512.finalize());
    let signature = signature.to_ascii_lowercase();
    signature.as_bytes().ct_eq(expected.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use actix_http::header::HeaderMap;
    use jiff::Timestamp;
    use rstest::rstest;

    use super::*;

    const KEY: &str = "a passphrase of an IPN";
    /// `K="$KEY"; printf %s "event=on_payment${K}name=Ada L${K}transaction_id=7${K}" |
    /// openssl dgst -sha512`
    const SIGNED: &str = "0aae75782f455c9b8e536829f65806bf353ac14189f090c72ecc99c0ac2a5af6043d2295a807c0798bcc7c95ba750c29d9b2970048f4caa5963f441314eb3b80";

    fn verify(body: &str, key: &str) -> bool {
        let headers = HeaderMap::new();
        let now = Timestamp::UNIX_EPOCH;
        let request = SignedRequest::for_test(&headers, "", body.as_bytes(), now);
        is_signed(&request, key.as_bytes())
    }

    #[rstest]
    #[case::sorted("event=on_payment&name=Ada+L&transaction_id=7&sha_sign=SIGNED", true)]
    #[case::in_any_order("sha_sign=SIGNED&transaction_id=7&name=Ada%20L&event=on_payment", true)]
    #[case::without_empty_values(
        "event=on_payment&coupon=&name=Ada+L&transaction_id=7&sha_sign=SIGNED",
        true
    )]
    #[case::another_value("event=on_payment&name=Ada+L&transaction_id=8&sha_sign=SIGNED", false)]
    #[case::another_parameter(
        "amount=9&event=on_payment&name=Ada+L&transaction_id=7&sha_sign=SIGNED",
        false
    )]
    #[case::without_a_signature("event=on_payment&name=Ada+L&transaction_id=7", false)]
    #[case::empty("", false)]
    fn a_parameter_signs_the_others(#[case] body: &str, #[case] expected: bool) {
        let in_lower_case = body.replace("SIGNED", SIGNED);
        assert_eq!(verify(&in_lower_case, KEY), expected);
        let in_upper_case = body.replace("SIGNED", &SIGNED.to_ascii_uppercase());
        assert_eq!(verify(&in_upper_case, KEY), expected);
        assert!(!verify(&in_lower_case, "another passphrase"));
    }
}
