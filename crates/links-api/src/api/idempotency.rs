//! `Idempotency-Key`: the same key and request within 24 hours is answered
//! with the first answer. The answer is stored in the transaction of the
//! request, so that there is never one without the other, and a second
//! request with the key waits for the first one's end.
//!
//! A request that was refused did nothing: its key stays free.

use actix_web::{HttpRequest, http::StatusCode};
use domain::id::AccountId;
use postgres::pool::{GenericClient, Pool};
use sha2::{Digest, Sha256};

use super::call::Answer;
use crate::error::ApiError;

const HEADER: &str = "idempotency-key";
const MAX_LEN: usize = 255;

/// A key, and what it was sent with.
pub struct Claim {
    account_id: AccountId,
    key: String,
    digest: Vec<u8>,
}

impl Claim {
    /// `None` without the header.
    pub fn read(
        request: &HttpRequest,
        account_id: AccountId,
        body: &[u8],
    ) -> Result<Option<Self>, ApiError> {
        let Some(value) = request.headers().get(HEADER) else {
            return Ok(None);
        };
        let key = value.to_str().unwrap_or_default();
        let visible = key.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
        if key.is_empty() || key.len() > MAX_LEN || !visible {
            return Err(ApiError::InvalidIdempotencyKey);
        }
        let path = request.path();
        let mut digest = Sha256::new();
        // Both bases of surface A are the same request.
        digest.update(path.strip_prefix("/api").unwrap_or(path));
        digest.update([0]);
        digest.update(request.query_string());
        digest.update([0]);
        digest.update(body);
        Ok(Some(Self {
            account_id,
            key: key.to_owned(),
            digest: digest.finalize().to_vec(),
        }))
    }

    /// Takes the key for this transaction; or gives the answer it has. Waits
    /// while another transaction holds it.
    pub async fn take(&self, txn: &impl GenericClient) -> Result<Option<Answer>, ApiError> {
        let statement = txn
            .prepare_cached(
                "INSERT INTO idempotency_keys (account_id, key, request_digest)
                 VALUES ($1, $2, $3)
                 ON CONFLICT ON CONSTRAINT idempotency_keys_pkey DO UPDATE
                 SET request_digest = excluded.request_digest,
                     status = NULL,
                     body = NULL,
                     created_at = now()
                 WHERE idempotency_keys.created_at < now() - interval '24 hours'
                 RETURNING 1",
            )
            .await?;
        let taken = txn
            .query_opt(&statement, &[&self.account_id.0, &self.key, &self.digest])
            .await?;
        if taken.is_some() {
            return Ok(None);
        }
        let statement = txn
            .prepare_cached(
                "SELECT request_digest, status, body
                 FROM idempotency_keys
                 WHERE account_id = $1 AND key = $2",
            )
            .await?;
        let row = txn
            .query_one(&statement, &[&self.account_id.0, &self.key])
            .await?;
        if row.get::<_, &[u8]>("request_digest") != self.digest {
            return Err(ApiError::IdempotencyMismatch);
        }
        let status: i16 = row.get("status");
        let status = u16::try_from(status).map_err(ApiError::internal)?;
        let status = StatusCode::from_u16(status).map_err(ApiError::internal)?;
        Ok(Some(Answer::replayed(status, row.get("body"))))
    }

    pub async fn keep(&self, txn: &impl GenericClient, answer: &Answer) -> Result<(), ApiError> {
        let statement = txn
            .prepare_cached(
                "UPDATE idempotency_keys
                 SET status = $3, body = $4
                 WHERE account_id = $1 AND key = $2",
            )
            .await?;
        let status = i16::try_from(answer.status().as_u16()).map_err(ApiError::internal)?;
        let body = answer.body_to_keep();
        txn.execute(&statement, &[&self.account_id.0, &self.key, &status, &body])
            .await?;
        Ok(())
    }
}

/// Removes what is older than 24 hours; gives the number.
pub async fn forget_old(pool: &Pool) -> Result<u64, ApiError> {
    const AT_ONCE: i64 = 10_000;
    let client = pool.get().await?;
    let removed = client
        .execute(
            "DELETE FROM idempotency_keys
             WHERE (account_id, key) IN (
                 SELECT account_id, key
                 FROM idempotency_keys
                 WHERE created_at < now() - interval '24 hours'
                 LIMIT $1
             )",
            &[&AT_ONCE],
        )
        .await?;
    Ok(removed)
}
