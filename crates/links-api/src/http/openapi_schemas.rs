//! Schemas in the forms that generators of clients understand.
//!
//! `schemars` writes what JSON Schema allows. Of that, generators drop an operation whose enum
//! has no type, take a field of two types for a text, and make a class of each constant.

use serde_json::{Map, Value, json};

/// Gives a schema, and all schemas in it, the simpler forms of the same meaning:
///
/// - constants that are alternatives are one `enum`, whose description tells of each,
/// - several types are `anyOf`, each with the keywords of its own, as are the names of an enum
///   or null; any other type or null stays one,
/// - names of one pattern are `propertyNames`, and their values `additionalProperties`.
pub fn simplify(schema: &mut Value) {
    let Value::Object(map) = schema else {
        return;
    };
    for name in ["properties", "$defs"] {
        if let Some(Value::Object(schemas)) = map.get_mut(name) {
            schemas.values_mut().for_each(simplify);
        }
    }
    for name in ["items", "additionalProperties"] {
        if let Some(inner) = map.get_mut(name) {
            simplify(inner);
        }
    }
    for name in ["anyOf", "oneOf", "allOf"] {
        if let Some(Value::Array(variants)) = map.get_mut(name) {
            variants.iter_mut().for_each(simplify);
        }
    }
    merge_constants(map);
    split_types(map);
    name_by_one_pattern(map);
}

/// `{"patternProperties": {"^a": S}, "additionalProperties": false}` becomes
/// `{"additionalProperties": S, "propertyNames": {"pattern": "^a"}}`.
fn name_by_one_pattern(map: &mut Map<String, Value>) {
    let Some(Value::Object(patterns)) = map.get_mut("patternProperties") else {
        return;
    };
    let pattern = patterns.keys().next().filter(|_| patterns.len() == 1);
    if let Some(pattern) = pattern.cloned() {
        let mut schema = patterns.remove(&pattern).expect("it is there");
        simplify(&mut schema);
        map.remove("patternProperties");
        map.insert("additionalProperties".to_owned(), schema);
        map.insert("propertyNames".to_owned(), json!({ "pattern": pattern }));
    }
}

/// `{"oneOf": [{"const": "a", "description": "A."}, {"enum": ["b"]}]}` becomes
/// `{"type": "string", "enum": ["a", "b"]}` with the description "- `a`: A.".
fn merge_constants(map: &mut Map<String, Value>) {
    let Some(Value::Array(variants)) = map.get("oneOf") else {
        return;
    };
    let mut names = Vec::new();
    let mut lines = Vec::new();
    for variant in variants {
        let of_variant = match (variant.get("const"), variant.get("enum")) {
            (Some(name), _) => vec![name.clone()],
            (None, Some(Value::Array(names))) => names.clone(),
            _ => return,
        };
        if !of_variant.iter().all(Value::is_string) {
            return;
        }
        if let (Some(text), [Value::String(name)]) = (variant.get("description"), &of_variant[..]) {
            let text = text.as_str().unwrap_or_default();
            lines.push(format!("- `{name}`: {text}"));
        }
        names.extend(of_variant);
    }
    map.remove("oneOf");
    map.insert("type".to_owned(), json!("string"));
    map.insert("enum".to_owned(), Value::Array(names));
    if !lines.is_empty() {
        let before = map.get("description").and_then(Value::as_str);
        let before = before.map(|text| format!("{text}\n\n")).unwrap_or_default();
        let description = format!("{before}{}", lines.join("\n"));
        map.insert("description".to_owned(), json!(description));
    }
}

/// `{"type": ["string", "number"], "pattern": "^[0-9]$"}` becomes
/// `{"anyOf": [{"type": "string", "pattern": "^[0-9]$"}, {"type": "number"}]}`.
fn split_types(map: &mut Map<String, Value>) {
    // An option of alternatives is flat: null is one of them.
    if let Some(Value::Array(variants)) = map.get_mut("anyOf") {
        let inner = std::mem::take(variants);
        for variant in inner {
            match variant {
                Value::Object(mut only) if only.len() == 1 && only.contains_key("anyOf") => {
                    let nested = only.remove("anyOf").expect("it was there");
                    variants.extend(nested.as_array().cloned().unwrap_or_default());
                }
                variant => variants.push(variant),
            }
        }
    }
    let Some(Value::Array(types)) = map.get("type") else {
        return;
    };
    let has_names = map.contains_key("enum");
    if types.len() < 2 || types.iter().filter(|name| *name != "null").count() < 2 && !has_names {
        return;
    }
    let types = types.clone();
    map.remove("type");
    let keywords = |names: &[&str]| -> Map<String, Value> {
        let found = names.iter().filter_map(|name| {
            let value = map.get(*name)?;
            Some(((*name).to_owned(), value.clone()))
        });
        found.collect()
    };
    let variants: Vec<_> = types
        .into_iter()
        .map(|name| {
            let mut variant = match name.as_str() {
                Some("string") => keywords(&TEXT_KEYWORDS),
                Some("number" | "integer") => keywords(&NUMBER_KEYWORDS),
                _ => Map::new(),
            };
            if let Some(Value::Array(values)) = &mut variant.get_mut("enum") {
                values.retain(|value| !value.is_null());
            }
            variant.insert("type".to_owned(), name);
            Value::Object(variant)
        })
        .collect();
    for name in TEXT_KEYWORDS.iter().chain(&NUMBER_KEYWORDS) {
        map.remove(*name);
    }
    map.insert("anyOf".to_owned(), Value::Array(variants));
}

const TEXT_KEYWORDS: [&str; 5] = ["enum", "format", "pattern", "minLength", "maxLength"];
const NUMBER_KEYWORDS: [&str; 3] = ["minimum", "maximum", "multipleOf"];

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::constants(
        json!({ "oneOf": [
            { "const": "a", "type": "string", "description": "The first." },
            { "enum": ["b", "c"], "type": "string" },
        ]}),
        json!({ "type": "string", "enum": ["a", "b", "c"], "description": "- `a`: The first." }),
    )]
    #[case::constants_with_a_description(
        json!({ "description": "Letters.", "oneOf": [{ "const": "a", "description": "One." }] }),
        json!({ "type": "string", "enum": ["a"], "description": "Letters.\n\n- `a`: One." }),
    )]
    #[case::other_alternatives(
        json!({ "oneOf": [{ "const": "a" }, { "type": "object" }] }),
        json!({ "oneOf": [{ "const": "a" }, { "type": "object" }] }),
    )]
    #[case::types(
        json!({ "type": ["string", "number", "null"], "pattern": "^a", "minimum": 0, "title": "t" }),
        json!({ "title": "t", "anyOf": [
            { "type": "string", "pattern": "^a" },
            { "type": "number", "minimum": 0 },
            { "type": "null" },
        ]}),
    )]
    #[case::option(
        json!({ "anyOf": [{ "anyOf": [{ "type": "boolean" }, { "type": "string" }] }, { "type": "null" }] }),
        json!({ "anyOf": [{ "type": "boolean" }, { "type": "string" }, { "type": "null" }] }),
    )]
    #[case::names_or_null(
        json!({ "type": ["string", "null"], "enum": ["a", "", null], "description": "d" }),
        json!({ "description": "d", "anyOf": [
            { "type": "string", "enum": ["a", ""] },
            { "type": "null" },
        ]}),
    )]
    #[case::one_type_or_null(
        json!({ "type": ["string", "null"], "pattern": "^a" }),
        json!({ "type": ["string", "null"], "pattern": "^a" }),
    )]
    #[case::names_of_a_pattern(
        json!({ "patternProperties": { "^a": { "type": "string" } }, "additionalProperties": false }),
        json!({ "additionalProperties": { "type": "string" }, "propertyNames": { "pattern": "^a" } }),
    )]
    #[case::nested(
        json!({ "properties": { "a": { "items": { "type": ["string", "integer"] } } } }),
        json!({ "properties": { "a": { "items": {
            "anyOf": [{ "type": "string" }, { "type": "integer" }],
        }}}}),
    )]
    fn schemas_have_the_simpler_form(#[case] mut schema: Value, #[case] expected: Value) {
        simplify(&mut schema);
        assert_eq!(schema, expected);
    }
}
