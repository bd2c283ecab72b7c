//! The limit of a value in the audit trail.

use serde_json::{Map, Value};

/// The longest value, as JSON: 64 KiB. An object that is longer loses its longest fields, each of
/// which is replaced by a mark with its size.
pub const MAX_VALUE_BYTES: usize = 64 * 1024;

/// The value, or as much of it as fits into [`MAX_VALUE_BYTES`]. What is left out is marked:
/// `"(cut: 123456 bytes)"`.
pub fn limit_size(value: Value) -> Value {
    let size = json_size(&value);
    if size <= MAX_VALUE_BYTES {
        return value;
    }
    match value {
        Value::Object(fields) => cut_fields(fields, size),
        _ => mark(size),
    }
}

/// Replaces the longest fields until the rest fits.
fn cut_fields(mut fields: Map<String, Value>, mut size: usize) -> Value {
    let mut sizes: Vec<_> = fields
        .iter()
        .map(|(name, value)| (json_size(value), name.clone()))
        .collect();
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    let total = size;
    for (field_size, name) in sizes {
        if size <= MAX_VALUE_BYTES {
            return Value::Object(fields);
        }
        let mark = mark(field_size);
        size = (size + json_size(&mark)).saturating_sub(field_size);
        fields.insert(name, mark);
    }
    // Only the names are left, and even they are too long.
    match size <= MAX_VALUE_BYTES {
        true => Value::Object(fields),
        false => mark(total),
    }
}

fn mark(n_bytes: usize) -> Value {
    Value::String(format!("(cut: {n_bytes} bytes)"))
}

fn json_size(value: &Value) -> usize {
    value.to_string().len()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_within_the_limit_stays_as_it_is() {
        let text = "x".repeat(MAX_VALUE_BYTES - r#"{"a":""}"#.len());
        let value = json!({ "a": text });
        assert_eq!(json_size(&value), MAX_VALUE_BYTES);
        assert_eq!(limit_size(value.clone()), value);
    }

    #[test]
    fn the_longest_fields_are_cut_and_marked() {
        let value = json!({
            "name": "a", "text": "x".repeat(50_000), "longer": ["y".repeat(60_000)],
        });
        let limited = limit_size(value);
        assert_eq!(limited["name"], "a");
        assert_eq!(limited["longer"], "(cut: 60004 bytes)");
        assert_eq!(limited["text"].as_str().unwrap().len(), 50_000);
    }

    #[test]
    fn nothing_is_longer_than_the_limit() {
        let name = |i: usize| format!("{i}{}", "n".repeat(1_000));
        let long_names: Map<_, _> = (0..100).map(|i| (name(i), json!(i))).collect();
        let many_fields: Map<_, _> = (0..5_000)
            .map(|i| (i.to_string(), json!("x".repeat(30))))
            .collect();
        for value in [
            Value::Object(long_names),
            Value::Object(many_fields),
            json!("x".repeat(70_000)),
            json!(vec!["x"; 70_000]),
        ] {
            assert!(json_size(&limit_size(value)) <= MAX_VALUE_BYTES);
        }
    }
}
