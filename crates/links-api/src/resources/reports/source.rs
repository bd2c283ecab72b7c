//! The rows that a report is read from.

use super::{filters::Filters, group::Group};
use crate::enumeration::enumeration;

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
    /// Clicks and conversions one by one, for dimensions that no totals have.
    Facts,
    /// `value_totals` of this dimension, and the facts of the days that it does not have.
    Values(Group),
}

impl Source {
    /// The source of rows, or of the sums of a whole report if `group` is `None`.
    pub fn select(filters: &Filters, group: Option<Group>) -> Self {
        Self::select_all(filters, group.as_slice())
    }

    /// The source of rows that have all of some dimensions.
    pub fn select_all(filters: &Filters, groups: &[Group]) -> Self {
        if filters.need_clicks() || groups.iter().any(|group| group.is_of_clicks_only()) {
            return Self::Facts;
        }
        if groups.contains(&Group::Event) {
            return Self::Events;
        }
        if filters.link_keys.is_some()
            || filters.message_id.is_some()
            || groups.iter().any(|group| group.is_paged())
        {
            return Self::Links;
        }
        let dimensions: Vec<_> = [
            (RollupDimension::Offer, Group::Offer),
            (RollupDimension::List, Group::List),
            (RollupDimension::Creative, Group::Creative),
            (RollupDimension::Campaign, Group::Campaign),
            (RollupDimension::Country, Group::Country),
            (RollupDimension::Device, Group::Device),
        ]
        .into_iter()
        .filter(|(_, group)| groups.contains(group) || filters.has_condition_on(*group))
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

    /// The source of the conversions of each event.
    pub fn select_events(filters: &Filters, groups: &[Group]) -> Self {
        match Self::select_all(filters, groups) {
            Self::Facts | Self::Values(_) => Self::Facts,
            Self::Events | Self::Rollup(_) | Self::Links => Self::Events,
        }
    }

    /// The column with the value of a dimension, or the values of one that has several. `t` is the
    /// table of totals, `l` are the links.
    pub fn value(self, group: Group) -> String {
        let alias = match (self, group) {
            (Self::Values(_), _) => return "t.value".to_owned(),
            (_, Group::Link) => return "t.link_key".to_owned(),
            (_, Group::BotReason) => return "t.bot_reasons".to_owned(),
            (_, Group::BotRule) => return "t.bot_rules".to_owned(),
            (Self::Facts, _) => "t",
            (_, Group::Message) => "l",
            (Self::Links, Group::Country | Group::Device) => "t",
            (Self::Links, _) => "l",
            (Self::Events | Self::Rollup(_), _) => "t",
        };
        format!("{alias}.{}", group.key_column())
    }

    /// The expression of the key of a row. What has several values is in the row of each.
    pub fn row_key(self, group: Group) -> String {
        let value = self.value(group);
        match (self, group) {
            (Self::Values(_), _) => value,
            (_, Group::BotReason | Group::BotRule) => format!(
                "unnest(CASE cardinality({value}) WHEN 0 THEN ARRAY[NULL] ELSE {value} END)"
            ),
            _ => value,
        }
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use ledger::value_totals::{LIST_DIMENSIONS, VALUE_DIMENSIONS};

    use super::*;
    use crate::enumeration::Enumeration as _;

    #[test]
    fn days_are_summed_up_by_all_dimensions_that_only_clicks_have() {
        let groups = Group::NAMES.iter().filter_map(|name| Group::parse(name));
        let of_clicks: BTreeSet<_> = groups
            .filter(|group| group.is_of_clicks_only())
            .map(|group| group.key_column())
            .collect();
        let lists = LIST_DIMENSIONS.iter().map(|(name, _)| *name);
        assert_eq!(
            of_clicks,
            VALUE_DIMENSIONS.into_iter().chain(lists).collect()
        );
    }
}
