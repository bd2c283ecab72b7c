//! What a report is asked for.

use super::period::Period;
use crate::{db::links::find_keys, error::ApiError, http::RequestContext};

pub const GROUPS: [&str; 10] = [
    "date", "hour", "message", "creative", "offer", "list", "link", "campaign", "country", "device",
];

/// The dimensions whose combinations have rows of their own.
const CONTENT: [&str; 4] = ["offer", "list", "creative", "campaign"];
const AUDIENCE: [&str; 2] = ["country", "device"];

/// What a row is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    Date,
    Hour,
    Message,
    Creative,
    Offer,
    List,
    Link,
    Campaign,
    Country,
    Device,
}

impl Group {
    const ALL: [Self; 10] = [
        Self::Date,
        Self::Hour,
        Self::Message,
        Self::Creative,
        Self::Offer,
        Self::List,
        Self::Link,
        Self::Campaign,
        Self::Country,
        Self::Device,
    ];

    pub fn name(self) -> &'static str {
        GROUPS[self as usize]
    }

    pub fn is_paged(self) -> bool {
        matches!(self, Self::Link | Self::Message)
    }
}

/// Only what has these values.
#[derive(Debug, Clone, Default)]
pub struct Filters {
    pub offer_id: Option<String>,
    pub list_id: Option<i64>,
    pub creative_id: Option<i64>,
    pub campaign_id: Option<String>,
    pub country: Option<String>,
    pub device: Option<String>,
    /// The rows of the link that is named: none if there is no such link.
    pub link_keys: Option<Vec<i64>>,
    pub message_id: Option<String>,
}

impl Filters {
    /// The key of the rows of a dimension, where it is what is filtered by.
    pub fn key_of(&self, dimension: &str) -> Option<String> {
        match dimension {
            "offer" => self.offer_id.clone(),
            "list" => self.list_id.map(|id| id.to_string()),
            "creative" => self.creative_id.map(|id| id.to_string()),
            "campaign" => self.campaign_id.clone(),
            "country" => self.country.clone(),
            "device" => self.device.clone(),
            _ => None,
        }
    }

    /// The offer with which the keys of a dimension start, where it is filtered by.
    pub fn key_start_of(&self, dimension: &str) -> Option<String> {
        let starts_with_offer = ["content", "cell"].contains(&dimension);
        self.offer_id.clone().filter(|_| starts_with_offer)
    }
}

#[derive(Debug, Clone)]
pub struct Asked {
    pub group: Group,
    pub period: Period,
    pub filters: Filters,
    pub currency: String,
    pub limit: i64,
    pub cursor: Option<String>,
}

impl Asked {
    pub async fn read(context: RequestContext<'_>, now: jiff::Timestamp) -> Result<Self, ApiError> {
        let group = context.choice("group_by", &GROUPS)?.unwrap_or("date");
        let group = GROUPS.iter().position(|name| *name == group).unwrap_or(0);
        let currency = match context.text("currency")? {
            None => domain::conversion::DEFAULT_CURRENCY.to_owned(),
            Some(text) => domain::conversion::parse_currency(&text)
                .ok_or_else(|| ApiError::invalid_field("currency", "it is not a code as in USD"))?,
        };
        let link_keys = match context.text("link_id")? {
            None => None,
            Some(link_id) => {
                Some(find_keys(context.db, context.caller.account_id, &link_id).await?)
            }
        };
        Ok(Self {
            group: Group::ALL[group],
            period: Period::read(context, now)?,
            filters: Filters {
                offer_id: context.text("offer_id")?,
                list_id: context.integer("list_id", 1..=i64::MAX)?,
                creative_id: context.integer("creative_id", 1..=i64::MAX)?,
                campaign_id: context.text("campaign_id")?,
                country: context.text("country")?,
                device: context.text("device")?,
                link_keys,
                message_id: context.text("message_id")?,
            },
            currency,
            limit: context.integer("limit", 1..=1_000)?.unwrap_or(100),
            cursor: context.text("cursor")?,
        })
    }

    /// Where it is read from: the rows of one dimension if there is but one,
    /// else those of their combinations, or of links.
    pub fn source(&self, group: Option<Group>) -> Source {
        let filters = &self.filters;
        if filters.link_keys.is_some()
            || filters.message_id.is_some()
            || group.is_some_and(Group::is_paged)
        {
            return Source::Links;
        }
        let mut dimensions: Vec<&'static str> = Vec::new();
        for (name, is_there) in [
            ("offer", filters.offer_id.is_some()),
            ("list", filters.list_id.is_some()),
            ("creative", filters.creative_id.is_some()),
            ("campaign", filters.campaign_id.is_some()),
            ("country", filters.country.is_some()),
            ("device", filters.device.is_some()),
        ] {
            let is_grouped = group.is_some_and(|group| group.name() == name);
            if is_there || is_grouped {
                dimensions.push(name);
            }
        }
        match dimensions[..] {
            [] => Source::Dimension("all"),
            [one] => Source::Dimension(one),
            _ if dimensions.iter().all(|name| CONTENT.contains(name)) => {
                Source::Dimension("content")
            }
            _ if dimensions.iter().all(|name| AUDIENCE.contains(name)) => {
                Source::Dimension("audience")
            }
            _ => Source::Dimension("cell"),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// `totals`, of this dimension.
    Dimension(&'static str),
    /// `link_totals`, with the links' own rows.
    Links,
}
