//! The signature of Shopify:
//! <https://shopify.dev/docs/apps/build/webhooks/subscribe/https#step-2-validate-the-origin-of-your-webhook-to-ensure-its-coming-from-shopify>.
//!
//! The header `X-Shopify-Hmac-Sha256` is the HMAC-SHA256 of the body in base64.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::request::SignedRequest;

const HEADER: &str = "x-shopify-hmac-sha256";

pub fn is_signed(request: &SignedRequest<'_>, key: &[u8]) -> bool {
    let signature = request
        .header(HEADER)
        .and_then(|text| STANDARD.decode(text.trim()).ok());
    signature.is_some_and(|signature| {
        let mac = Hmac::<Sha256>::new_from_slice(key);
        let mut mac = mac.expect("HMAC takes keys of any length");
        mac.update(request.body);
        mac.verify_slice(&signature).is_ok()
    })
}

#[cfg(test)]
mod tests {
    use actix_http::header::{HeaderMap, HeaderName, HeaderValue};
    use jiff::Timestamp;
    use rstest::rstest;

    use super::*;

    const KEY: &str = "hush, a client secret";
    const BODY: &str = r#"{"id":820,"total_price":"41.94"}"#;
    /// `printf %s "$BODY" | openssl dgst -sha256 -hmac "$KEY" -binary | base64`
    const SIGNATURE: &str = "mzBMVrROEjwkadlPGlgQzDx7a/UW9iuO9+dhjuF+UW8=";

    fn verify(header: Option<&str>, body: &str, key: &str) -> bool {
        let mut headers = HeaderMap::new();
        if let Some(header) = header {
            let value = HeaderValue::from_str(header).unwrap();
            headers.insert(HeaderName::from_static(HEADER), value);
        }
        let now = Timestamp::UNIX_EPOCH;
        let request = SignedRequest::for_test(&headers, "", body.as_bytes(), now);
        is_signed(&request, key.as_bytes())
    }

    #[rstest]
    #[case::signed(Some(SIGNATURE), BODY, KEY, true)]
    #[case::another_body(Some(SIGNATURE), "{}", KEY, false)]
    #[case::another_key(Some(SIGNATURE), BODY, "another client secret", false)]
    #[case::another_signature(Some("AAAA"), BODY, KEY, false)]
    #[case::no_base64(Some("?"), BODY, KEY, false)]
    #[case::no_header(None, BODY, KEY, false)]
    fn a_header_signs_the_body(
        #[case] header: Option<&str>,
        #[case] body: &str,
        #[case] key: &str,
        #[case] expected: bool,
    ) {
        assert_eq!(verify(header, body, key), expected);
    }

    #[test]
    fn two_signatures_are_none() {
        let mut headers = HeaderMap::new();
        for text in [SIGNATURE, "AAAA"] {
            let value = HeaderValue::from_str(text).unwrap();
            headers.append(HeaderName::from_static(HEADER), value);
        }
        let now = Timestamp::UNIX_EPOCH;
        let request = SignedRequest::for_test(&headers, "", BODY.as_bytes(), now);
        assert!(!is_signed(&request, KEY.as_bytes()));
    }
}
