//! What redirectors need in order to check the proof of a postback and to read it. They get the secrets
//! themselves only if they must check signatures; digests are enough to compare tokens.

use domain::postback::{PostbackMapping, PostbackMode, SigningKey};
use sha2::{Digest as _, Sha256};
use tokio_postgres::{Row, types::Json};

/// The proof that postbacks must have, by the column `postbacks`.
pub fn mode(row: &Row) -> Option<PostbackMode> {
    let mode: Option<&str> = row.get("postbacks");
    mode.and_then(PostbackMode::parse)
}

/// The SHA-256 digests of secrets in hexadecimal digits.
pub fn digests(secrets: &[String]) -> Vec<String> {
    let digest = |secret: &String| domain::hex::encode(&Sha256::digest(secret));
    secrets.iter().map(digest).collect()
}

/// The secrets as keys for signatures; none in the other modes.
pub fn signing_keys(mode: Option<PostbackMode>, secrets: Vec<String>) -> Vec<SigningKey> {
    match mode {
        Some(PostbackMode::Signed) => secrets.into_iter().map(SigningKey::new).collect(),
        Some(PostbackMode::Open | PostbackMode::Token) | None => Vec::new(),
    }
}

/// How postbacks are read.
pub fn mapping(row: &Row) -> Option<PostbackMapping> {
    let json: Option<Json<serde_json::Value>> = row.get("postback_mapping");
    json.and_then(|Json(value)| PostbackMapping::from_stored(value))
}
