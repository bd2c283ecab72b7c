//! The dimensions by which a report can be grouped.

use crate::enumeration::enumeration;

enumeration! {
    /// What a row of a report is about.
    pub enum Group {
        Date = "date",
        Hour = "hour",
        HourOfDay = "hour_of_day",
        Weekday = "weekday",
        Message = "message",
        Creative = "creative",
        Offer = "offer",
        List = "list",
        Link = "link",
        Campaign = "campaign",
        Country = "country",
        Device = "device",
        Event = "event",
        Sub1 = "sub1",
        Sub2 = "sub2",
        Sub3 = "sub3",
        Sub4 = "sub4",
        Sub5 = "sub5",
        Source = "source",
        Os = "os",
        Browser = "browser",
        Language = "language",
        Region = "region",
        City = "city",
        Network = "network",
        BotReason = "bot_reason",
        BotRule = "bot_rule",
    }
}

impl Group {
    /// Whether there can be so many rows that they come in pages.
    pub fn is_paged(self) -> bool {
        matches!(self, Self::Link | Self::Message)
    }

    /// Whether the rows are times of the period, one after the other.
    pub fn is_time(self) -> bool {
        matches!(self, Self::Date | Self::Hour)
    }

    /// Whether only clicks have the dimension, so that the totals cannot answer.
    pub fn is_of_clicks_only(self) -> bool {
        matches!(
            self,
            Self::Sub1
                | Self::Sub2
                | Self::Sub3
                | Self::Sub4
                | Self::Sub5
                | Self::Source
                | Self::Os
                | Self::Browser
                | Self::Language
                | Self::Region
                | Self::City
                | Self::Network
                | Self::BotReason
                | Self::BotRule
        )
    }

    /// Whether the key of a row is a number in JSON.
    pub fn has_number(self) -> bool {
        matches!(
            self,
            Self::List | Self::Creative | Self::HourOfDay | Self::Weekday | Self::Network
        )
    }

    /// The columns that say what a row is about.
    pub fn key_columns(self) -> &'static [&'static str] {
        match self {
            Self::Date => &["date"],
            Self::Hour => &["hour"],
            Self::HourOfDay => &["hour_of_day"],
            Self::Weekday => &["weekday"],
            Self::Message => &["message_id"],
            Self::Creative => &["creative_id", "creative_name"],
            Self::Offer => &["offer_id", "offer_name"],
            Self::List => &["list_id", "list_name"],
            Self::Link => &["link_id", "short_url"],
            Self::Campaign => &["campaign_id", "campaign_name"],
            Self::Country => &["country"],
            Self::Device => &["device"],
            Self::Event => &["event"],
            Self::Sub1 => &["sub1"],
            Self::Sub2 => &["sub2"],
            Self::Sub3 => &["sub3"],
            Self::Sub4 => &["sub4"],
            Self::Sub5 => &["sub5"],
            Self::Source => &["source"],
            Self::Os => &["os"],
            Self::Browser => &["browser"],
            Self::Language => &["language"],
            Self::Region => &["region"],
            Self::City => &["city"],
            Self::Network => &["network"],
            Self::BotReason => &["bot_reason"],
            Self::BotRule => &["bot_rule"],
        }
    }

    /// The first of them, which tells the rows apart. It is also the parameter of the filter on
    /// the dimension.
    pub fn key_column(self) -> &'static str {
        self.key_columns().first().copied().unwrap_or_default()
    }
}
