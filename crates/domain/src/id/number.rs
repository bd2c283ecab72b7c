//! Ids that are the number of a database row.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Declares an id that is the number of a database row.
macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
        impl FromStr for $name {
            type Err = std::num::ParseIntError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    };
}

number_id!(
    /// An account: the tenant that owns lists, offers, links and what follows from them.
    AccountId
);
number_id!(
    /// A sending list.
    ListId
);
number_id!(
    /// A creative: a message template.
    CreativeId
);
number_id!(
    /// A coupon code of an account.
    CouponId
);
number_id!(
    /// The database row of a link. A short id is unique only within its short domain, so
    /// rows and events refer to a link by this number.
    LinkKey
);
