//! The dimensions by which the totals count.

use jiff::Timestamp;

/// The value of each dimension for something that is counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Dimensions {
    pub account_id: i64,
    pub link_key: Option<i64>,
    pub offer_id: Option<String>,
    pub list_id: Option<i64>,
    pub creative_id: Option<i64>,
    pub campaign_id: Option<String>,
    pub country: Option<String>,
    pub device: Option<String>,
}

/// When something is counted, and in which currency. The currency is empty for what is not
/// money.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct TotalsBucket {
    pub start: Timestamp,
    pub currency: String,
}
