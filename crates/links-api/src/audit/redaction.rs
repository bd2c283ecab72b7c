//! What the audit trail must not have: secrets, and the numbers of contacts.

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::auth::ApiKey;

/// Replaces secrets by digests, by which two values can be told apart, and the numbers of
/// contacts by their last digits. A digest of a number would not do: there are so few numbers
/// that all of them can be tried.
pub fn redact(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let name = folded(name);
                if is_secret(&name) {
                    replace_texts(value, &digest);
                } else if is_contact(&name) {
                    replace_texts(value, &mask_phone);
                } else {
                    redact(value);
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(redact),
        // An API key is a secret under any name.
        Value::String(text) if ApiKey::parse(text).is_some() => *text = digest(text),
        _ => {}
    }
}

/// Replaces the numbers of contacts by their last digits, and nothing else.
pub fn mask_contacts(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match is_contact(&folded(name)) {
                    true => replace_texts(value, &mask_phone),
                    false => mask_contacts(value),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(mask_contacts),
        _ => {}
    }
}

/// The end of a number, by which people recognise it: `***00` of `+18005550100`.
pub fn mask_phone(phone: &str) -> String {
    let digits: Vec<_> = phone.chars().collect();
    let last: String = digits.iter().skip(digits.len().saturating_sub(2)).collect();
    format!("***{last}")
}

/// The first 12 hexadecimal digits of the SHA-256 of a secret: `sha256:ab12...`.
fn digest(secret: &str) -> String {
    let digest = Sha256::digest(secret);
    let hex: String = digest.iter().take(6).map(|b| format!("{b:02x}")).collect();
    format!("sha256:{hex}")
}

/// A name without the difference between camelCase and snake_case.
fn folded(name: &str) -> String {
    let letters = name.chars().filter(|c| *c != '_');
    letters.flat_map(char::to_lowercase).collect()
}

/// Names of single secrets and of lists of them: `postback_secret`, `previous_postback_secrets`.
fn is_secret(folded_name: &str) -> bool {
    folded_name.contains("secret") || folded_name.contains("password")
}

/// `phone_number` is no contact: messages are sent from it.
fn is_contact(folded_name: &str) -> bool {
    folded_name.ends_with("contactphone") || ["contact", "phone"].contains(&folded_name)
}

/// Replaces all texts in the value.
fn replace_texts(value: &mut Value, replacement: &impl Fn(&str) -> String) {
    match value {
        Value::String(text) => *text = replacement(text),
        Value::Array(values) => {
            for value in values {
                replace_texts(value, replacement);
            }
        }
        Value::Object(fields) => {
            for value in fields.values_mut() {
                replace_texts(value, replacement);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::secret(json!({ "postback_secret": "abc" }),
                   json!({ "postback_secret": "sha256:ba7816bf8f01" }))]
    #[case::secrets(json!({ "previousPostbackSecrets": ["abc", "abc"] }),
                    json!({ "previousPostbackSecrets": ["sha256:ba7816bf8f01", "sha256:ba7816bf8f01"] }))]
    #[case::no_secret(json!({ "postback_secret": null }), json!({ "postback_secret": null }))]
    #[case::contact(json!({ "contactPhone": "+18005550100" }), json!({ "contactPhone": "***00" }))]
    #[case::credited(json!([{ "credited_contact_phone": "+18005550123" }]),
                     json!([{ "credited_contact_phone": "***23" }]))]
    #[case::sender(json!({ "phone_number": "+18005551234" }),
                   json!({ "phone_number": "+18005551234" }))]
    #[case::placeholder(json!({ "offer_links": [{ "key": "link1" }] }),
                        json!({ "offer_links": [{ "key": "link1" }] }))]
    fn secrets_and_contacts_are_replaced(#[case] mut value: Value, #[case] expected: Value) {
        redact(&mut value);
        assert_eq!(value, expected);
    }

    #[test]
    fn an_api_key_is_a_secret_under_any_name() {
        let key = ApiKey::generate(&mut rand::rng());
        let mut value = json!({ "key": key.reveal(), "text": [key.reveal()] });
        redact(&mut value);
        let text = value.to_string();
        assert!(!text.contains(key.reveal()), "{text}");
        assert!(text.contains("sha256:"), "{text}");
    }

    #[rstest]
    #[case("+18005550100", "***00")]
    #[case("1", "***1")]
    #[case("", "***")]
    #[case("é", "***é")]
    fn a_number_is_masked(#[case] phone: &str, #[case] expected: &str) {
        assert_eq!(mask_phone(phone), expected);
    }
}
