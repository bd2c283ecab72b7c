//! The second factor: codes of an authenticator app (TOTP, RFC 6238), and recovery codes.

use postgres::pool::GenericClient;
use rand::RngExt as _;
use sha2::{Digest as _, Sha256};
use totp_rs::{Algorithm, TOTP};

use crate::{
    db::{second_factors, users::UserRow},
    error::ApiError,
};

const ISSUER: &str = "Waypost";
const SECRET_BYTES: usize = 20;
const N_DIGITS: usize = 6;
const STEP_S: u64 = 30;
/// How many steps a clock may be wrong.
const SKEW: u8 = 1;
const N_RECOVERY_CODES: usize = 10;
/// Groups of a recovery code, of four letters or digits each: 80 bits.
const N_GROUPS: usize = 4;
/// No letter that is mistaken for a digit. There are 32.
const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz123456789";

/// What an authenticator app is set up with.
#[derive(Debug)]
pub struct Enrolment {
    pub secret: Vec<u8>,
    /// The secret in base32, as people type it.
    pub text: String,
    /// `otpauth://...`, as a QR code has it.
    pub url: String,
}

impl Enrolment {
    pub fn generate(email: &str) -> Result<Self, ApiError> {
        let secret: [u8; SECRET_BYTES] = rand::rng().random();
        let totp = totp(secret.to_vec(), email)?;
        Ok(Self {
            secret: secret.to_vec(),
            text: totp.get_secret_base32(),
            url: totp.get_url(),
        })
    }
}

fn totp(secret: Vec<u8>, email: &str) -> Result<TOTP, ApiError> {
    let (issuer, account) = (Some(ISSUER.to_owned()), email.replace(':', "_"));
    TOTP::new(
        Algorithm::SHA1,
        N_DIGITS,
        SKEW,
        STEP_S,
        secret,
        issuer,
        account,
    )
    .map_err(ApiError::internal)
}

/// Uses up a code of the app. Returns whether it was right and had not been used.
pub async fn use_code(
    client: &impl GenericClient,
    user: &UserRow,
    code: &str,
    now_unix_s: u64,
) -> Result<bool, ApiError> {
    let Some(secret) = &user.totp_secret else {
        return Ok(false);
    };
    let totp = totp(secret.clone(), &user.email)?;
    match matching_step(&totp, &digits(code), now_unix_s) {
        Some(step) => second_factors::use_step(client, user.id, step).await,
        None => Ok(false),
    }
}

/// Uses up a code of the app, or a recovery code.
pub async fn use_any_code(
    client: &impl GenericClient,
    user: &UserRow,
    code: &str,
    now_unix_s: u64,
) -> Result<bool, ApiError> {
    if use_code(client, user, code, now_unix_s).await? {
        return Ok(true);
    }
    let digest = recovery_code_digest(code);
    second_factors::use_recovery_code(client, user.id, &digest).await
}

/// The step of time whose code this is.
fn matching_step(totp: &TOTP, code: &str, now_unix_s: u64) -> Option<i64> {
    let current = now_unix_s / STEP_S;
    let skew = u64::from(SKEW);
    let mut steps = current.saturating_sub(skew)..=current + skew;
    let step = steps.find(|step| {
        let expected = totp.generate(step * STEP_S);
        // The comparison takes as long for every code.
        subtle::ConstantTimeEq::ct_eq(expected.as_bytes(), code.as_bytes()).into()
    })?;
    i64::try_from(step).ok()
}

/// People copy codes with spaces.
fn digits(code: &str) -> String {
    code.chars().filter(|c| !c.is_whitespace()).collect()
}

/// New recovery codes, and their digests.
pub fn generate_recovery_codes() -> (Vec<String>, Vec<Vec<u8>>) {
    let mut rng = rand::rng();
    let mut letter = || char::from(LETTERS[rng.random_range(0..LETTERS.len())]);
    let mut group = || (0..4).map(|_| letter()).collect::<String>();
    let mut code = || (0..N_GROUPS).map(|_| group()).collect::<Vec<_>>().join("-");
    let codes: Vec<_> = (0..N_RECOVERY_CODES).map(|_| code()).collect();
    let digests = codes
        .iter()
        .map(|code| recovery_code_digest(code))
        .collect();
    (codes, digests)
}

/// A code is 80 random bits, so that a plain digest cannot be turned back.
fn recovery_code_digest(code: &str) -> Vec<u8> {
    let letters = code.chars().filter(char::is_ascii_alphanumeric);
    let letters: String = letters.map(|c| c.to_ascii_lowercase()).collect();
    Sha256::digest(letters).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The secret and codes of RFC 6238, of which the last six digits are ours.
    #[test]
    fn codes_are_those_of_the_rfc_within_a_step() {
        let totp = totp(b"12345678901234567890".to_vec(), "a@example.com").unwrap();
        for (time, code) in [(59, "287082"), (1_111_111_109, "081804")] {
            let step = i64::try_from(time / STEP_S).unwrap();
            assert_eq!(matching_step(&totp, code, time), Some(step));
            assert_eq!(matching_step(&totp, code, time + STEP_S), Some(step));
            assert_eq!(matching_step(&totp, code, time + 2 * STEP_S), None);
            assert_eq!(matching_step(&totp, "000000", time), None);
            assert_eq!(matching_step(&totp, "", time), None);
        }
    }

    #[test]
    fn recovery_codes_differ_and_may_be_typed_without_dashes() {
        let (codes, digests) = generate_recovery_codes();
        let distinct: std::collections::BTreeSet<_> = codes.iter().collect();
        assert_eq!(distinct.len(), N_RECOVERY_CODES);
        let typed = codes[0].replace('-', " ").to_uppercase();
        assert_eq!(recovery_code_digest(&typed), digests[0]);
    }
}
