//! Whether a conversion counts.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where a conversion is in its life. Only an approved one counts as a conversion and for
/// revenue; a pending one is counted apart.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ConversionStatus {
    /// The network has not decided yet.
    Pending,
    #[default]
    Approved,
    /// The network has declined it.
    Rejected,
    /// It was approved, and has been taken back as a whole.
    Reversed,
}

impl ConversionStatus {
    pub const ALL: [Self; 4] = [
        Self::Pending,
        Self::Approved,
        Self::Rejected,
        Self::Reversed,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Reversed => "reversed",
        }
    }

    /// The status of this name, in lower case.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }

    /// For `skip_serializing_if`: the default is left out of events.
    pub(crate) fn is_approved(&self) -> bool {
        *self == Self::Approved
    }
}
