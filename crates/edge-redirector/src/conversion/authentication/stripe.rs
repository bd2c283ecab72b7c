//! The signature of Stripe: <https://docs.stripe.com/webhooks#verify-manually>.
//!
//! The header `Stripe-Signature` is `t=<Unix seconds>,v1=<digits>`, with a `v1` for each secret
//! that is valid while one is replaced. Each is the HMAC-SHA256 of the time, a point and the
//! body.

use domain::hex;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::SignedDuration;
use sha2::Sha256;

use super::request::SignedRequest;

const HEADER: &str = "stripe-signature";
/// How far the time of a signature may be from ours: what was recorded by somebody else cannot be
/// sent again later.
const TOLERANCE: SignedDuration = SignedDuration::from_mins(5);
/// Signatures that are compared.
const MAX_SIGNATURES: usize = 10;

pub fn is_signed(request: &SignedRequest<'_>, key: &[u8]) -> bool {
    let Some(header) = request.header(HEADER) else {
        return false;
    };
    let values = |name: &'static str| {
        let pairs = header.split(',').filter_map(|pair| pair.split_once('='));
        pairs.filter_map(move |(key, value)| (key.trim() == name).then_some(value.trim()))
    };
    let Some(time) = values("t").next() else {
        return false;
    };
    let is_recent = time.parse().is_ok_and(|seconds: i64| {
        let received_at = request.received_at.as_second();
        received_at.abs_diff(seconds) <= TOLERANCE.as_secs().unsigned_abs()
    });
    if !is_recent {
        return false;
    }
    let mac = Hmac::<Sha256>::new_from_slice(key);
    let mut mac = mac.expect("HMAC takes keys of any length");
    mac.update(time.as_bytes());
    mac.update(b".");
    mac.update(request.body);
    values("v1").take(MAX_SIGNATURES).any(|signature| {
        let signature = hex::decode::<32>(signature.as_bytes());
        signature.is_some_and(|signature| mac.clone().verify_slice(&signature).is_ok())
    })
}

#[cfg(test)]
mod tests {
    use actix_http::header::{HeaderMap, HeaderName, HeaderValue};
    use jiff::Timestamp;
    use rstest::rstest;

    use super::*;

    const KEY: &str = "whsec_test_secret";
    const BODY: &str = r#"{"id":"evt_1","type":"invoice.paid"}"#;
    /// `printf '%s.%s' 1492774577 "$BODY" | openssl dgst -sha256 -hmac "$KEY"`
    const SIGNATURE: &str = "f7a632a9ffdbb1ced2fc48e44c374ec2cb4292469db292862c06ae703e2befbd";
    const TIME: i64 = 1_492_774_577;

    fn verify(header: &str, body: &str, key: &str, second: i64) -> bool {
        let mut headers = HeaderMap::new();
        let value = HeaderValue::from_str(header).unwrap();
        headers.insert(HeaderName::from_static(HEADER), value);
        let received_at = Timestamp::from_second(second).unwrap();
        let request = SignedRequest::for_test(&headers, "", body.as_bytes(), received_at);
        is_signed(&request, key.as_bytes())
    }

    #[rstest]
    #[case::signed("t=1492774577,v1=SIGNATURE", true)]
    #[case::blanks("t=1492774577, v1=SIGNATURE", true)]
    #[case::signature_first("v1=SIGNATURE,t=1492774577", true)]
    #[case::of_another_secret_too("t=1492774577,v1=00,v1=SIGNATURE,v0=00", true)]
    #[case::of_a_later_scheme("t=1492774577,v0=SIGNATURE", false)]
    #[case::another_time("t=1492774578,v1=SIGNATURE", false)]
    #[case::without_a_time("v1=SIGNATURE", false)]
    #[case::without_a_signature("t=1492774577", false)]
    #[case::no_number("t=now,v1=SIGNATURE", false)]
    #[case::empty("", false)]
    fn a_header_signs_time_and_body(#[case] header: &str, #[case] expected: bool) {
        let header = header.replace("SIGNATURE", SIGNATURE);
        assert_eq!(verify(&header, BODY, KEY, TIME), expected);
        assert!(!verify(&header, r#"{"id":"evt_2"}"#, KEY, TIME));
        assert!(!verify(&header, BODY, "whsec_another", TIME));
    }

    #[rstest]
    #[case(TIME + 300, true)]
    #[case(TIME - 300, true)]
    #[case(TIME + 301, false)]
    #[case(TIME - 301, false)]
    fn a_signature_is_valid_for_five_minutes(#[case] second: i64, #[case] expected: bool) {
        let header = format!("t={TIME},v1={SIGNATURE}");
        assert_eq!(verify(&header, BODY, KEY, second), expected);
    }
}
