//! The proof that the preview page was shown: what *Continue* sends back.
//!
//! ```text
//! token = click-id hex(the first 16 bytes of HMAC-SHA256(secret, "continue" link click id))
//! ```
//!
//! The click id is that of the click which the button records. Its time is
//! the page's, so that it says when the token ends; and since a click id is
//! stored once, a token counts once, however often it is sent and to whichever
//! replica.

use std::time::Duration;

use domain::{
    hex,
    id::{ClickId, LinkKey},
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use platform::settings::Secret;
use sha2::Sha256;

/// How long a page can be continued from.
pub const LIFETIME: Duration = Duration::from_secs(600);
/// What the clock of the replica that showed the page may be ahead.
const MAX_AHEAD: Duration = Duration::from_secs(60);

/// A UUID with its hyphens.
const ID_LEN: usize = 36;
const MAC_LEN: usize = 32;

/// Why a token proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unproven {
    /// Not ours, or another link's.
    Forged,
    /// Too long ago.
    Expired,
}

/// Signs and checks tokens.
pub struct Proof {
    mac: Hmac<Sha256>,
}

impl Proof {
    pub fn new(secret: &Secret) -> Self {
        let mac = Hmac::new_from_slice(secret.reveal().as_bytes());
        Self {
            mac: mac.expect("HMAC takes keys of any length"),
        }
    }

    pub fn token(&self, link: LinkKey, click_id: ClickId) -> String {
        let tag = self.tag(link, click_id).finalize().into_bytes();
        format!("{click_id}{}", hex::encode(&tag[..MAC_LEN / 2]))
    }

    /// The click that the token stands for.
    pub fn check(
        &self,
        link: LinkKey,
        token: &str,
        now: jiff::Timestamp,
    ) -> Result<ClickId, Unproven> {
        let (click_id, tag) = read(token).ok_or(Unproven::Forged)?;
        // In constant time.
        self.tag(link, click_id)
            .verify_truncated_left(&tag)
            .map_err(|_| Unproven::Forged)?;
        let age = now.duration_since(click_id.time());
        let is_fresh = age <= signed(LIFETIME) && -age <= signed(MAX_AHEAD);
        is_fresh.then_some(click_id).ok_or(Unproven::Expired)
    }

    fn tag(&self, link: LinkKey, click_id: ClickId) -> Hmac<Sha256> {
        self.mac
            .clone()
            .chain_update(b"continue")
            .chain_update(link.0.to_be_bytes())
            .chain_update(click_id.as_uuid().as_bytes())
    }
}

fn signed(duration: Duration) -> jiff::SignedDuration {
    jiff::SignedDuration::try_from(duration).expect("some minutes")
}

fn read(token: &str) -> Option<(ClickId, [u8; MAC_LEN / 2])> {
    let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let (id, tag) = token.split_at_checked(ID_LEN)?;
    if tag.len() != MAC_LEN || !tag.bytes().all(is_hex) {
        return None;
    }
    let tag = u128::from_str_radix(tag, 16).ok()?;
    Some((ClickId::parse(id).ok()?, tag.to_be_bytes()))
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    const SECRET: &str = "a secret of sixteen characters";

    fn proof(secret: &str) -> Proof {
        Proof::new(&secret.parse().unwrap())
    }

    fn click_id() -> ClickId {
        ClickId::parse("01a11d5c-1e7b-7123-8123-456789abcdef").unwrap()
    }

    #[test]
    fn a_token_is_good_for_its_link_and_its_time() {
        let proof = proof(SECRET);
        let token = proof.token(LinkKey(7), click_id());
        assert_eq!(token.len(), 68);
        let check = |link, after| proof.check(LinkKey(link), &token, click_id().time() + after);
        for (link, after_s, expected) in [
            (7, 0, Ok(click_id())),
            (7, 600, Ok(click_id())),
            (7, 601, Err(Unproven::Expired)),
            (7, -60, Ok(click_id())),
            (7, -61, Err(Unproven::Expired)),
            (8, 0, Err(Unproven::Forged)),
        ] {
            let found = check(link, SignedDuration::from_secs(after_s));
            assert_eq!(found, expected, "{link} {after_s}");
        }
    }

    #[test]
    fn what_we_did_not_sign_is_forged() {
        let token = proof(SECRET).token(LinkKey(7), click_id());
        let now = click_id().time();
        let other = proof("another secret of ours").check(LinkKey(7), &token, now);
        assert_eq!(other, Err(Unproven::Forged));
        for place in 0..token.len() {
            let mut forged = token.clone().into_bytes();
            forged[place] = if forged[place] == b'0' { b'1' } else { b'0' };
            let forged = String::from_utf8(forged).unwrap();
            let found = proof(SECRET).check(LinkKey(7), &forged, now);
            assert_eq!(found, Err(Unproven::Forged), "{forged}");
        }
        for forged in [
            "",
            "0",
            token.split_at(1).1,
            &token.to_uppercase(),
            &"é".repeat(34),
        ] {
            let found = proof(SECRET).check(LinkKey(7), forged, now);
            assert_eq!(found, Err(Unproven::Forged), "{forged}");
        }
    }
}
