//! The response of a handler, before it is sent.

use actix_web::{
    HttpResponse,
    cookie::Cookie,
    http::{StatusCode, header},
};
use domain::record::LinkRecord;
use serde::Serialize;
use serde_json::Value;

use super::etag;
use crate::error::ApiError;

/// A response, and what the pipeline does beside sending it.
#[derive(Debug)]
pub struct Response {
    status: StatusCode,
    content_type: &'static str,
    body: Vec<u8>,
    /// The body that is stored for replays, where it differs.
    replay_body: Option<Vec<u8>>,
    is_replay: bool,
    /// Cursor of the next page, for content types whose body has no room for it.
    next_cursor: Option<String>,
    /// Names of parameters and fields that were ignored.
    ignored: Vec<String>,
    etag: Option<String>,
    /// Values of `Set-Cookie`.
    cookies: Vec<String>,
    location: Option<String>,
    /// New links, which are written to Redis after the commit.
    new_links: Vec<LinkRecord>,
}

impl Response {
    /// 200 with a JSON body.
    pub fn ok(body: &impl Serialize) -> Result<Self, ApiError> {
        Self::with_json(StatusCode::OK, body)
    }

    /// 201 with a JSON body.
    pub fn created(body: &impl Serialize) -> Result<Self, ApiError> {
        Self::with_json(StatusCode::CREATED, body)
    }

    /// 202 with a JSON body: what is asked for is done later.
    pub fn accepted(body: &impl Serialize) -> Result<Self, ApiError> {
        Self::with_json(StatusCode::ACCEPTED, body)
    }

    /// 302 to another page.
    pub fn redirect(location: String) -> Self {
        Self {
            location: Some(location),
            ..Self::new(StatusCode::FOUND, "text/plain", Vec::new())
        }
    }

    /// 204 without a body.
    pub fn no_content() -> Self {
        Self::new(StatusCode::NO_CONTENT, "application/json", Vec::new())
    }

    /// 200 with a body of another content type.
    pub fn bytes(content_type: &'static str, body: Vec<u8>) -> Self {
        Self::new(StatusCode::OK, content_type, body)
    }

    /// 200 with rows as CSV. The cursor of the next page is the header `X-Next-Cursor`.
    pub fn csv(body: Vec<u8>, next_cursor: Option<String>) -> Self {
        Self {
            next_cursor,
            ..Self::bytes("text/csv; charset=utf-8", body)
        }
    }

    /// The stored response to an earlier request with the same `Idempotency-Key`.
    pub(super) fn replay(status: StatusCode, body: Vec<u8>) -> Self {
        Self {
            is_replay: true,
            ..Self::new(status, "application/json", body)
        }
    }

    fn with_json(status: StatusCode, body: &impl Serialize) -> Result<Self, ApiError> {
        let body = serde_json::to_vec(body).map_err(ApiError::internal)?;
        Ok(Self::new(status, "application/json", body))
    }

    fn new(status: StatusCode, content_type: &'static str, body: Vec<u8>) -> Self {
        Self {
            status,
            content_type,
            body,
            replay_body: None,
            is_replay: false,
            next_cursor: None,
            ignored: Vec::new(),
            etag: None,
            cookies: Vec::new(),
            location: None,
            new_links: Vec::new(),
        }
    }

    /// Has new links written to Redis once they are committed, so that redirectors need not
    /// ask the origin for them.
    pub fn with_new_links(self, new_links: Vec<LinkRecord>) -> Self {
        Self { new_links, ..self }
    }

    /// Sets a cookie of the browser.
    pub fn with_cookie(mut self, cookie: &Cookie<'_>) -> Self {
        self.cookies.push(cookie.to_string());
        self
    }

    /// The same with another JSON body.
    pub(super) fn with_body(self, body: &impl Serialize) -> Result<Self, ApiError> {
        let body = serde_json::to_vec(body).map_err(ApiError::internal)?;
        Ok(Self { body, ..self })
    }

    /// Stores another body for replays: a secret is shown once only.
    pub fn with_replay_body(self, body: &impl Serialize) -> Result<Self, ApiError> {
        let replay_body = serde_json::to_vec(body).map_err(ApiError::internal)?;
        Ok(Self {
            replay_body: Some(replay_body),
            ..self
        })
    }

    /// Names what was ignored of the request, in the header `Waypost-Ignored`.
    pub(super) fn with_ignored(self, ignored: Vec<String>) -> Self {
        Self { ignored, ..self }
    }

    /// Adds the `ETag` of the body. If it is `if_none_match`, the response is 304 without a body.
    pub(super) fn with_etag(mut self, if_none_match: Option<&str>) -> Self {
        let etag = etag::of_body(&self.body);
        if if_none_match.is_some_and(|header| etag::matches(header, &etag)) {
            self.status = StatusCode::NOT_MODIFIED;
            self.body = Vec::new();
        }
        self.etag = Some(etag);
        self
    }

    pub(super) fn body(&self) -> &[u8] {
        &self.body
    }

    /// The body, if it is JSON.
    pub(super) fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    /// The body that is stored with an `Idempotency-Key`.
    pub(super) fn replay_body(&self) -> &[u8] {
        self.replay_body.as_deref().unwrap_or(&self.body)
    }

    pub(super) fn take_new_links(&mut self) -> Vec<LinkRecord> {
        std::mem::take(&mut self.new_links)
    }

    pub(super) fn into_http(self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        if self.is_replay {
            response.insert_header(("Idempotent-Replayed", "true"));
        }
        if let Some(cursor) = self.next_cursor {
            response.insert_header(("X-Next-Cursor", cursor));
        }
        if let Some(etag) = self.etag {
            response.insert_header((header::ETAG, etag));
        }
        if let Some(location) = self.location {
            response.insert_header((header::LOCATION, location));
        }
        if !self.cookies.is_empty() {
            response.insert_header((header::CACHE_CONTROL, "no-store"));
        }
        for cookie in self.cookies {
            response.append_header((header::SET_COOKIE, cookie));
        }
        if !self.ignored.is_empty() {
            response.insert_header(("Waypost-Ignored", ignored_header(&self.ignored)));
        }
        if matches!(
            self.status,
            StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
        ) {
            return response.finish();
        }
        response.content_type(self.content_type).body(self.body)
    }
}

/// The names as the value of a header, with `...` for those beyond the limit.
fn ignored_header(names: &[String]) -> String {
    const MAX_NAMES: usize = 20;
    const MAX_NAME_CHARS: usize = 100;
    let mut listed: Vec<_> = names
        .iter()
        .take(MAX_NAMES)
        .map(|name| {
            let name: String = name.chars().take(MAX_NAME_CHARS).collect();
            // Visible ASCII stays readable.
            name.escape_default().to_string().replace(',', "%2C")
        })
        .collect();
    if names.len() > MAX_NAMES {
        listed.push("...".to_owned());
    }
    listed.join(", ")
}

/// Declares the body of a response that only says what was done:
/// `{"success": true, "<what>": true}`.
macro_rules! success_body {
    ($(#[$meta:meta])* $visibility:vis struct $Body:ident { $what:ident }) => {
        #[derive(Debug, serde::Serialize, schemars::JsonSchema)]
        $(#[$meta])*
        $visibility struct $Body {
            success: bool,
            $what: bool,
        }

        impl $Body {
            $visibility fn new() -> Self {
                Self {
                    success: true,
                    $what: true,
                }
            }

            $visibility fn example() -> serde_json::Value {
                serde_json::json!({ "success": true, stringify!($what): true })
            }
        }
    };
}

pub(crate) use success_body;
