//! From the text of a JSON body to the argument of a handler.

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_path_to_error::{Path, Segment};

use super::{
    json,
    names::fold,
    path::{PathStep, value_at},
    shape::BodyShape,
    type_error::type_error,
    unknown_fields::UnknownFields,
};
use crate::error::{ApiError, FieldError};

/// A JSON body whose fields have their documented names.
#[derive(Debug, Default)]
pub struct PreparedBody {
    pub value: Value,
    pub unknown_fields: UnknownFields,
    /// Whether a field was sent by another name, which answers have for it.
    pub has_alias: bool,
}

impl PreparedBody {
    /// `aliases` are those of the shape.
    pub fn parse(
        content_type: &str,
        body: &[u8],
        shape: &BodyShape,
        aliases: &[(&str, &str)],
    ) -> Result<Self, ApiError> {
        let mut value = json::parse(content_type, body)?;
        let is_alias = |name: &String| {
            let mut aliases = aliases.iter();
            aliases.any(|(alias, _)| fold(alias) == fold(name))
        };
        let has_alias = value
            .as_object()
            .is_some_and(|map| map.keys().any(is_alias));
        let unknown_fields = shape.normalize(&mut value)?;
        Ok(Self {
            value,
            unknown_fields,
            has_alias,
        })
    }
}

/// Deserializes a value that has the documented names. `null` is the same as an absent field.
pub fn from_value<T: DeserializeOwned>(value: &Value, shape: &BodyShape) -> Result<T, ApiError> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let steps = path_steps(error.path());
        let field = match error.path().to_string() {
            path if path == "." => "body".to_owned(),
            path => path,
        };
        let sent = value_at(value, &steps).unwrap_or(&Value::Null);
        let problem = type_error(sent, shape.at(&steps));
        let problem = problem.unwrap_or_else(|| error.into_inner().to_string());
        ApiError::InvalidField(FieldError::new(field, problem))
    })
}

fn path_steps(path: &Path) -> Vec<PathStep> {
    path.iter()
        .filter_map(|segment| match segment {
            Segment::Seq { index } => Some(PathStep::Index(*index)),
            Segment::Map { key } => Some(PathStep::Field(key.clone())),
            Segment::Enum { .. } | Segment::Unknown => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use schemars::JsonSchema;
    use serde::Deserialize;
    use serde_json::Map;

    use super::*;

    #[derive(Debug, Deserialize, JsonSchema)]
    #[serde(rename_all = "camelCase")]
    struct Example {
        list_id: Option<i64>,
        name: Option<String>,
        metadata: Option<Map<String, Value>>,
        entries: Option<Vec<Entry>>,
    }

    #[derive(Debug, Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "only its errors are of interest")]
    struct Entry {
        count: Option<u8>,
    }

    fn parse(body: &[u8]) -> Result<Example, ApiError> {
        let shape = BodyShape::new::<Example>(&[]);
        let body = PreparedBody::parse("", body, &shape, &[])?;
        from_value(&body.value, &shape)
    }

    #[rstest]
    #[case(
        b"[]",
        "body: it is an array, and an object is wanted, such as {\"name\": \"value\"}"
    )]
    #[case(
        b"7",
        "body: it is the number 7, and an object is wanted, such as {\"name\": \"value\"}"
    )]
    #[case(
        b"{\"list_id\": \"42\"}",
        "listId: it is the text \"42\", and an integer such as 42 is wanted"
    )]
    #[case(
        b"{\"listId\": 1.5}",
        "listId: it is the number 1.5, and an integer such as 42 is wanted"
    )]
    #[case(
        b"{\"name\": 5}",
        "name: it is the number 5, and a text such as \"abc\" is wanted"
    )]
    #[case(
        b"{\"metadata\": []}",
        "metadata: it is an array, and an object is wanted, such as {\"name\": \"value\"}"
    )]
    #[case(
        b"{\"entries\": [{}, {\"count\": true}]}",
        "entries[1].count: it is true, and an integer such as 42 is wanted"
    )]
    fn the_error_names_the_field_and_what_is_wanted(#[case] body: &[u8], #[case] expected: &str) {
        let Err(ApiError::InvalidField(error)) = parse(body) else {
            panic!("the body is not refused by a field");
        };
        assert_eq!(format!("{}: {}", error.field, error.message), expected);
    }

    #[test]
    fn null_is_absent() {
        let body = parse(b"{\"listId\": null, \"name\": null, \"metadata\": null}").unwrap();
        assert_eq!((body.list_id, body.name, body.metadata), (None, None, None));
        assert!(body.entries.is_none());
    }
}
