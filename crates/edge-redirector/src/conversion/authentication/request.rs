//! What signatures cover of a request.

use actix_http::{HttpMessage as _, Request, header::HeaderMap};
use domain::postback::signed_text;
use jiff::Timestamp;

use crate::{conversion::endpoint::Endpoint, request};

/// The parts of a request that signatures cover, as they were sent.
pub struct SignedRequest<'r> {
    pub headers: &'r HeaderMap,
    pub query: &'r str,
    pub body: &'r [u8],
    /// When it was received.
    pub received_at: Timestamp,
    path_parameters: Option<String>,
}

impl<'r> SignedRequest<'r> {
    pub fn new(
        request: &'r Request,
        endpoint: &Endpoint,
        body: &'r [u8],
        received_at: Timestamp,
    ) -> Self {
        Self {
            headers: request.headers(),
            query: request::query(request),
            body,
            received_at,
            path_parameters: endpoint.path_parameters(),
        }
    }

    /// The text that our own signature covers: path and query, without the signature.
    pub fn signed_text(&self, signature_name: Option<&str>) -> String {
        let signature_name = signature_name.unwrap_or("signature");
        signed_text(self.path_parameters.as_deref(), self.query, signature_name)
    }

    /// The text of a header, if it is sent once and is ASCII: of two signatures nobody could
    /// tell which one counts.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name);
        match (values.next(), values.next()) {
            (Some(value), None) => value.to_str().ok(),
            _ => None,
        }
    }
}

#[cfg(test)]
impl<'r> SignedRequest<'r> {
    pub fn for_test(
        headers: &'r HeaderMap,
        query: &'r str,
        body: &'r [u8],
        received_at: Timestamp,
    ) -> Self {
        Self {
            headers,
            query,
            body,
            received_at,
            path_parameters: None,
        }
    }
}
