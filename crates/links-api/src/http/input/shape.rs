//! Which fields a JSON body can have: what its schema says, in the form in which bodies are
//! compared with it.

use std::collections::BTreeMap;

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::Value;

use super::{
    super::openapi_schemas::simplify,
    names::fold,
    path::{FieldPath, PathStep},
    unknown_fields::{UnknownField, UnknownFields},
};
use crate::error::ApiError;

/// The shape of a JSON value.
#[derive(Debug, Clone)]
pub enum BodyShape {
    /// An object with these fields, by the folded forms of their names.
    Object(BTreeMap<String, BodyField>),
    /// An object whose names are the client's own.
    Map(Box<BodyShape>),
    Array(Box<BodyShape>),
    /// Anything else: its schema tells what is wanted.
    Leaf(Value),
}

#[derive(Debug, Clone)]
pub struct BodyField {
    /// The documented name.
    pub name: String,
    pub shape: BodyShape,
}

impl BodyShape {
    /// The shape of a type. `aliases` are other names of fields: `(alias, name)`.
    pub fn new<T: JsonSchema>(aliases: &[(&str, &str)]) -> Self {
        let settings = SchemaSettings::draft2020_12().for_deserialize();
        let settings = settings.with(|settings| settings.inline_subschemas = true);
        let schema = T::json_schema(&mut settings.into_generator());
        let mut schema = schema.to_value();
        simplify(&mut schema);
        let mut shape = Self::from_schema(&schema);
        if let Self::Object(fields) = &mut shape {
            for (alias, name) in aliases {
                let field = fields.get(&fold(name)).expect("an alias is of a field");
                fields.insert(fold(alias), field.clone());
            }
        }
        shape
    }

    fn from_schema(schema: &Value) -> Self {
        if let Some(Value::Object(properties)) = schema.get("properties") {
            let fields = properties.iter().map(|(name, schema)| {
                let shape = Self::from_schema(schema);
                let name = name.clone();
                (fold(&name), BodyField { name, shape })
            });
            return Self::Object(fields.collect());
        }
        let inner = |name| Box::new(Self::from_schema(schema.get(name).unwrap_or(&Value::Null)));
        if schema.get("items").is_some() {
            return Self::Array(inner("items"));
        }
        if schema.get("additionalProperties").is_some() {
            return Self::Map(inner("additionalProperties"));
        }
        let variants = ["anyOf", "oneOf"].iter().find_map(|name| schema.get(*name));
        let variants = variants.and_then(Value::as_array).into_iter().flatten();
        let is_of_one_value = |shape: &Self| matches!(shape, Self::Leaf(_));
        let mut nested = variants
            .map(Self::from_schema)
            .filter(|s| !is_of_one_value(s));
        nested.next().unwrap_or_else(|| Self::Leaf(schema.clone()))
    }

    /// Gives the fields of a value their documented names, and takes out those that the shape
    /// does not have. Fails if a field is there in two spellings.
    pub fn normalize(&self, value: &mut Value) -> Result<UnknownFields, ApiError> {
        let mut unknown_fields = UnknownFields::default();
        self.normalize_at(value, &FieldPath::default(), &mut unknown_fields)?;
        Ok(unknown_fields)
    }

    fn normalize_at(
        &self,
        value: &mut Value,
        path: &FieldPath,
        unknown_fields: &mut UnknownFields,
    ) -> Result<(), ApiError> {
        match (self, value) {
            (Self::Object(fields), Value::Object(map)) => {
                for (sent_name, mut value) in std::mem::take(map) {
                    let path = path.field(&sent_name);
                    let Some(field) = fields.get(&fold(&sent_name)) else {
                        let known = fields.values().map(|field| field.name.as_str());
                        let unknown = UnknownField::new(path, &sent_name, value, known);
                        unknown_fields.0.push(unknown);
                        continue;
                    };
                    field
                        .shape
                        .normalize_at(&mut value, &path, unknown_fields)?;
                    if map.insert(field.name.clone(), value).is_some() {
                        let problem = format!("it is there twice, also as {}", field.name);
                        return Err(ApiError::invalid_field(path.to_string(), problem));
                    }
                }
            }
            (Self::Map(shape), Value::Object(map)) => {
                for (name, value) in map {
                    shape.normalize_at(value, &path.field(name), unknown_fields)?;
                }
            }
            (Self::Array(shape), Value::Array(values)) => {
                for (index, value) in values.iter_mut().enumerate() {
                    shape.normalize_at(value, &path.index(index), unknown_fields)?;
                }
            }
            // The deserialiser reports a value of another type.
            _ => {}
        }
        Ok(())
    }

    /// The shape at a path, as far as the shape goes.
    pub fn at(&self, steps: &[PathStep]) -> &Self {
        let [step, rest @ ..] = steps else {
            return self;
        };
        match (self, step) {
            (Self::Object(fields), PathStep::Field(name)) => match fields.get(&fold(name)) {
                Some(field) => field.shape.at(rest),
                None => self,
            },
            (Self::Map(shape), PathStep::Field(_)) | (Self::Array(shape), PathStep::Index(_)) => {
                shape.at(rest)
            }
            _ => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use rstest::rstest;
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Deserialize, JsonSchema)]
    #[serde(rename_all = "camelCase")]
    #[expect(dead_code, reason = "only its schema is used")]
    struct Example {
        list_id: Option<i64>,
        url: Option<String>,
        links: Option<Vec<Entry>>,
        inner: Option<Entry>,
        variables: Option<HashMap<String, String>>,
        metadata: Option<serde_json::Map<String, Value>>,
        anything: Option<Value>,
    }

    #[derive(Deserialize, JsonSchema)]
    #[expect(dead_code, reason = "only its schema is used")]
    struct Entry {
        offer_id: Option<String>,
    }

    fn shape() -> BodyShape {
        BodyShape::new::<Example>(&[("destination_url", "url")])
    }

    #[rstest]
    #[case::as_documented(json!({ "listId": 1, "url": "u" }), json!({ "listId": 1, "url": "u" }), &[])]
    #[case::other_spelling(json!({ "list_id": 1 }), json!({ "listId": 1 }), &[])]
    #[case::alias(json!({ "destinationUrl": "u" }), json!({ "url": "u" }), &[])]
    #[case::nested(
        json!({ "links": [{ "offerId": "a" }, { "offer_id": "b", "ofer": 1 }], "inner": { "x": 2 } }),
        json!({ "links": [{ "offer_id": "a" }, { "offer_id": "b" }], "inner": {} }),
        &["inner.x", "links[1].ofer"],
    )]
    #[case::own_names(
        json!({ "variables": { "listId": "a", "first_name": "b" }, "metadata": { "listId": { "a": 1 } } }),
        json!({ "variables": { "listId": "a", "first_name": "b" }, "metadata": { "listId": { "a": 1 } } }),
        &[],
    )]
    #[case::anything(json!({ "anything": { "x": [1] } }), json!({ "anything": { "x": [1] } }), &[])]
    #[case::unknown(json!({ "list": 1, "zzz": null }), json!({}), &["list", "zzz"])]
    #[case::other_types(json!({ "links": 5, "inner": [1] }), json!({ "links": 5, "inner": [1] }), &[])]
    #[case::no_object(json!([1]), json!([1]), &[])]
    fn names_are_normalized_and_unknown_ones_are_found(
        #[case] mut sent: Value,
        #[case] expected: Value,
        #[case] unknown: &[&str],
    ) {
        let unknown_fields = shape().normalize(&mut sent).unwrap();
        assert_eq!(sent, expected);
        assert_eq!(unknown_fields.paths().collect::<Vec<_>>(), unknown);
    }

    #[test]
    fn a_field_in_two_spellings_is_an_error() {
        let mut sent = json!({ "links": [{ "offerId": "a", "offer_id": "b" }] });
        let error = shape().normalize(&mut sent).unwrap_err();
        assert_eq!(
            error.to_string(),
            "The field links[0].offer_id is not valid: it is there twice, also as offer_id."
        );
    }
}
