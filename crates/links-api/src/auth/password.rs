//! Passwords: their digests by argon2id, and what a new one must be.

use std::sync::LazyLock;

use argon2::{
    Argon2, PasswordHash, PasswordHasher as _, PasswordVerifier as _, password_hash::SaltString,
};
use rand::RngExt as _;

use crate::error::ApiError;

const MIN_PASSWORD_CHARS: usize = 12;
const MAX_PASSWORD_CHARS: usize = 200;

/// The digest of no user's password. It is compared with where there is none, so that an
/// unknown address takes as long as a wrong password.
static DUMMY_HASH: LazyLock<String> = LazyLock::new(|| hash("no password at all"));

/// Fails unless the text can be a new password of the user with this address.
pub fn check_new_password(password: &str, email: &str) -> Result<(), ApiError> {
    let problem = |problem: String| Err(ApiError::invalid_field("password", problem));
    let n_chars = password.chars().count();
    if n_chars < MIN_PASSWORD_CHARS {
        return problem(format!("it has fewer than {MIN_PASSWORD_CHARS} characters"));
    }
    if n_chars > MAX_PASSWORD_CHARS {
        return problem(format!("it exceeds {MAX_PASSWORD_CHARS} characters"));
    }
    if password.to_lowercase() == email {
        return problem("it is the e-mail address".to_owned());
    }
    Ok(())
}

/// The digest of a new password, with its salt and parameters. It is made on a thread for work
/// that blocks.
pub async fn hash_password(password: &str) -> Result<String, ApiError> {
    let password = password.to_owned();
    let hashing = tokio::task::spawn_blocking(move || hash(&password));
    hashing.await.map_err(ApiError::internal)
}

/// Whether the password is the one of this digest. Without a digest it takes as long and fails.
pub async fn verify_password(
    password: &str,
    password_hash: Option<String>,
) -> Result<bool, ApiError> {
    let password = password.to_owned();
    let verifying = tokio::task::spawn_blocking(move || {
        let known = password_hash.as_deref();
        let parsed = PasswordHash::new(known.unwrap_or(&DUMMY_HASH));
        let is_equal = parsed.is_ok_and(|parsed| {
            let verified = Argon2::default().verify_password(password.as_bytes(), &parsed);
            verified.is_ok()
        });
        is_equal && password_hash.is_some()
    });
    verifying.await.map_err(ApiError::internal)
}

/// By argon2id with the parameters that the crate recommends, which are OWASP's.
fn hash(password: &str) -> String {
    let salt: [u8; 16] = rand::rng().random();
    let salt = SaltString::encode_b64(&salt).expect("16 bytes are a salt");
    let hash = Argon2::default().hash_password(password.as_bytes(), &salt);
    hash.expect("the default parameters are valid").to_string()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[actix_web::test]
    async fn a_digest_is_argon2id_and_verifies_its_password_only() {
        let hash = hash_password("correct horse battery").await.unwrap();
        assert!(hash.starts_with("$argon2id$"), "{hash}");
        let verify = async |password: &str, hash: Option<&str>| {
            verify_password(password, hash.map(str::to_owned))
                .await
                .unwrap()
        };
        assert!(verify("correct horse battery", Some(&hash)).await);
        assert!(!verify("correct horse batterx", Some(&hash)).await);
        assert!(!verify("correct horse battery", Some("not a digest")).await);
        assert!(!verify("no password at all", None).await);
    }

    #[rstest]
    #[case("short", false)]
    #[case("eleven char", false)]
    #[case("twelve chars", true)]
    #[case("Someone@Example.com", false)]
    fn a_new_password_is_long_enough_and_not_the_address(
        #[case] password: &str,
        #[case] is_allowed: bool,
    ) {
        let checked = check_new_password(password, "someone@example.com");
        assert_eq!(checked.is_ok(), is_allowed);
    }
}
