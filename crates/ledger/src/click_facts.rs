//! What the ledger knows of a click: the columns by which it is counted and credited.

use domain::id::ClickId;
use jiff::Timestamp;
use tokio_postgres::Row;

use crate::totals::Dimensions;

/// The part of a click that totals, message clicks and credits need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClickFacts {
    pub click_id: ClickId,
    pub account_id: i64,
    pub link_key: i64,
    pub link_id: String,
    pub list_id: Option<i64>,
    pub offer_id: Option<String>,
    pub creative_id: Option<i64>,
    pub campaign_id: Option<String>,
    pub message_id: Option<String>,
    pub contact_phone: Option<String>,
    pub country: Option<String>,
    pub device: Option<String>,
}

impl ClickFacts {
    /// Reads the columns whose names begin with `prefix`. `None` if the click id is NULL.
    pub(crate) fn from_row(row: &Row, prefix: &str, account_id: i64) -> Option<Self> {
        let name = |column: &str| format!("{prefix}{column}");
        let click_id: Option<uuid::Uuid> = row.get(name("click_id").as_str());
        let text = |column: &str| row.get::<_, Option<String>>(name(column).as_str());
        let number = |column: &str| row.get::<_, Option<i64>>(name(column).as_str());
        Some(Self {
            click_id: ClickId::from_uuid(click_id?).expect("only click ids are stored"),
            account_id,
            link_key: number("link_key").unwrap_or_default(),
            link_id: text("link_id").unwrap_or_default(),
            list_id: number("list_id"),
            offer_id: text("offer_id"),
            creative_id: number("creative_id"),
            campaign_id: text("campaign_id"),
            message_id: text("message_id"),
            contact_phone: text("contact_phone"),
            country: text("country"),
            device: text("device"),
        })
    }

    /// When the click happened.
    pub fn time(&self) -> Timestamp {
        self.click_id.time()
    }

    /// The dimensions under which the totals count it.
    pub fn dimensions(&self) -> Dimensions {
        Dimensions {
            account_id: self.account_id,
            link_key: Some(self.link_key),
            offer_id: self.offer_id.clone(),
            list_id: self.list_id,
            creative_id: self.creative_id,
            campaign_id: self.campaign_id.clone(),
            country: self.country.clone(),
            device: self.device.clone(),
        }
    }
}
