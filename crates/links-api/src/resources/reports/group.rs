//! The dimensions by which a report can be grouped.

use crate::enumeration::enumeration;

enumeration! {
    /// What a row of a report is about.
    pub enum Group {
        Date = "date",
        Hour = "hour",
        Message = "message",
        Creative = "creative",
        Offer = "offer",
        List = "list",
        Link = "link",
        Campaign = "campaign",
        Country = "country",
        Device = "device",
        Event = "event",
    }
}

impl Group {
    /// Whether there can be so many rows that they come in pages.
    pub fn is_paged(self) -> bool {
        matches!(self, Self::Link | Self::Message)
    }

    /// The columns that say what a row is about.
    pub fn key_columns(self) -> &'static [&'static str] {
        match self {
            Self::Date => &["date"],
            Self::Hour => &["hour"],
            Self::Message => &["message_id"],
            Self::Creative => &["creative_id", "creative_name"],
            Self::Offer => &["offer_id", "offer_name"],
            Self::List => &["list_id", "list_name"],
            Self::Link => &["link_id", "short_url"],
            Self::Campaign => &["campaign_id", "campaign_name"],
            Self::Country => &["country"],
            Self::Device => &["device"],
            Self::Event => &["event"],
        }
    }

    /// The first of them, which tells the rows apart.
    pub fn key_column(self) -> &'static str {
        self.key_columns().first().copied().unwrap_or_default()
    }
}
