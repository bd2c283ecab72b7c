//! The rows that a report is read from.

use super::{group::Group, request::Filters};
use crate::enumeration::{Enumeration as _, enumeration};

enumeration! {
    /// The sets of dimensions that `totals` has rows for. A report reads the smallest set that
    /// has all dimensions which it groups or filters by.
    pub enum RollupDimension {
        Offer = "offer",
        List = "list",
        Creative = "creative",
        Campaign = "campaign",
        Country = "country",
        Device = "device",
        /// Offer, list, creative and campaign.
        Content = "content",
        /// Country and device.
        Audience = "audience",
        /// All six dimensions.
        AllDimensions = "cell",
        /// No dimension: one row for everything.
        Total = "all",
    }
}

const CONTENT: [RollupDimension; 4] = [
    RollupDimension::Offer,
    RollupDimension::List,
    RollupDimension::Creative,
    RollupDimension::Campaign,
];
const AUDIENCE: [RollupDimension; 2] = [RollupDimension::Country, RollupDimension::Device];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// `event_totals`.
    Events,
    /// `totals`.
    Rollup(RollupDimension),
    /// `link_totals`, joined with the links.
    Links,
}

impl Source {
    /// The source of rows, or of the sums of a whole report if `group` is `None`.
    pub fn select(filters: &Filters, group: Option<Group>) -> Self {
        Self::select_all(filters, group.as_slice())
    }

    /// The source of rows that have all of some dimensions.
    pub fn select_all(filters: &Filters, groups: &[Group]) -> Self {
        if groups.contains(&Group::Event) {
            return Self::Events;
        }
        if filters.link_keys.is_some()
            || filters.message_id.is_some()
            || groups.iter().any(|group| group.is_paged())
        {
            return Self::Links;
        }
        let has_filter = [
            (RollupDimension::Offer, filters.offer_id.is_some()),
            (RollupDimension::List, filters.list_id.is_some()),
            (RollupDimension::Creative, filters.creative_id.is_some()),
            (RollupDimension::Campaign, filters.campaign_id.is_some()),
            (RollupDimension::Country, filters.country.is_some()),
            (RollupDimension::Device, filters.device.is_some()),
        ];
        let is_group = |dimension: RollupDimension| {
            groups.iter().any(|group| group.name() == dimension.name())
        };
        let dimensions: Vec<_> = has_filter
            .into_iter()
            .filter(|(dimension, has_filter)| *has_filter || is_group(*dimension))
            .map(|(dimension, _)| dimension)
            .collect();
        Self::Rollup(match dimensions[..] {
            [] => RollupDimension::Total,
            [dimension] => dimension,
            _ if dimensions.iter().all(|d| CONTENT.contains(d)) => RollupDimension::Content,
            _ if dimensions.iter().all(|d| AUDIENCE.contains(d)) => RollupDimension::Audience,
            _ => RollupDimension::AllDimensions,
        })
    }

    /// The column of a dimension. `t` is the table of totals, `l` are the links.
    pub fn column(self, group: Group) -> String {
        let alias = match (self, group) {
            (_, Group::Link) => return "t.link_key".to_owned(),
            (_, Group::Message) => "l",
            (Self::Links, Group::Country | Group::Device) => "t",
            (Self::Links, _) => "l",
            (Self::Events | Self::Rollup(_), _) => "t",
        };
        format!("{alias}.{}", group.key_column())
    }
}

impl Filters {
    /// The key of the rows of a dimension, if the filter is on that dimension.
    pub fn key_of(&self, dimension: RollupDimension) -> Option<String> {
        match dimension {
            RollupDimension::Offer => self.offer_id.clone(),
            RollupDimension::List => self.list_id.map(|id| id.to_string()),
            RollupDimension::Creative => self.creative_id.map(|id| id.to_string()),
            RollupDimension::Campaign => self.campaign_id.clone(),
            RollupDimension::Country => self.country.clone(),
            RollupDimension::Device => self.device.clone(),
            RollupDimension::Content
            | RollupDimension::Audience
            | RollupDimension::AllDimensions
            | RollupDimension::Total => None,
        }
    }

    /// The offer that the keys of the rows begin with, if the filter is on offers and the keys
    /// of the dimension begin with one.
    pub fn key_start_of(&self, dimension: RollupDimension) -> Option<String> {
        match dimension {
            RollupDimension::Content | RollupDimension::AllDimensions => self.offer_id.clone(),
            _ => None,
        }
    }
}
