//! The query of a request, as a struct with a field for each parameter.
//!
//! serde reads the values and schemars describes them, each parameter by the name and the
//! comment of its field. Parameters are read in the order of the fields, so that the first
//! field that is not valid is the error. A parameter that is absent or empty is `None`. Names
//! are accepted in camelCase and in snake_case. The pipeline refuses unknown parameters, and
//! those with two values, before.

mod deserializer;

use actix_web::web::Query;
use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeOwned},
};
use serde_json::Value;

use super::operation_parts::Parameter;
use crate::error::ApiError;

/// A struct of optional parameters as the argument of a handler.
pub trait QueryParameters: DeserializeOwned + JsonSchema {
    /// The parameters for the document, in the order of the fields.
    fn parameters() -> Vec<Parameter> {
        let settings = SchemaSettings::draft2020_12().for_deserialize();
        let settings = settings.with(|settings| settings.inline_subschemas = true);
        let schema = Self::json_schema(&mut settings.into_generator());
        let names = deserializer::field_names::<Self>();
        let parameter = |name: &&'static str| {
            let schema = schema.get("properties").and_then(|all| all.get(*name));
            describe(name, schema.expect("each field has a schema").clone())
        };
        names.iter().map(parameter).collect()
    }

    fn from_query(query: &str) -> Result<Self, ApiError> {
        from_query(query)
    }
}

/// Reads the parameters of a query one by one.
pub fn from_query<T: DeserializeOwned>(query: &str) -> Result<T, ApiError> {
    let pairs = Query::<Vec<(String, String)>>::from_query(query)
        .map_err(|error| ApiError::invalid_field("query", error.to_string()))?;
    deserializer::deserialize(&pairs)
}

/// A parameter with the description and the schema of a field. `null` is taken out of the
/// schema: a query has none, and a parameter that is not required may be absent.
fn describe(name: &'static str, mut schema: Value) -> Parameter {
    let object = schema.as_object_mut().expect("no field takes everything");
    let description = object.remove("description");
    let description = description.as_ref().and_then(Value::as_str);
    let description = description.expect("each field has a comment");
    // The lines of a comment are no lines of the description.
    let description = description.replace('\n', " ");
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = &types[..] {
            object["type"] = only.clone();
        }
    }
    if let Some(Value::Array(values)) = object.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    Parameter {
        name,
        description: description.into(),
        schema,
    }
}

/// An integer from `MIN` to `MAX`. The document does not say the bounds unless the field adds
/// them, since those of ids are those of the type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BoundedInteger<const MIN: i64, const MAX: i64>(i64);

impl<const MIN: i64, const MAX: i64> BoundedInteger<MIN, MAX> {
    /// The integer, as a type that all from `MIN` to `MAX` fit into.
    pub fn get<T: TryFrom<i64>>(self) -> T {
        let Ok(integer) = T::try_from(self.0) else {
            panic!("{MIN} to {MAX} are not of the type that is asked for");
        };
        integer
    }
}

/// The number of a row in the database.
pub type IdNumber = BoundedInteger<1, { i64::MAX }>;

impl<'de, const MIN: i64, const MAX: i64> Deserialize<'de> for BoundedInteger<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let number = text.parse().ok();
        let number = number.filter(|number| (MIN..=MAX).contains(number));
        let problem = || match MAX {
            i64::MAX => "it is not an id, which is an integer such as 42".to_owned(),
            _ => format!("it is not an integer from {MIN} to {MAX}"),
        };
        number.map(Self).ok_or_else(|| de::Error::custom(problem()))
    }
}

impl<const MIN: i64, const MAX: i64> JsonSchema for BoundedInteger<MIN, MAX> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "BoundedInteger".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer" })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize, JsonSchema)]
    #[serde(rename_all = "lowercase")]
    enum Status {
        Active,
        Paused,
    }

    #[derive(Debug, PartialEq, Deserialize, JsonSchema)]
    #[serde(rename_all = "camelCase")]
    struct Example {
        /// Only these.
        status: Option<Status>,
        /// Only things of this list,
        /// whatever they are.
        list_id: Option<BoundedInteger<1, 9>>,
        /// Whether to be brief.
        #[schemars(extend("default" = false))]
        brief: Option<bool>,
        /// A text.
        name: Option<String>,
    }

    impl QueryParameters for Example {}

    #[test]
    fn parameters_are_described_by_the_fields() {
        let parameters: Vec<_> = Example::parameters()
            .into_iter()
            .map(|parameter| (parameter.name, parameter.description, parameter.schema))
            .collect();
        let integer = json!({ "type": "integer" });
        let expected = [
            (
                "status",
                "Only these.",
                json!({ "type": "string", "enum": ["active", "paused"] }),
            ),
            (
                "listId",
                "Only things of this list, whatever they are.",
                integer,
            ),
            (
                "brief",
                "Whether to be brief.",
                json!({ "type": "boolean", "default": false }),
            ),
            ("name", "A text.", json!({ "type": "string" })),
        ];
        let expected = expected.map(|(name, text, schema)| (name, text.into(), schema));
        assert_eq!(parameters, expected);
    }

    #[rstest]
    #[case::nothing("", Example { status: None, list_id: None, brief: None, name: None })]
    #[case::all("name=a%20b&brief=true&listId=9&status=paused&other=5", Example {
        status: Some(Status::Paused),
        list_id: Some(BoundedInteger(9)),
        brief: Some(true),
        name: Some("a b".into()),
    })]
    #[case::other_spelling("list_id=9", Example {
        status: None, list_id: Some(BoundedInteger(9)), brief: None, name: None,
    })]
    #[case::empty_is_absent("status=&listId=&brief=&name=&name=b", Example {
        status: None, list_id: None, brief: None, name: Some("b".into()),
    })]
    fn a_query_is_read(#[case] query: &str, #[case] expected: Example) {
        assert_eq!(Example::from_query(query).unwrap(), expected);
    }

    #[rstest]
    #[case("status=deleted", "status", "it is not one of active, paused")]
    #[case("listId=x", "listId", "it is not an integer from 1 to 9")]
    #[case("listId=10", "listId", "it is not an integer from 1 to 9")]
    #[case("brief=1", "brief", "it is not one of true, false")]
    #[case("name=%00", "name", "U+0000 is not allowed")]
    #[case::by_the_order_of_fields(
        "listId=x&status=x",
        "status",
        "it is not one of active, paused"
    )]
    fn what_is_wrong_with_a_query_is_named(
        #[case] query: &str,
        #[case] field: &str,
        #[case] message: &str,
    ) {
        let Err(ApiError::InvalidField(error)) = Example::from_query(query) else {
            panic!("{query} is not refused by a field");
        };
        assert_eq!(
            (error.field.as_str(), error.message.as_str()),
            (field, message)
        );
    }
}
