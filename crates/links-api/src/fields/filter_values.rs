//! The values of a filter in a query: one or several, separated by commas.

use std::net::IpAddr;

use domain::{
    bot::BotReason,
    id::{ClickId, ConversionId},
};
use ipnet::IpNet;

use crate::error::ApiError;

/// The most values of one filter.
const MAX_VALUES: usize = 100;
/// The value in a query that stands for what has no value.
pub const NO_VALUE: &str = "(none)";

/// What the values of a filter are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueKind {
    Text,
    /// A text that is stored in upper case.
    Uppercase,
    /// The number of a row or of a network.
    Number,
    Country,
    Language,
    BotReason,
    /// An address, or a network.
    Address,
    ClickId,
    ConversionId,
    /// One of some names.
    Name(&'static [&'static str]),
}

/// Parses the values of a filter, which are separated by commas. A backslash makes a comma, or
/// another backslash, a part of the value. The empty text is what has no value.
pub fn parse_filter_values(
    kind: ValueKind,
    field: &str,
    text: &str,
) -> Result<Vec<String>, ApiError> {
    let mut values = vec![String::new()];
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        let last = values.last_mut();
        match (character, last) {
            (',', _) => values.push(String::new()),
            ('\\', Some(last)) => last.extend(characters.next()),
            (_, Some(last)) => last.push(character),
            (_, None) => {}
        }
    }
    if values.len() > MAX_VALUES {
        let problem = format!("it has {} values, at most 100 are allowed", values.len());
        return Err(ApiError::invalid_field(field, problem));
    }
    let n_values = values.len();
    for value in &mut values {
        if value.is_empty() {
            let problem = "it has an empty value; (none) stands for what has no value";
            return Err(ApiError::invalid_field(field, problem));
        }
        if value == NO_VALUE {
            value.clear();
            continue;
        }
        if let Err(wanted) = kind.check(value) {
            let problem = match n_values {
                1 => format!("it is {wanted}"),
                _ => format!("its value {value:?} is {wanted}"),
            };
            return Err(ApiError::invalid_field(field, problem));
        }
    }
    Ok(values)
}

impl ValueKind {
    /// Checks a value, and gives it the form in which it is stored. The error completes
    /// "it is ...".
    pub fn check(self, value: &mut String) -> Result<(), String> {
        match self {
            Self::Text => Ok(()),
            Self::Uppercase => {
                value.make_ascii_uppercase();
                Ok(())
            }
            Self::Number => match value.parse::<i64>() {
                Ok(1..) => Ok(()),
                _ => Err("not an id, which is an integer such as 42".to_owned()),
            },
            Self::Country => {
                if value.len() != 2 || !value.bytes().all(|byte| byte.is_ascii_alphabetic()) {
                    return Err("not a country by ISO 3166-1 alpha-2, as in US".to_owned());
                }
                value.make_ascii_uppercase();
                Ok(())
            }
            Self::Language => {
                value.make_ascii_lowercase();
                Ok(())
            }
            Self::BotReason => check_name(value, &BotReason::ALL.map(BotReason::as_str)),
            Self::Name(names) => check_name(value, names),
            Self::Address => {
                // An address is the network of this address alone.
                let address = value.parse::<IpAddr>().map(IpNet::from);
                let network = value.parse::<IpNet>().or(address);
                let wanted = "neither an address as in 203.0.113.7 nor a network as in \
                              203.0.113.0/24";
                let network = network.map_err(|_| wanted.to_owned())?;
                *value = network.trunc().to_string();
                Ok(())
            }
            Self::ClickId => check_id(ClickId::parse(value)),
            Self::ConversionId => check_id(ConversionId::parse(value)),
        }
    }
}

fn check_name(value: &str, names: &[&str]) -> Result<(), String> {
    match names.contains(&value) {
        true => Ok(()),
        false => Err(format!("not one of {}", names.join(", "))),
    }
}

fn check_id<T, E>(id: Result<T, E>) -> Result<(), String> {
    let wanted = "not an id as in 01a11d5c-1e7b-7123-8123-456789abcdef";
    id.map(|_| ()).map_err(|_| wanted.to_owned())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(ValueKind::Text, "a", &["a"])]
    #[case(ValueKind::Text, r"a\,b,c\\d", &["a,b", r"c\d"])]
    #[case(ValueKind::Text, "(none)", &[""])]
    #[case(ValueKind::Text, "a,(none)", &["a", ""])]
    #[case(ValueKind::Country, "us,CA", &["US", "CA"])]
    #[case(ValueKind::Number, "42", &["42"])]
    #[case(ValueKind::Language, "EN", &["en"])]
    #[case(ValueKind::Address, "203.0.113.7,2001:db8::1/32", &["203.0.113.7/32", "2001:db8::/32"])]
    #[case(ValueKind::Name(&["a", "b"]), "b", &["b"])]
    fn values_are_separated_by_commas(
        #[case] kind: ValueKind,
        #[case] text: &str,
        #[case] expected: &[&str],
    ) {
        assert_eq!(parse_filter_values(kind, "field", text).unwrap(), expected);
    }

    #[rstest]
    #[case(ValueKind::Text, "a,")]
    #[case(ValueKind::Text, ",")]
    #[case(ValueKind::Country, "usa")]
    #[case(ValueKind::Country, "U1")]
    #[case(ValueKind::Number, "x")]
    #[case(ValueKind::Number, "0")]
    #[case(ValueKind::Number, "AS123")]
    #[case(ValueKind::BotReason, "robot")]
    #[case(ValueKind::Address, "1.2.3")]
    #[case(ValueKind::ClickId, "1")]
    #[case(ValueKind::ConversionId, "1")]
    #[case(ValueKind::Name(&["a", "b"]), "c")]
    fn impossible_values_are_refused(#[case] kind: ValueKind, #[case] text: &str) {
        assert!(parse_filter_values(kind, "field", text).is_err(), "{text}");
    }

    #[test]
    fn a_filter_has_at_most_100_values() {
        let values = |n: usize| vec!["x"; n].join(",");
        let parse = |n| parse_filter_values(ValueKind::Text, "sub1", &values(n));
        assert!(parse(MAX_VALUES).is_ok());
        assert!(parse(MAX_VALUES + 1).is_err());
    }
}
