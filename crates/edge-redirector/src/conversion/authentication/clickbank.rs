//! The encryption of ClickBank's instant notifications, versions 6 to 8:
//! <https://support.clickbank.com/en/articles/10535147-instant-notification-service-ins>.
//!
//! The body is JSON with `notification` and `iv`, both in base64. The notification is encrypted by
//! AES-256-CBC with PKCS #7 padding. The key is the first 32 hexadecimal digits, as text, of the
//! SHA-1 of the secret key. That it can be decrypted to JSON is all that says who sent it.

use aes::Aes256;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use cbc::cipher::{BlockModeDecrypt as _, KeyIvInit as _, block_padding::Pkcs7};
use domain::hex;
use serde::Deserialize;
use sha1::{Digest as _, Sha1};

use super::request::SignedRequest;

const KEY_DIGITS: usize = 32;

#[derive(Deserialize)]
struct EncryptedBody {
    notification: String,
    iv: String,
}

pub fn is_signed(request: &SignedRequest<'_>, key: &[u8]) -> bool {
    decrypt(request.body, key).is_some()
}

/// Whether a body is an encrypted notification.
pub fn is_encrypted(body: &[u8]) -> bool {
    serde_json::from_slice::<EncryptedBody>(body).is_ok()
}

/// The JSON object of a notification; `None` if it was encrypted by another secret.
pub fn decrypt(body: &[u8], secret: &[u8]) -> Option<Vec<u8>> {
    let body: EncryptedBody = serde_json::from_slice(body).ok()?;
    let notification = STANDARD
        .decode(without_line_breaks(&body.notification))
        .ok()?;
    let iv = STANDARD.decode(without_line_breaks(&body.iv)).ok()?;
    let digits = hex::encode(&Sha1::digest(secret));
    let key = digits.as_bytes().get(..KEY_DIGITS)?;
    let decryptor = cbc::Decryptor::<Aes256>::new_from_slices(key, &iv).ok()?;
    let mut json = decryptor.decrypt_padded_vec::<Pkcs7>(&notification).ok()?;
    // ClickBank's own samples remove what may stand behind the JSON.
    json.truncate(json.trim_ascii_end().len());
    while json.last().is_some_and(u8::is_ascii_control) {
        json.pop();
    }
    let is_object = serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&json);
    is_object.is_ok().then_some(json)
}

/// Base64 as some encoders write it, in lines.
fn without_line_breaks(text: &str) -> String {
    text.chars().filter(|c| !c.is_ascii_whitespace()).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const KEY: &str = "ASECRETOF16CHARS";
    const JSON: &str =
        r#"{"transactionType":"SALE","receipt":"ABCDEFGH","totalAccountAmount":12.5}"#;
    const IV: &str = "MDEyMzQ1Njc4OWFiY2RlZg==";
    /// `printf %s "$JSON" | openssl enc -aes-256-cbc -base64 -A -iv 30313233343536373839616263646566
    /// -K "$(printf %s "$KEY" | sha1sum | head -c 32 | xxd -p -c 64)"`
    const NOTIFICATION: &str = "tGKUUA8Ia71tn11cMZfgQjx3PMyWN5bdYslvtB2rTHxAu/U3xrHSj0zO5QjLrOHw9wwjIENlWTiEvpx/La7+bEz/+vorM7fwOiRu13CymsI=";

    #[rstest]
    #[case::encrypted(NOTIFICATION, IV, KEY, Some(JSON))]
    #[case::by_another_secret(NOTIFICATION, IV, "ANOTHEROF16CHARS", None)]
    #[case::with_another_iv(NOTIFICATION, "AAAAAAAAAAAAAAAAAAAAAA==", KEY, None)]
    #[case::short_iv(NOTIFICATION, "AAAA", KEY, None)]
    #[case::no_blocks("AAAA", IV, KEY, None)]
    #[case::no_base64("?", IV, KEY, None)]
    #[case::empty("", IV, KEY, None)]
    fn a_notification_is_decrypted_by_its_secret(
        #[case] notification: &str,
        #[case] iv: &str,
        #[case] key: &str,
        #[case] expected: Option<&str>,
    ) {
        let body = serde_json::json!({ "notification": notification, "iv": iv }).to_string();
        assert!(is_encrypted(body.as_bytes()));
        let json = decrypt(body.as_bytes(), key.as_bytes());
        assert_eq!(json.as_deref(), expected.map(str::as_bytes));
    }

    #[rstest]
    #[case(r#"{"transactionType": "SALE"}"#)]
    #[case(r#"{"notification": 1, "iv": "a"}"#)]
    #[case("notification=a&iv=b")]
    #[case("")]
    fn other_bodies_are_not_encrypted(#[case] body: &str) {
        assert!(!is_encrypted(body.as_bytes()));
        assert_eq!(decrypt(body.as_bytes(), KEY.as_bytes()), None);
    }
}
