//! The status of a link.

use domain::record::LinkStatus;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::enumeration::Enumeration;

/// Only an active link may redirect. It is a schema of its own in the document, unlike an
/// `enumeration!`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(description = "Only an active link may redirect.")]
pub enum LinkState {
    Active,
    Deactivated,
}

impl From<LinkStatus> for LinkState {
    fn from(status: LinkStatus) -> Self {
        match status {
            LinkStatus::Active => Self::Active,
            LinkStatus::Deactivated => Self::Deactivated,
        }
    }
}

impl Enumeration for LinkState {
    const NAMES: &'static [&'static str] = &["active", "deactivated"];
    const NAME_LIST: &'static str = "active, deactivated";

    fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Deactivated => "deactivated",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        match name {
            "active" => Some(Self::Active),
            "deactivated" => Some(Self::Deactivated),
            _ => None,
        }
    }
}
