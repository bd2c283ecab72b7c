//! What the origin tells redirectors of a stored click. It is no record: nobody caches it.

use serde::{Deserialize, Serialize};

use crate::id::{AccountId, LinkKey};

/// The account, link and offer of a click that is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredClick {
    pub account_id: AccountId,
    pub link_key: LinkKey,
    pub link_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offer_id: Option<String>,
}
