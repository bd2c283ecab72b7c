//! Conditions on rows `c` of `clicks` or `conversions`.

use domain::{
    id::{AccountId, ClickId, ConversionId},
    phone::PhoneNumber,
};
use jiff::Timestamp;
use postgres::pool::GenericClient;
use tokio_postgres::types::ToSql;

use crate::{
    db::{
        filters::{self, FilterTarget},
        links::find_keys,
    },
    error::ApiError,
    fields::filter_values::{NO_VALUE, ValueKind, parse_filter_values},
};

/// Stands for the number of a condition's parameter.
const PARAMETER: &str = "$n";

/// Conditions that a row must all meet.
#[derive(Debug, Default)]
pub struct FactFilter {
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
    conditions: Vec<Condition>,
}

#[derive(Debug)]
struct Condition {
    sql: String,
    parameter: Box<dyn ToSql + Sync + Send>,
}

/// A filter of a query: the values of the parameter with this name, and those of the parameter
/// with `.not`.
#[derive(Debug, Clone, Copy)]
pub struct FilterValues<'a> {
    field: &'static str,
    included: &'a Option<String>,
    excluded: &'a Option<String>,
}

impl<'a> FilterValues<'a> {
    pub fn new(
        field: &'static str,
        included: &'a Option<String>,
        excluded: &'a Option<String>,
    ) -> Self {
        Self {
            field,
            included,
            excluded,
        }
    }

    /// Each parameter that is given: its name, its text, and whether it excludes.
    fn given(&self) -> Vec<(String, &'a str, bool)> {
        let included = self.included.as_deref();
        let excluded = self.excluded.as_deref();
        let included = included.map(|text| (self.field.to_owned(), text, false));
        let excluded = excluded.map(|text| (format!("{}.not", self.field), text, true));
        included.into_iter().chain(excluded).collect()
    }
}

impl FactFilter {
    pub fn from_period(from: Option<Timestamp>, to: Option<Timestamp>) -> Self {
        Self {
            from,
            to,
            conditions: Vec::new(),
        }
    }

    /// Whether all rows of the account meet it.
    pub fn is_empty(&self) -> bool {
        self.from.is_none() && self.to.is_none() && self.conditions.is_empty()
    }

    /// The conditions, each behind `AND`, with parameters from `$first` on.
    pub fn sql(&self, first: usize) -> String {
        let conditions = self.conditions.iter().zip(first..);
        let conditions = conditions.map(|(condition, number)| {
            let sql = condition.sql.replace(PARAMETER, &format!("${number}"));
            format!(" AND ({sql})")
        });
        conditions.collect()
    }

    pub fn parameters(&self) -> impl Iterator<Item = &(dyn ToSql + Sync)> {
        let conditions = self.conditions.iter();
        conditions.map(|condition| &*condition.parameter as &(dyn ToSql + Sync))
    }

    /// Adds a filter on a column.
    pub fn add(
        &mut self,
        column: &str,
        kind: ValueKind,
        values: FilterValues<'_>,
    ) -> Result<(), ApiError> {
        for (field, text, is_excluded) in values.given() {
            let values = parse_filter_values(kind, &field, text)?;
            self.push(column, kind, values, is_excluded);
        }
        Ok(())
    }

    /// Adds a filter on a column of phone numbers.
    pub fn add_phones(&mut self, column: &str, values: FilterValues<'_>) -> Result<(), ApiError> {
        for (field, text, is_excluded) in values.given() {
            let phones = parse_filter_values(ValueKind::Text, &field, text)?;
            let mut given = phones.iter().filter(|phone| !phone.is_empty());
            if given.any(|phone| PhoneNumber::parse(phone).is_none()) {
                return Err(ApiError::InvalidPhone(values.field));
            }
            self.push(column, ValueKind::Text, phones, is_excluded);
        }
        Ok(())
    }

    /// Adds a filter on a column with the ids of what the account has. Fails if it does not have
    /// one of them.
    pub async fn add_known(
        &mut self,
        client: &impl GenericClient,
        account_id: AccountId,
        (column, target): (&str, FilterTarget),
        values: FilterValues<'_>,
    ) -> Result<(), ApiError> {
        let kind = target.value_kind();
        for (field, text, is_excluded) in values.given() {
            let ids = parse_filter_values(kind, &field, text)?;
            for id in ids.iter().filter(|id| !id.is_empty()) {
                match id.parse::<i64>() {
                    Ok(id) if kind == ValueKind::Number => {
                        filters::require(client, account_id, target, &field, &Some(id)).await?;
                    }
                    _ => filters::require(client, account_id, target, &field, &Some(id)).await?,
                }
            }
            self.push(column, kind, ids, is_excluded);
        }
        Ok(())
    }

    /// Adds a filter on a column with the keys of links, by their ids. Fails if the account does
    /// not have one of them.
    pub async fn add_links(
        &mut self,
        client: &impl GenericClient,
        account_id: AccountId,
        column: &str,
        values: FilterValues<'_>,
    ) -> Result<(), ApiError> {
        for (field, text, is_excluded) in values.given() {
            let mut keys = Vec::new();
            for id in parse_filter_values(ValueKind::Text, &field, text)? {
                if id.is_empty() {
                    keys.push(String::new());
                    continue;
                }
                let found = find_keys(client, account_id, &id).await?;
                if found.is_empty() {
                    return Err(filters::unknown_link(&field));
                }
                keys.extend(found.iter().map(ToString::to_string));
            }
            self.push(column, ValueKind::Number, keys, is_excluded);
        }
        Ok(())
    }

    /// Adds a filter on a column that is an array of names: rows have one of the values.
    pub fn add_names(
        &mut self,
        column: &str,
        kind: ValueKind,
        values: FilterValues<'_>,
    ) -> Result<(), ApiError> {
        for (field, text, is_excluded) in values.given() {
            let names = parse_filter_values(kind, &field, text)?;
            self.push_names(column, names, is_excluded);
        }
        Ok(())
    }

    /// Adds a filter on a part of a text, in either case. The text is not divided at commas,
    /// which user agents and addresses of pages have.
    pub fn add_part(&mut self, column: &str, values: FilterValues<'_>) {
        for (_, text, is_excluded) in values.given() {
            self.push_part(column, text, is_excluded);
        }
    }

    pub fn push_part(&mut self, column: &str, part: &str, is_excluded: bool) {
        let has_part = match part {
            // The parameter has to be there, and is empty.
            NO_VALUE => format!("coalesce({column}, {PARAMETER}::text) = ''"),
            _ => format!("coalesce(strpos(lower({column}), lower({PARAMETER}::text)) > 0, false)"),
        };
        let part = match part {
            NO_VALUE => "",
            part => part,
        };
        let sql = match is_excluded {
            true => format!("NOT {has_part}"),
            false => has_part,
        };
        self.push_condition(sql, part.to_owned());
    }

    /// Adds a condition whose parameter is a value to compare with.
    pub fn push_comparison(&mut self, expression: &str, value: impl ToSql + Sync + Send + 'static) {
        self.push_condition(format!("{expression} {PARAMETER}"), value);
    }

    /// Adds a condition on a column that has one of the values.
    pub fn push_array<T: ToSql + Sync + Send + 'static>(&mut self, column: &str, values: Vec<T>)
    where
        Vec<T>: ToSql,
    {
        self.push_condition(format!("{column} = ANY ({PARAMETER})"), values);
    }

    /// Adds a condition on an array of names. The empty text is an empty array.
    pub fn push_names(&mut self, column: &str, mut names: Vec<String>, is_excluded: bool) {
        let n_values = names.len();
        names.retain(|name| !name.is_empty());
        let mut sql = format!("{column} && {PARAMETER}::text[]");
        if names.len() < n_values {
            sql = format!("{sql} OR cardinality({column}) = 0");
        }
        if is_excluded {
            sql = format!("NOT ({sql})");
        }
        self.push_condition(sql, names);
    }

    /// Adds a condition on a column: it has one of the values, or none of them. The empty text is
    /// NULL. The values are valid.
    pub fn push(
        &mut self,
        column: &str,
        kind: ValueKind,
        mut values: Vec<String>,
        is_excluded: bool,
    ) {
        let n_values = values.len();
        values.retain(|value| !value.is_empty());
        let with_null = values.len() < n_values;
        let is_listed = match kind {
            ValueKind::Address => format!("{column} <<= ANY ({PARAMETER}::text[]::inet[])"),
            _ => format!("{column} = ANY ({PARAMETER})"),
        };
        let sql = match (is_excluded, with_null) {
            (false, false) => is_listed,
            (false, true) => format!("{is_listed} OR {column} IS NULL"),
            (true, false) => format!("({is_listed}) IS NOT TRUE"),
            (true, true) => format!("({is_listed}) IS FALSE AND {column} IS NOT NULL"),
        };
        match kind {
            ValueKind::Number => {
                let numbers: Vec<i64> = values.iter().flat_map(|value| value.parse()).collect();
                self.push_condition(sql, numbers);
            }
            ValueKind::ClickId => {
                let ids = values.iter().flat_map(|value| ClickId::parse(value));
                let ids: Vec<_> = ids.map(|id| id.as_uuid()).collect();
                self.push_condition(sql, ids);
            }
            ValueKind::ConversionId => {
                let ids = values.iter().flat_map(|value| ConversionId::parse(value));
                let ids: Vec<_> = ids.map(|id| id.as_uuid()).collect();
                self.push_condition(sql, ids);
            }
            _ => self.push_condition(sql, values),
        }
    }

    fn push_condition(&mut self, sql: String, parameter: impl ToSql + Sync + Send + 'static) {
        self.conditions.push(Condition {
            sql,
            parameter: Box::new(parameter),
        });
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("a,b", false, "c.sub1 = ANY ($3)")]
    #[case("a,(none)", false, "c.sub1 = ANY ($3) OR c.sub1 IS NULL")]
    #[case("a", true, "(c.sub1 = ANY ($3)) IS NOT TRUE")]
    #[case("(none)", true, "(c.sub1 = ANY ($3)) IS FALSE AND c.sub1 IS NOT NULL")]
    fn a_filter_is_a_condition(
        #[case] text: &str,
        #[case] is_excluded: bool,
        #[case] expected: &str,
    ) {
        let text = Some(text.to_owned());
        let (included, excluded) = match is_excluded {
            true => (&None, &text),
            false => (&text, &None),
        };
        let values = FilterValues::new("sub1", included, excluded);
        let mut filter = FactFilter::default();
        assert!(filter.is_empty());
        filter.add("c.sub1", ValueKind::Text, values).unwrap();
        assert!(!filter.is_empty());
        assert_eq!(filter.sql(3), format!(" AND ({expected})"));
        assert_eq!(filter.parameters().count(), 1);
    }
}
