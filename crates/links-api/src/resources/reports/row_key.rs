//! The schema of what a row of a report is about.

use schemars::JsonSchema;

/// The columns of [`Group::key_columns`], for the document: a row has those of its report's
/// dimensions, and no others. What has no value is null.
///
/// [`Group::key_columns`]: super::group::Group::key_columns
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
pub struct RowKey {
    /// A day, as in 2026-03-01.
    #[serde(skip_serializing_if = "Option::is_none")]
    date: Option<String>,
    /// The start of an hour, with the offset of the zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    hour: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    creative_id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    creative_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offer_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offer_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    list_id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    list_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    link_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    short_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    campaign_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    campaign_name: Option<String>,
    /// By ISO 3166-1 alpha-2.
    #[serde(skip_serializing_if = "Option::is_none")]
    country: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<String>,
    /// 0 to 23.
    #[serde(skip_serializing_if = "Option::is_none")]
    hour_of_day: Option<i64>,
    /// 1 (Monday) to 7.
    #[serde(skip_serializing_if = "Option::is_none")]
    weekday: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub1: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub2: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub3: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub4: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub5: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    os: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    browser: Option<String>,
    /// By ISO 639.
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<String>,
    /// By ISO 3166-2, or a name.
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    city: Option<String>,
    /// The number of an autonomous system.
    #[serde(skip_serializing_if = "Option::is_none")]
    network: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bot_reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bot_rule: Option<String>,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{super::group::Group, *};
    use crate::enumeration::Enumeration as _;

    #[test]
    fn the_schema_has_the_columns_of_all_dimensions() {
        let schema = schemars::schema_for!(RowKey).to_value();
        let properties = schema["properties"].as_object().unwrap();
        let named: BTreeSet<_> = properties.keys().map(String::as_str).collect();
        let groups = Group::NAMES.iter().filter_map(|name| Group::parse(name));
        let columns = groups.flat_map(|group| group.key_columns().iter().copied());
        assert_eq!(named, columns.collect());
    }
}
