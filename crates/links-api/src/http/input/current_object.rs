//! An object that a client has read, changed and sends back: its read-only fields are accepted
//! as long as they are unchanged.

use serde_json::Value;

use super::{
    names::fold,
    path::{PathStep, field, value_at},
    unknown_fields::UnknownFields,
};
use crate::error::ApiError;

/// Fields that each change of an object changes, so that a value that was read is soon old.
const ALWAYS_CHANGING: [&str; 1] = ["updatedat"];

/// Takes out of a body what leaves the object `current` as it is: read-only fields with their
/// current values, and fields that were sent by one of `aliases` (`(alias, name)`, where answers
/// show the alias). Fails if a read-only field has another value.
pub fn remove_unchanged(
    body: &mut Value,
    unknown_fields: &mut UnknownFields,
    aliases: &[(&str, &str)],
    current: &Value,
) -> Result<(), ApiError> {
    for (alias, name) in aliases {
        let shown = field(current, alias);
        if shown.is_some()
            && body.get(*name) == shown
            && let Value::Object(map) = body
        {
            map.remove(*name);
        }
    }
    let mut changed = None;
    unknown_fields.0.retain(|unknown| {
        let Some(current) = value_at(current, unknown.path.steps()) else {
            return true;
        };
        let always_changes = match unknown.path.steps() {
            [PathStep::Field(name)] => ALWAYS_CHANGING.contains(&fold(name).as_str()),
            _ => false,
        };
        if *current != unknown.value && !always_changes {
            changed.get_or_insert_with(|| unknown.path.to_string());
        }
        false
    });
    changed.map_or(Ok(()), |field| Err(ApiError::ReadOnlyField(field)))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use schemars::JsonSchema;
    use serde::Deserialize;
    use serde_json::json;

    use super::{super::shape::BodyShape, *};

    #[derive(Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "only its schema is used")]
    struct Change {
        name: Option<String>,
        url: Option<String>,
    }

    const ALIASES: [(&str, &str); 1] = [("destinationUrl", "url")];

    #[rstest]
    #[case::nothing_else(json!({ "name": "b" }), Ok(json!({ "name": "b" })))]
    #[case::all_unchanged(
        json!({ "id": 5, "name": "a", "destination_url": "https://a", "updatedAt": "old" }),
        Ok(json!({ "name": "a" })),
    )]
    #[case::alias_changed(json!({ "destinationUrl": "https://b" }), Ok(json!({ "url": "https://b" })))]
    #[case::read_only_changed(json!({ "id": 6 }), Err("id"))]
    #[case::unknown_stays(json!({ "zzz": 6 }), Ok(json!({})))]
    fn unchanged_fields_are_taken_out(
        #[case] mut body: Value,
        #[case] expected: Result<Value, &str>,
    ) {
        let current = json!({
            "id": 5, "name": "a", "destinationUrl": "https://a", "updatedAt": "new",
        });
        let has_unknown = body.get("zzz").is_some();
        let shape = BodyShape::new::<Change>(&ALIASES);
        let mut unknown_fields = shape.normalize(&mut body).unwrap();
        let result = remove_unchanged(&mut body, &mut unknown_fields, &ALIASES, &current);
        match (result, expected) {
            (Ok(()), Ok(expected)) => assert_eq!(body, expected),
            (Err(ApiError::ReadOnlyField(field)), Err(expected)) => assert_eq!(field, expected),
            (result, expected) => panic!("{result:?} is not {expected:?}"),
        }
        assert_eq!(!unknown_fields.0.is_empty(), has_unknown);
    }
}
