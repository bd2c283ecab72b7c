//! Which conversions a report counts.

use crate::enumeration::enumeration;

enumeration! {
    /// The statuses of the conversions that a report counts.
    pub enum CountedStatuses {
        Approved = "approved",
        ApprovedAndPending = "approved,pending",
    }
}

/// The expressions of what a report counts of conversions.
pub struct CountedColumns {
    pub conversions: &'static str,
    pub revenue: &'static str,
}

impl CountedStatuses {
    pub fn columns(self) -> CountedColumns {
        match self {
            Self::Approved => CountedColumns {
                conversions: "t.conversions",
                revenue: "t.revenue",
            },
            Self::ApprovedAndPending => CountedColumns {
                conversions: "(t.conversions + t.pending_conversions)",
                revenue: "(t.revenue + t.pending_revenue)",
            },
        }
    }
}
