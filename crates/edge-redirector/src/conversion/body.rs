//! The body of a postback.

use std::time::Duration;

use actix_http::Request;
use domain::postback::PostbackError;
use futures_util::StreamExt as _;

/// Bytes that a body may have.
const MAX_BYTES: usize = 64 * 1024;

pub async fn read(request: &mut Request, timeout: Duration) -> Result<Vec<u8>, PostbackError> {
    let mut payload = request.take_payload();
    let reading = async {
        let mut body = Vec::new();
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|_| PostbackError::UnreadableBody)?;
            if body.len() + chunk.len() > MAX_BYTES {
                return Err(PostbackError::UnreadableBody);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    };
    let read = tokio::time::timeout(timeout, reading).await;
    read.unwrap_or(Err(PostbackError::UnreadableBody))
}
