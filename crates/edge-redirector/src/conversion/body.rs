//! Reads the body of a postback.

use std::time::Duration;

use actix_http::Request;
use domain::postback::PostbackError;
use futures_util::StreamExt as _;

const MAX_BODY_BYTES: usize = 64 * 1024;

/// Fails if the body is larger than the limit or does not arrive before the timeout.
pub async fn read_limited(
    request: &mut Request,
    timeout: Duration,
) -> Result<Vec<u8>, PostbackError> {
    let mut payload = request.take_payload();
    let reading = async {
        let mut body = Vec::new();
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|_| PostbackError::UnreadableBody)?;
            if body.len() + chunk.len() > MAX_BODY_BYTES {
                return Err(PostbackError::UnreadableBody);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    };
    let result = tokio::time::timeout(timeout, reading).await;
    result.unwrap_or(Err(PostbackError::UnreadableBody))
}
