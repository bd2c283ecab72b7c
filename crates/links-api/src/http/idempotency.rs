//! `Idempotency-Key`: a POST that is repeated with the same key within 24 hours gets the first
//! response again. The response is stored in the transaction of the request, so that there is
//! never one without the other, and a second request with the key waits until the first one
//! ends.
//!
//! A request that failed did nothing, so its key stays free.

use actix_web::{HttpRequest, http::StatusCode};
use domain::id::AccountId;
use postgres::pool::{GenericClient, Pool};
use sha2::{Digest, Sha256};

use super::response::Response;
use crate::error::ApiError;

const HEADER: &str = "idempotency-key";
const MAX_LEN: usize = 255;

/// A request with an `Idempotency-Key`.
pub struct IdempotentRequest {
    account_id: AccountId,
    key: String,
    /// SHA-256 of path, query and body, by which another request with the key is told apart.
    request_digest: Vec<u8>,
}

impl IdempotentRequest {
    /// `None` without the header.
    pub fn from_request(
        request: &HttpRequest,
        account_id: AccountId,
        body: &[u8],
    ) -> Result<Option<Self>, ApiError> {
        let Some(value) = request.headers().get(HEADER) else {
            return Ok(None);
        };
        let key = value.to_str().unwrap_or_default();
        let is_allowed = key.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
        if key.is_empty() || key.len() > MAX_LEN || !is_allowed {
            return Err(ApiError::InvalidIdempotencyKey);
        }
        let path = request.path();
        let mut digest = Sha256::new();
        // `/api/v2/...` and `/v2/...` are the same request.
        digest.update(path.strip_prefix("/api").unwrap_or(path));
        digest.update([0]);
        digest.update(request.query_string());
        digest.update([0]);
        digest.update(body);
        Ok(Some(Self {
            account_id,
            key: key.to_owned(),
            request_digest: digest.finalize().to_vec(),
        }))
    }

    /// Reserves the key for this transaction, or gives the response that is stored with it.
    /// Waits while another transaction has the key.
    pub async fn begin(&self, txn: &impl GenericClient) -> Result<Option<Response>, ApiError> {
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
        let reserved = txn
            .query_opt(
                &statement,
                &[&self.account_id.0, &self.key, &self.request_digest],
            )
            .await?;
        if reserved.is_some() {
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
        if row.get::<_, &[u8]>("request_digest") != self.request_digest {
            return Err(ApiError::IdempotencyMismatch);
        }
        let status: i16 = row.get("status");
        let status = u16::try_from(status).map_err(ApiError::internal)?;
        let status = StatusCode::from_u16(status).map_err(ApiError::internal)?;
        Ok(Some(Response::replay(status, row.get("body"))))
    }

    /// Stores the response for requests with the same key.
    pub async fn store_response(
        &self,
        txn: &impl GenericClient,
        response: &Response,
    ) -> Result<(), ApiError> {
        let statement = txn
            .prepare_cached(
                "UPDATE idempotency_keys
                 SET status = $3, body = $4
                 WHERE account_id = $1 AND key = $2",
            )
            .await?;
        let status = i16::try_from(response.status().as_u16()).map_err(ApiError::internal)?;
        let body = response.replay_body();
        txn.execute(&statement, &[&self.account_id.0, &self.key, &status, &body])
            .await?;
        Ok(())
    }
}

/// Deletes up to 10,000 keys that are older than 24 hours; gives the number deleted.
pub async fn delete_expired(pool: &Pool) -> Result<u64, ApiError> {
    const BATCH_SIZE: i64 = 10_000;
    let client = pool.get().await?;
    let n_deleted = client
        .execute(
            "DELETE FROM idempotency_keys
             WHERE (account_id, key) IN (
                 SELECT account_id, key
                 FROM idempotency_keys
                 WHERE created_at < now() - interval '24 hours'
                 LIMIT $1
             )",
            &[&BATCH_SIZE],
        )
        .await?;
    Ok(n_deleted)
}
