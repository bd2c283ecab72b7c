//! The filters of a report: conditions that everything that is counted must meet.

use super::group::Group;
use crate::{
    db::filters::{FilterTarget, require},
    error::ApiError,
    fields::filter_values::{ValueKind, parse_filter_values},
    http::RequestContext,
};

/// Conditions that everything that is counted must meet. `None` is no condition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filters {
    pub offer_id: Option<String>,
    pub list_id: Option<i64>,
    pub creative_id: Option<i64>,
    pub campaign_id: Option<String>,
    pub country: Option<String>,
    pub device: Option<String>,
    /// The links with the id of the query: none if there is no such link.
    pub link_keys: Option<Vec<i64>>,
    pub message_id: Option<String>,
    /// All other conditions: several values, values that are left out, and dimensions that only
    /// clicks have.
    pub conditions: Vec<Condition>,
}

/// One of some values of a dimension, or none of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    pub group: Group,
    /// The empty text is what has no value.
    pub values: Vec<String>,
    pub is_excluded: bool,
}

impl Condition {
    /// Whether a value meets the condition.
    pub fn is_met_by(&self, value: &str) -> bool {
        self.values.iter().any(|one| one == value) != self.is_excluded
    }
}

impl Filters {
    /// Whether everything meets them.
    pub fn are_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether clicks have to be read one by one, since the totals do not have a dimension.
    pub fn need_clicks(&self) -> bool {
        let mut conditions = self.conditions.iter();
        conditions.any(|condition| condition.group.is_of_clicks_only())
    }

    /// Whether there is a condition on a dimension, of either kind.
    pub fn has_condition_on(&self, group: Group) -> bool {
        let has_value = match group {
            Group::Offer => self.offer_id.is_some(),
            Group::List => self.list_id.is_some(),
            Group::Creative => self.creative_id.is_some(),
            Group::Campaign => self.campaign_id.is_some(),
            Group::Country => self.country.is_some(),
            Group::Device => self.device.is_some(),
            _ => false,
        };
        has_value || self.conditions.iter().any(|c| c.group == group)
    }

    /// Adds a filter of the query: `included` are the values of the parameter with the name of the
    /// dimension, `excluded` those of the parameter with `.not`.
    pub fn add(
        &mut self,
        group: Group,
        included: Option<&str>,
        excluded: Option<&str>,
    ) -> Result<(), ApiError> {
        if let Some(text) = included {
            let values = parse_filter_values(value_kind(group), group.key_column(), text)?;
            match &values[..] {
                [value] if !value.is_empty() && !group.is_of_clicks_only() => {
                    self.set_value(group, value);
                }
                _ => self.conditions.push(Condition {
                    group,
                    values,
                    is_excluded: false,
                }),
            }
        }
        if let Some(text) = excluded {
            let field = excluding_parameter(group);
            let values = parse_filter_values(value_kind(group), &field, text)?;
            self.conditions.push(Condition {
                group,
                values,
                is_excluded: true,
            });
        }
        Ok(())
    }

    /// Fails if a filter names what the account does not have.
    pub async fn require_known(&self, context: RequestContext<'_>) -> Result<(), ApiError> {
        for (group, target) in [
            (Group::Offer, FilterTarget::Offer),
            (Group::List, FilterTarget::List),
            (Group::Creative, FilterTarget::Creative),
            (Group::Campaign, FilterTarget::Campaign),
        ] {
            for (field, value) in self.values_of(group) {
                let (db, account_id) = (context.db, context.caller.account_id);
                match value.parse::<i64>() {
                    Ok(id) if group.has_number() => {
                        require(db, account_id, target, &field, &Some(id)).await?;
                    }
                    _ => require(db, account_id, target, &field, &Some(value)).await?,
                }
            }
        }
        Ok(())
    }

    /// The values of all filters on a dimension, each with its parameter.
    fn values_of(&self, group: Group) -> Vec<(String, String)> {
        let one = match group {
            Group::Offer => self.offer_id.clone(),
            Group::List => self.list_id.map(|id| id.to_string()),
            Group::Creative => self.creative_id.map(|id| id.to_string()),
            Group::Campaign => self.campaign_id.clone(),
            _ => None,
        };
        let conditions = self.conditions.iter().filter(|c| c.group == group);
        let several = conditions.flat_map(|condition| {
            let field = match condition.is_excluded {
                true => excluding_parameter(group),
                false => group.key_column().to_owned(),
            };
            let values = condition.values.iter().filter(|value| !value.is_empty());
            values.map(move |value| (field.clone(), value.clone()))
        });
        let one = one.map(|value| (group.key_column().to_owned(), value));
        one.into_iter().chain(several).collect()
    }

    fn set_value(&mut self, group: Group, value: &str) {
        let text = Some(value.to_owned());
        match group {
            Group::Offer => self.offer_id = text,
            Group::List => self.list_id = value.parse().ok(),
            Group::Creative => self.creative_id = value.parse().ok(),
            Group::Campaign => self.campaign_id = text,
            Group::Country => self.country = text,
            Group::Device => self.device = text,
            _ => {}
        }
    }
}

/// The parameter of a query with the values to leave out.
fn excluding_parameter(group: Group) -> String {
    format!("{}.not", group.key_column())
}

/// What the values of a filter on a dimension are.
fn value_kind(group: Group) -> ValueKind {
    match group {
        Group::List | Group::Creative | Group::Network => ValueKind::Number,
        Group::Country => ValueKind::Country,
        Group::Language => ValueKind::Language,
        Group::BotReason => ValueKind::BotReason,
        _ => ValueKind::Text,
    }
}

#[cfg(test)]
mod tests {
    use super::{super::request::PerformanceQuery, *};
    use crate::{enumeration::Enumeration as _, http::QueryParameters as _};

    #[test]
    fn one_value_of_a_dimension_of_the_totals_is_no_condition() {
        let mut filters = Filters::default();
        filters.add(Group::Country, Some("us"), None).unwrap();
        filters.add(Group::List, Some("42"), None).unwrap();
        assert_eq!(filters.country.as_deref(), Some("US"));
        assert_eq!(filters.list_id, Some(42));
        assert!(filters.conditions.is_empty() && !filters.need_clicks());
        filters.add(Group::Device, None, Some("mobile")).unwrap();
        assert_eq!(filters.conditions.len(), 1);
        assert!(!filters.need_clicks());
        assert!(!filters.conditions[0].is_met_by("mobile"));
        assert!(filters.conditions[0].is_met_by(""));
        filters.add(Group::Sub1, Some("a"), None).unwrap();
        assert!(filters.need_clicks());
    }

    #[test]
    fn each_filter_has_two_parameters_with_the_name_of_its_column() {
        let names: Vec<_> = PerformanceQuery::parameters()
            .iter()
            .map(|parameter| parameter.name)
            .collect();
        let filtered: Vec<_> = names
            .iter()
            .filter_map(|name| name.strip_suffix(".not"))
            .collect();
        assert_eq!(filtered.len(), 20);
        for name in filtered {
            assert!(names.contains(&name), "{name}");
            let is_column = |group: &Group| group.key_column() == name;
            let mut groups = Group::NAMES.iter().filter_map(|name| Group::parse(name));
            let group = groups.find(is_column).expect(name);
            assert_eq!(excluding_parameter(group), format!("{name}.not"));
        }
    }
}
