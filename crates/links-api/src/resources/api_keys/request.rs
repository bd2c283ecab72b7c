//! The body of an API key, and the rules of its fields.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    auth::Scope,
    db::api_keys::ApiKeyFields,
    enumeration::Enumeration as _,
    error::ApiError,
    fields::{Text, Timestamp, name},
    http::RequestBody,
};

/// Creating a key takes all fields into account, updating it those that are given.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct KeyRequest {
    /// At most 255 characters. Required.
    #[schemars(length(max = 255))]
    name: Option<Text>,
    /// links:read, links:write, links:*, creatives:read, creatives:*, offers:read, offers:*,
    /// lists:read, lists:*, campaigns:read, campaigns:*, reports:read, contacts:read, audit:read,
    /// users:read, users:*, keys:read, keys:*, webhooks:manage, conversions:write, costs:write, *:read (all that an account can read), * (all that it can
    /// do), admin. By default links:read and links:write.
    scopes: Option<Vec<Text>>,
    /// Requests per minute; 0 is no limit of the key's own.
    #[schemars(range(min = 0, max = 1_000_000))]
    rate_limit_per_minute: Option<i64>,
    /// When the key expires; it must lie in the future.
    #[schemars(extend("format" = "date-time"))]
    expires_at: Option<Text>,
}

impl RequestBody for KeyRequest {}

impl KeyRequest {
    /// Updates the fields that are given, and validates all that are required.
    pub fn apply(self, fields: &mut ApiKeyFields) -> Result<(), ApiError> {
        fields.name = name(&self.name, &fields.name)?;
        if let Some(scopes) = self.scopes {
            let scopes: Vec<_> = scopes.iter().map(|s| s.as_str().to_owned()).collect();
            if let Some(unknown) = scopes.iter().find(|s| Scope::parse(s.as_str()).is_none()) {
                return Err(ApiError::invalid_field(
                    "scopes",
                    format!("there is no scope {unknown}"),
                ));
            }
            fields.scopes = scopes;
            fields.scopes.sort();
            fields.scopes.dedup();
        }
        if let Some(limit) = self.rate_limit_per_minute {
            let limit = i32::try_from(limit)
                .ok()
                .filter(|limit| (0..=1_000_000).contains(limit));
            let limit = limit.ok_or_else(|| {
                ApiError::invalid_field("rate_limit_per_minute", "it is not from 0 to 1000000")
            })?;
            fields.rate_limit_per_minute = (limit > 0).then_some(limit);
        }
        if let Some(expires_at) = &self.expires_at {
            fields.expires_at =
                Timestamp::parse_future("expires_at", expires_at, jiff::Timestamp::now())?;
        }
        Ok(())
    }
}
