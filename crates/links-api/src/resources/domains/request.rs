//! The bodies of domains, and the rule of hosts.

use domain::host;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    db::domains::{DomainKind, Ownership, SettableDomainStatus},
    enumeration::Enumeration as _,
    error::{ApiError, CodedField},
    fields::{Text, non_empty, parse_status},
    http::RequestBody,
    settings::DomainOwnership,
};

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "NewDomain")]
pub struct CreateDomainRequest {
    /// Without scheme and path. Required.
    host: Option<Text>,
    /// short or click. Required.
    #[schemars(extend("enum" = ["short", "click", "", null]))]
    kind: Option<Text>,
}

impl RequestBody for CreateDomainRequest {}

impl CreateDomainRequest {
    /// Where ownership is assumed, the development machine is a host too.
    pub fn validate(&self, ownership: DomainOwnership) -> Result<(String, DomainKind), ApiError> {
        let host = non_empty(&self.host).ok_or(ApiError::MissingField(CodedField::Host))?;
        let host = match ownership {
            DomainOwnership::Assumed if host::is_local(host) => host::normalise(host),
            DomainOwnership::Assumed | DomainOwnership::Proved => parse_public_host(host),
        };
        let host = host.ok_or(ApiError::InvalidHost)?;
        let kind = non_empty(&self.kind).and_then(DomainKind::parse);
        Ok((host, kind.ok_or(ApiError::InvalidKind)?))
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "DomainChange")]
pub struct UpdateDomainRequest {
    /// active or disabled.
    #[schemars(extend("enum" = ["active", "disabled", "", null]))]
    status: Option<Text>,
}

impl RequestBody for UpdateDomainRequest {}

impl UpdateDomainRequest {
    pub fn status(&self) -> Result<Option<SettableDomainStatus>, ApiError> {
        parse_status(&self.status)
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "DomainOwnershipChange")]
pub struct OwnershipRequest {
    /// checked, approved or refused. Required.
    #[schemars(extend("enum" = ["checked", "approved", "refused", "", null]))]
    ownership: Option<Text>,
}

impl RequestBody for OwnershipRequest {}

impl OwnershipRequest {
    pub fn validate(&self) -> Result<Ownership, ApiError> {
        let ownership = non_empty(&self.ownership).and_then(Ownership::parse);
        let problem = || format!("it is not one of {}", Ownership::NAME_LIST);
        ownership.ok_or_else(|| ApiError::invalid_field("ownership", problem()))
    }
}

/// Parses a host with a dot, in the spelling that is stored; letters beyond ASCII become
/// punycode. An address, and a host with a port, path or user, is none.
fn parse_public_host(text: &str) -> Option<String> {
    let text = text.trim();
    if text.contains(['/', '\\', ':', '@', '?', '#', '%', '[']) {
        return None;
    }
    let url = url::Url::parse(&format!("https://{text}/")).ok()?;
    let name = url.domain()?;
    let name = host::normalise(name)?;
    (name.contains('.') && !name.ends_with('-')).then_some(name)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("yourdomain.com", Some("yourdomain.com"))]
    #[case(" YourDomain.COM. ", Some("yourdomain.com"))]
    #[case("bücher.example", Some("xn--bcher-kva.example"))]
    #[case("a_b.example", Some("a_b.example"))]
    #[case("localhost", None)]
    #[case("127.0.0.1", None)]
    #[case("0x7f.1", None)]
    #[case("[::1]", None)]
    #[case("https://e.com", None)]
    #[case("e.com/path", None)]
    #[case("e.com:8080", None)]
    #[case("user@e.com", None)]
    #[case("e..com", None)]
    #[case("e .com", None)]
    #[case("", None)]
    fn a_host_is_a_public_name(#[case] text: &str, #[case] expected: Option<&str>) {
        assert_eq!(parse_public_host(text).as_deref(), expected);
    }
}
