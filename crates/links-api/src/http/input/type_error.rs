//! Sentences about values of the wrong type: what was sent, and what is wanted.

use serde_json::Value;

use super::shape::BodyShape;

/// Characters of a text that a sentence shows.
const EXCERPT_CHARS: usize = 40;

/// Completes "The field ... is not valid: ", if the value is not of the shape's type.
pub fn type_error(value: &Value, shape: &BodyShape) -> Option<String> {
    let wanted = match (shape, value) {
        (BodyShape::Object(_) | BodyShape::Map(_), Value::Object(_))
        | (BodyShape::Array(_), Value::Array(_)) => return None,
        (BodyShape::Object(_) | BodyShape::Map(_), _) => {
            "an object is wanted, such as {\"name\": \"value\"}".to_owned()
        }
        (BodyShape::Array(inner), _) => {
            let entry = match **inner {
                BodyShape::Leaf(_) | BodyShape::Array(_) => "\"abc\"",
                BodyShape::Object(_) | BodyShape::Map(_) => "{\"name\": \"value\"}",
            };
            format!("an array is wanted, such as [{entry}]")
        }
        (BodyShape::Leaf(schema), value) => wanted_by(schema, value)?,
    };
    Some(format!("it is {}, and {wanted}", describe_value(value)))
}

/// What a value is, in the words of a sentence: `the text "abc"`.
pub fn describe_value(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) if text.chars().count() > EXCERPT_CHARS => {
            let excerpt: String = text.chars().take(EXCERPT_CHARS).collect();
            format!("a text that begins with {excerpt:?}")
        }
        Value::String(text) => format!("the text {text:?}"),
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

fn wanted_by(schema: &Value, value: &Value) -> Option<String> {
    let forms = wanted_forms(schema, value)?;
    Some(format!("{} is wanted", forms.join(" or ")))
}

/// What a schema takes, each with an example. `None` if it takes the value, or does not say.
fn wanted_forms(schema: &Value, value: &Value) -> Option<Vec<String>> {
    let variants = ["anyOf", "oneOf"].iter().find_map(|name| schema.get(*name));
    if let Some(Value::Array(variants)) = variants {
        let forms = variants.iter().map(|variant| wanted_forms(variant, value));
        let forms: Vec<_> = forms.collect::<Option<Vec<_>>>()?.concat();
        return Some(forms).filter(|forms| !forms.is_empty());
    }
    let types: Vec<&str> = match schema.get("type")? {
        Value::String(name) => vec![name],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => return None,
    };
    if let Some(Value::Array(values)) = schema.get("enum") {
        return (!values.contains(value)).then(|| vec![wanted_name(values)]);
    }
    let is_of_type = |name: &&str| match *name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => true,
    };
    if types.iter().any(is_of_type) {
        return None;
    }
    let format = schema.get("format").and_then(Value::as_str);
    let pattern = schema.get("pattern").and_then(Value::as_str);
    let is_phone = pattern.is_some_and(|pattern| pattern.contains(r"\+[1-9]"));
    let wanted = types
        .into_iter()
        .filter(|name| *name != "null")
        .map(|name| match (name, format) {
            ("boolean", _) => "true or false",
            ("integer", _) => "an integer such as 42",
            ("number", _) => "a number such as 12.5",
            ("string", Some("date-time")) => "a time such as \"2030-01-31T00:00:00Z\"",
            ("string", Some("uri")) => "a URL such as \"https://example.com/page\"",
            ("string", _) if is_phone => "a phone number such as \"+18005551234\"",
            ("string", _) => "a text such as \"abc\"",
            ("array", _) => "an array",
            _ => "an object",
        });
    Some(wanted.map(str::to_owned).collect())
}

/// The names of an enumeration. An empty one clears the value, and no name is null.
fn wanted_name(values: &[Value]) -> String {
    let names = values.iter().filter_map(Value::as_str);
    let names: Vec<_> = names.filter(|name| !name.is_empty()).collect();
    match &names[..] {
        [] => "an empty text".to_owned(),
        [name] => format!("{name:?}"),
        names => format!("one of {}", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case(json!({ "type": ["integer", "null"] }), json!("42"),
        Some("it is the text \"42\", and an integer such as 42 is wanted"))]
    #[case(json!({ "type": "integer" }), json!(1.5),
        Some("it is the number 1.5, and an integer such as 42 is wanted"))]
    #[case(json!({ "type": "boolean" }), json!("true"),
        Some("it is the text \"true\", and true or false is wanted"))]
    #[case(json!({ "type": "string", "format": "date-time" }), json!(1767225600),
        Some("it is the number 1767225600, and a time such as \"2030-01-31T00:00:00Z\" is wanted"))]
    #[case(json!({ "type": ["string", "null"], "enum": ["active", "paused", "", null] }), json!("on"),
        Some("it is the text \"on\", and one of active, paused is wanted"))]
    #[case(json!({ "type": ["string", "number"] }), json!([]),
        Some("it is an array, and a text such as \"abc\" or a number such as 12.5 is wanted"))]
    #[case(json!({ "anyOf": [{ "type": "boolean" }, { "type": "string", "enum": [""] }, { "type": "null" }] }),
        json!("no"), Some("it is the text \"no\", and true or false or an empty text is wanted"))]
    #[case(json!({ "anyOf": [{ "type": "boolean" }, { "type": "null" }] }), Value::Null, None)]
    #[case(json!({ "type": "string" }), json!("any"), None)]
    #[case(json!(true), json!("any"), None)]
    fn the_sentence_says_what_is_there_and_what_is_wanted(
        #[case] schema: Value,
        #[case] value: Value,
        #[case] expected: Option<&str>,
    ) {
        assert_eq!(
            type_error(&value, &BodyShape::Leaf(schema)).as_deref(),
            expected
        );
    }
}
