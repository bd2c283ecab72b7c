//! What differs between an object before and after a change.

use serde_json::Value;

/// Removes from both objects the fields that are equal, also in objects within them. Arrays
/// are compared as a whole.
pub fn keep_differences(before: &mut Value, after: &mut Value) {
    let (Value::Object(before), Value::Object(after)) = (before, after) else {
        return;
    };
    before.retain(|name, value| match after.get_mut(name) {
        Some(other) if other == value => {
            after.remove(name);
            false
        }
        Some(other) => {
            keep_differences(value, other);
            true
        }
        None => true,
    });
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::changed(json!({ "a": 1, "b": 2 }), json!({ "a": 1, "b": 3 }),
                    json!({ "b": 2 }), json!({ "b": 3 }))]
    #[case::unchanged(json!({ "a": 1 }), json!({ "a": 1 }), json!({}), json!({}))]
    #[case::field_added_and_removed(json!({ "a": 1 }), json!({ "b": 1 }),
                                    json!({ "a": 1 }), json!({ "b": 1 }))]
    #[case::nested(json!({ "a": { "b": 1, "c": 2 } }), json!({ "a": { "b": 1, "c": 3 } }),
                   json!({ "a": { "c": 2 } }), json!({ "a": { "c": 3 } }))]
    #[case::arrays_are_whole(json!({ "a": [1, 2] }), json!({ "a": [1, 3] }),
                             json!({ "a": [1, 2] }), json!({ "a": [1, 3] }))]
    #[case::null_is_a_value(json!({ "a": null }), json!({ "a": { "b": 1 } }),
                            json!({ "a": null }), json!({ "a": { "b": 1 } }))]
    fn only_what_differs_is_kept(
        #[case] mut before: Value,
        #[case] mut after: Value,
        #[case] expected_before: Value,
        #[case] expected_after: Value,
    ) {
        keep_differences(&mut before, &mut after);
        assert_eq!((before, after), (expected_before, expected_after));
    }
}
