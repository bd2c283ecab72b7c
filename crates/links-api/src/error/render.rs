//! How an error is sent to a client: the JSON of either API, and the headers.

use actix_web::{
    HttpResponse, ResponseError,
    http::{StatusCode, header},
};
use serde_json::{Value, json};

use super::{ApiError, rows::MAX_LISTED_ROWS};

/// Seconds after which a client may retry a 503: an outage or a lock may be over by then.
const UNAVAILABLE_RETRY_AFTER_S: u32 = 1;

/// The two APIs, which differ in paths and in the format of their errors
/// (proto-docs/api.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiFamily {
    /// `/api/v2/...`: `{"error", "code"}`.
    V2,
    /// `/api/links`, `/api/campaigns` and `/api/conversions`:
    /// `{"detail", "error_code", "status"}`.
    Affiliate,
}

impl ApiFamily {
    /// The API that an error at this path belongs to, also where no operation has the path.
    pub fn of_path(path: &str) -> Self {
        let is_affiliate = ["/api/links", "/api/campaigns", "/api/conversions"]
            .iter()
            .any(|base| path.starts_with(base));
        if is_affiliate {
            Self::Affiliate
        } else {
            Self::V2
        }
    }

    pub fn status(self, error: &ApiError) -> StatusCode {
        match self {
            Self::V2 => error.status_and_code().0,
            Self::Affiliate => error.affiliate_status_and_code().0,
        }
    }

    pub fn code(self, error: &ApiError) -> String {
        match self {
            Self::V2 => error.code().to_owned(),
            Self::Affiliate => error.affiliate_status_and_code().1,
        }
    }

    /// The JSON body of an error response.
    pub fn body(self, error: &ApiError) -> Value {
        match self {
            Self::V2 => {
                let mut body = json!({ "error": error.to_string(), "code": error.code() });
                if let ApiError::Unauthorized(reason) = error {
                    body["reason"] = reason.to_string().into();
                }
                if let ApiError::SignInFailed { tries_left } = error {
                    body["tries_left"] = json!(tries_left);
                }
                if let ApiError::InvalidRows(rows) = error {
                    body["rows"] = json!(rows.get(..MAX_LISTED_ROWS).unwrap_or(rows));
                }
                body
            }
            Self::Affiliate => {
                let (status, code) = error.affiliate_status_and_code();
                let mut body = json!({
                    "detail": error.to_string(),
                    "error_code": code,
                    "status": status.as_u16(),
                });
                if let ApiError::Unauthorized(reason) = error {
                    body["reason"] = reason.to_string().into();
                }
                let fields = error.invalid_fields();
                if !fields.is_empty() {
                    body["fields"] = fields
                        .iter()
                        .map(|error| json!({ "field": error.field, "message": error.message }))
                        .collect();
                }
                body
            }
        }
    }
}

/// An error together with the API whose format it is sent in.
#[derive(Debug, thiserror::Error)]
#[error("{error}")]
pub struct ErrorResponse {
    pub family: ApiFamily,
    pub error: ApiError,
}

impl ResponseError for ErrorResponse {
    fn status_code(&self) -> StatusCode {
        self.family.status(&self.error)
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        match &self.error {
            ApiError::RateLimited { retry_after_s }
            | ApiError::TooManyAttempts { retry_after_s } => {
                response.insert_header((header::RETRY_AFTER, retry_after_s.to_string()));
            }
            ApiError::Unavailable(_) => {
                let retry_after = UNAVAILABLE_RETRY_AFTER_S.to_string();
                response.insert_header((header::RETRY_AFTER, retry_after));
            }
            ApiError::MethodNotAllowed(allowed) => {
                response.insert_header((header::ALLOW, allowed.as_str()));
            }
            ApiError::Unauthorized(_) => {
                response.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
            }
            _ => {}
        }
        response.json(self.family.body(&self.error))
    }
}

#[cfg(test)]
mod tests {
    use postgres::pool::PoolError;

    use super::*;

    #[test]
    fn a_429_or_503_says_when_to_retry() {
        for (error, expected) in [
            (ApiError::RateLimited { retry_after_s: 17 }, Some("17")),
            (ApiError::unavailable(PoolError::Closed), Some("1")),
            (ApiError::internal(anyhow::anyhow!("a fault")), None),
            (ApiError::NoRoute, None),
        ] {
            let mut answer = ErrorResponse {
                family: ApiFamily::V2,
                error,
            };
            for family in [ApiFamily::V2, ApiFamily::Affiliate] {
                answer.family = family;
                let response = answer.error_response();
                let retry_after = response.headers().get(header::RETRY_AFTER);
                assert_eq!(
                    retry_after.map(|value| value.to_str().unwrap()),
                    expected,
                    "{answer}"
                );
            }
        }
    }
}
