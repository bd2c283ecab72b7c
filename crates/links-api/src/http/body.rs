//! Request bodies: their types, and reading them from the network.

use std::time::Duration;

use actix_web::web;
use futures_util::StreamExt as _;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::error::ApiError;

/// A JSON body as the argument of a handler. Its schema documents the body.
pub trait RequestBody: DeserializeOwned + JsonSchema {
    /// Other names of fields, `(alias, name)`: those under which answers show them. An alias
    /// whose value is the current one is no change.
    const ALIASES: &'static [(&'static str, &'static str)] = &[];

    /// The array whose entries are handled on their own, so that an unknown field of one is an
    /// error of that entry: see [`RequestContext::read_entry`].
    ///
    /// [`RequestContext::read_entry`]: super::RequestContext::read_entry
    const ENTRIES_FIELD: Option<&'static str> = None;
}

/// A body that is not one JSON value, as the argument of a handler.
pub trait RawRequestBody: Sized {
    /// The schema of the body as JSON, for the document.
    type Json: JsonSchema;

    /// Other content types that it may have, each with an example.
    const OTHER_CONTENT: &'static [(&'static str, &'static str)];

    /// `content_type` is without parameters, in lower case; empty without the header.
    fn parse(content_type: &str, body: &[u8]) -> Result<Self, ApiError>;
}

/// Limit of the bodies of most operations.
pub const MAX_BODY_MB: usize = 5;

/// Limit of the time that a body takes to arrive: 5 MB over a poor connection.
const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// Reads the whole body. The pipeline calls it after authentication, so that nobody without a
/// key can make the service read 5 MB.
pub async fn read_limited(payload: web::Payload, max_mb: usize) -> Result<Vec<u8>, ApiError> {
    let reading = tokio::time::timeout(READ_TIMEOUT, read_all(payload, max_mb));
    reading.await.map_err(|_| ApiError::UnreadableBody)?
}

async fn read_all(mut payload: web::Payload, max_mb: usize) -> Result<Vec<u8>, ApiError> {
    let mut body = Vec::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| ApiError::UnreadableBody)?;
        if body.len() + chunk.len() > max_mb * 1024 * 1024 {
            return Err(ApiError::PayloadTooLarge(max_mb));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
