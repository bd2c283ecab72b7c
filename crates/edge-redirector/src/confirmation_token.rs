//! The confirmation token: the preview page shows it, and its Continue button sends it
//! back when a person presses it.
//!
//! ```text
//! token = click-id hex(the first 16 bytes of HMAC-SHA256(secret, "continue" link click id))
//! ```
//!
//! The click id is that of the click which the button records. Its time is
//! the time of the page, so it decides when the token expires; and since a click id is
//! stored once, a token counts once, however often it is sent and to whichever
//! process.

use std::time::Duration;

use domain::{
    hex,
    id::{ClickId, LinkKey},
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use platform::settings::Secret;
use sha2::Sha256;

/// How long a token is valid.
const LIFETIME: Duration = Duration::from_secs(600);
/// How far the clock of the process that issued the token may be ahead.
const MAX_CLOCK_SKEW: Duration = Duration::from_secs(60);

/// Length of a UUID with its hyphens.
const ID_LEN: usize = 36;
/// Length of the signature in hexadecimal digits.
const SIGNATURE_LEN: usize = 32;

/// Why a token is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidToken {
    /// It was not signed with this secret, or for another link.
    Forged,
    Expired,
}

/// Issues and verifies tokens.
pub struct ConfirmationTokens {
    mac: Hmac<Sha256>,
}

impl ConfirmationTokens {
    pub fn new(secret: &Secret) -> Self {
        let mac = Hmac::new_from_slice(secret.reveal().as_bytes());
        Self {
            mac: mac.expect("HMAC takes keys of any length"),
        }
    }

    /// A token for a click that is not recorded yet.
    pub fn issue(&self, link: LinkKey, click_id: ClickId) -> String {
        let signature = self.mac(link, click_id).finalize().into_bytes();
        let signature = hex::encode(&signature[..SIGNATURE_LEN / 2]);
        format!("{click_id}{signature}")
    }

    /// Verifies a token of this link. Returns the id of the click to record.
    pub fn verify(
        &self,
        link: LinkKey,
        token: &str,
        now: jiff::Timestamp,
    ) -> Result<ClickId, InvalidToken> {
        let (click_id, signature) = parse_token(token).ok_or(InvalidToken::Forged)?;
        // This compares in constant time.
        self.mac(link, click_id)
            .verify_truncated_left(&signature)
            .map_err(|_| InvalidToken::Forged)?;
        let age = now.duration_since(click_id.time());
        let is_valid = age <= signed(LIFETIME) && -age <= signed(MAX_CLOCK_SKEW);
        is_valid.then_some(click_id).ok_or(InvalidToken::Expired)
    }

    fn mac(&self, link: LinkKey, click_id: ClickId) -> Hmac<Sha256> {
        self.mac
            .clone()
            .chain_update(b"continue")
            .chain_update(link.0.to_be_bytes())
            .chain_update(click_id.as_uuid().as_bytes())
    }
}

fn signed(duration: Duration) -> jiff::SignedDuration {
    jiff::SignedDuration::try_from(duration).expect("the constants are minutes")
}

/// Splits a token into click id and signature; `None` if it has another form.
fn parse_token(token: &str) -> Option<(ClickId, [u8; SIGNATURE_LEN / 2])> {
    let is_hex_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let (id, signature) = token.split_at_checked(ID_LEN)?;
    if signature.len() != SIGNATURE_LEN || !signature.bytes().all(is_hex_digit) {
        return None;
    }
    let signature = u128::from_str_radix(signature, 16).ok()?;
    Some((ClickId::parse(id).ok()?, signature.to_be_bytes()))
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    const SECRET: &str = "a secret of sixteen characters";

    fn tokens(secret: &str) -> ConfirmationTokens {
        ConfirmationTokens::new(&secret.parse().unwrap())
    }

    fn click_id() -> ClickId {
        ClickId::parse("01a11d5c-1e7b-7123-8123-456789abcdef").unwrap()
    }

    #[test]
    fn a_token_is_valid_for_its_link_until_it_expires() {
        let tokens = tokens(SECRET);
        let token = tokens.issue(LinkKey(7), click_id());
        assert_eq!(token.len(), 68);
        let verify = |link, age| tokens.verify(LinkKey(link), &token, click_id().time() + age);
        for (link, age_s, expected) in [
            (7, 0, Ok(click_id())),
            (7, 600, Ok(click_id())),
            (7, 601, Err(InvalidToken::Expired)),
            (7, -60, Ok(click_id())),
            (7, -61, Err(InvalidToken::Expired)),
            (8, 0, Err(InvalidToken::Forged)),
        ] {
            let result = verify(link, SignedDuration::from_secs(age_s));
            assert_eq!(result, expected, "{link} {age_s}");
        }
    }

    #[test]
    fn a_token_with_another_signature_is_forged() {
        let token = tokens(SECRET).issue(LinkKey(7), click_id());
        let now = click_id().time();
        let result = tokens("another secret of ours").verify(LinkKey(7), &token, now);
        assert_eq!(result, Err(InvalidToken::Forged));
        for index in 0..token.len() {
            let mut forged = token.clone().into_bytes();
            forged[index] = if forged[index] == b'0' { b'1' } else { b'0' };
            let forged = String::from_utf8(forged).unwrap();
            let result = tokens(SECRET).verify(LinkKey(7), &forged, now);
            assert_eq!(result, Err(InvalidToken::Forged), "{forged}");
        }
        for forged in [
            "",
            "0",
            token.split_at(1).1,
            &token.to_uppercase(),
            &"é".repeat(34),
        ] {
            let result = tokens(SECRET).verify(LinkKey(7), forged, now);
            assert_eq!(result, Err(InvalidToken::Forged), "{forged}");
        }
    }
}
