//! The members of a JSON body as parameters.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::error::PostbackError;

/// The most levels of nesting that are read.
const MAX_DEPTH: usize = 8;

/// The members of an object, nested ones by dotted names. A number keeps its spelling, so that
/// an amount is not rounded. An array with one object in it is read as that object. Fails if the
/// text is no JSON, is nested too deeply, or is an array of several values.
pub fn members(body: &[u8]) -> Result<Vec<(String, String)>, PostbackError> {
    let value: &RawValue = serde_json::from_slice(body).map_err(|_| PostbackError::InvalidBody)?;
    let mut members = Vec::new();
    let value = match value.get().starts_with('[') {
        false => value,
        true => match parse::<Vec<&RawValue>>(value)?.as_slice() {
            [] => return Ok(members),
            [only] if only.get().starts_with('{') => only,
            _ => return Err(PostbackError::InvalidBody),
        },
    };
    add_value(&mut members, String::new(), value, 0)?;
    Ok(members)
}

/// Whether a body is one JSON value that has no members.
pub fn is_scalar(body: &[u8]) -> bool {
    matches!(
        body.first(),
        Some(b'"' | b'n' | b't' | b'f' | b'-' | b'0'..=b'9')
    ) && serde_json::from_slice::<&RawValue>(body).is_ok()
}

fn add_value(
    members: &mut Vec<(String, String)>,
    name: String,
    value: &RawValue,
    depth: usize,
) -> Result<(), PostbackError> {
    if depth > MAX_DEPTH {
        return Err(PostbackError::InvalidBody);
    }
    match value.get().as_bytes().first() {
        Some(b'{') => {
            for (key, member) in parse::<Members<'_>>(value)?.0 {
                add_value(members, child_name(&name, &key), member, depth + 1)?;
            }
        }
        Some(b'[') => {
            for (index, element) in parse::<Vec<&RawValue>>(value)?.into_iter().enumerate() {
                // Shopify, among others, sends a list of names and values.
                if let Ok(NamedValue { name: key, value }) = parse(element) {
                    add_value(members, child_name(&name, &key), value, depth + 1)?;
                } else {
                    let element_name = child_name(&name, &index.to_string());
                    add_value(members, element_name, element, depth + 1)?;
                }
            }
        }
        Some(b'"') => members.push((name, parse(value)?)),
        // The value is `null`.
        Some(b'n') => {}
        _ => members.push((name, value.get().to_owned())),
    }
    Ok(())
}

fn child_name(parent: &str, key: &str) -> String {
    match parent {
        "" => key.to_owned(),
        _ => format!("{parent}.{key}"),
    }
}

fn parse<'v, T: Deserialize<'v>>(value: &'v RawValue) -> Result<T, PostbackError> {
    serde_json::from_str(value.get()).map_err(|_| PostbackError::InvalidBody)
}

/// An element of a list of names and values.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct NamedValue<'v> {
    #[serde(alias = "key")]
    name: String,
    #[serde(borrow)]
    value: &'v RawValue,
}

/// The members of an object in the order in which they are written.
struct Members<'v>(Vec<(String, &'v RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(name) = map.next_key()? {
            members.push((name, map.next_value()?));
        }
        Ok(Members(members))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn read(body: &str) -> Result<String, PostbackError> {
        let pairs = members(body.as_bytes())?.into_iter();
        let pairs: Vec<_> = pairs
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        Ok(pairs.join(" "))
    }

    #[rstest]
    #[case("{}", "")]
    #[case("[]", "")]
    #[case(
        r#"{"b": 12.50, "a": "x", "c": null, "d": true}"#,
        "b=12.50 a=x d=true"
    )]
    #[case(r#"{"a": 1e400}"#, "a=1e400")]
    #[case(
        r#"{"order": {"id": 7, "total": {"value": 1.10}}}"#,
        "order.id=7 order.total.value=1.10"
    )]
    #[case(r#"{"items": [{"id": 1}, 2]}"#, "items.0.id=1 items.1=2")]
    #[case(
        r#"{"note_attributes": [{"name": "click_id", "value": "x"}]}"#,
        "note_attributes.click_id=x"
    )]
    #[case(r#"[{"a": 1}]"#, "a=1")]
    fn the_members_of_json_are_parameters(#[case] body: &str, #[case] expected: &str) {
        assert_eq!(read(body).as_deref(), Ok(expected));
    }

    #[rstest]
    #[case("{")]
    #[case("{'a': 1}")]
    #[case(r#"[{"a": 1}, {"a": 2}]"#)]
    #[case("[1]")]
    #[case(r#"{"a": 1} x"#)]
    fn what_is_no_object_is_refused(#[case] body: &str) {
        assert_eq!(read(body), Err(PostbackError::InvalidBody));
    }

    #[test]
    fn deep_nesting_is_refused() {
        let nested = |depth: usize| format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
        assert!(read(&nested(8)).is_ok());
        assert_eq!(read(&nested(9)), Err(PostbackError::InvalidBody));
        assert_eq!(read(&nested(5000)), Err(PostbackError::InvalidBody));
    }
}
