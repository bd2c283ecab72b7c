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
    /// `totals`.
    Rollup(RollupDimension),
    /// `link_totals`, joined with the links.
    Links,
}

impl Source {
    /// The source of rows, or of the sums of a whole report if `group` is `None`.
    pub fn select(filters: &Filters, group: Option<Group>) -> Self {
        if filters.link_keys.is_some()
            || filters.message_id.is_some()
            || group.is_some_and(Group::is_paged)
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
            group.is_some_and(|group| group.name() == dimension.name())
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
