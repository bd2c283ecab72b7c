//! The body of a postback.

use std::time::Duration;

use actix_http::Request;
use domain::postback::Refused;
use futures_util::StreamExt as _;

/// Bytes that a body may have.
const MAX_BYTES: usize = 64 * 1024;

pub async fn read(request: &mut Request, timeout: Duration) -> Result<Vec<u8>, Refused> {
    let mut payload = request.take_payload();
    let reading = async {
        let mut body = Vec::new();
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|_| Refused::UnreadableBody)?;
            if body.len() + chunk.len() > MAX_BYTES {
                return Err(Refused::UnreadableBody);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    };
    let read = tokio::time::timeout(timeout, reading).await;
    read.unwrap_or(Err(Refused::UnreadableBody))
}
