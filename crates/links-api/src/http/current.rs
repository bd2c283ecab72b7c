//! The object that a request changes, as its GET answers it: for `If-Match`, for fields that are
//! sent back as they were read, and for the audit trail.

use actix_web::{HttpRequest, http::header::HeaderName};
use serde_json::Value;

use super::{
    context::{JsonInput, RequestContext},
    etag,
    input::remove_unchanged,
    operation::Operation,
    response::Response,
};
use crate::error::ApiError;

/// Reads the current object at most once, and only if something needs it.
pub struct CurrentObject<'a> {
    /// The GET of the same path.
    reader: Option<&'a Operation>,
    context: RequestContext<'a>,
    response: Option<Response>,
}

impl<'a> CurrentObject<'a> {
    pub fn new(reader: Option<&'a Operation>, context: RequestContext<'a>) -> Self {
        Self {
            reader,
            context,
            response: None,
        }
    }

    /// `None` if nothing reads objects of this kind.
    async fn read(&mut self) -> Result<Option<&Response>, ApiError> {
        if let Some(reader) = self.reader
            && self.response.is_none()
        {
            self.response = Some((reader.handler)(self.context).await?);
        }
        Ok(self.response.as_ref())
    }

    /// Reads the object, if the caller can read it. Whether it must be there, the handler
    /// decides.
    pub async fn read_if_found(&mut self) -> Result<(), ApiError> {
        match self.read().await {
            Err(error) if error.is_of_client() => Ok(()),
            result => result.map(drop),
        }
    }

    /// The object, if it was read and is JSON.
    pub fn known_json(&self) -> Option<Value> {
        self.response.as_ref()?.json()
    }

    /// The object as it is now, or `None` if it is not there any more.
    pub async fn read_again(mut self) -> Result<Option<Value>, ApiError> {
        self.response = None;
        self.read_if_found().await?;
        Ok(self.known_json())
    }

    /// Fails if the object is not the one that the header names.
    pub async fn check_if_match(&mut self, if_match: Option<&str>) -> Result<(), ApiError> {
        let Some(if_match) = if_match else {
            return Ok(());
        };
        let current = self.read().await?;
        let etag = current.map(|response| etag::of_body(response.body()));
        match etag {
            Some(etag) if etag::matches(if_match, &etag) => Ok(()),
            _ => Err(ApiError::PreconditionFailed),
        }
    }

    /// Takes out of the body what leaves the object as it is. Makes a read-only field that would
    /// change the error of the body.
    pub async fn remove_unchanged(&mut self, json: &mut JsonInput<'_>) -> Result<(), ApiError> {
        let Some(spec) = json.spec else {
            return Ok(());
        };
        if json.body.unknown_fields.0.is_empty() && !json.body.has_alias {
            return Ok(());
        }
        let Some(current) = self.read().await? else {
            return Ok(());
        };
        let current: Value = serde_json::from_slice(current.body()).map_err(ApiError::internal)?;
        let body = &mut json.body;
        let removal = remove_unchanged(
            &mut body.value,
            &mut body.unknown_fields,
            spec.aliases,
            &current,
        );
        if let Err(error) = removal {
            json.error.get_mut().get_or_insert(error);
        }
        Ok(())
    }
}

/// A header of the request, if it is text.
pub fn header(request: &HttpRequest, name: HeaderName) -> Option<&str> {
    request.headers().get(name)?.to_str().ok()
}
