//! What an operation takes and returns, for the document.

use std::borrow::Cow;

use actix_web::http::StatusCode;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::Value;

use super::{
    body::{RawRequestBody, RequestBody},
    input::BodyShape,
    path_parameter::PathParameter,
};

/// Generates the schema of a type.
pub type SchemaFn = fn(&mut SchemaGenerator) -> Schema;

/// What an operation takes from a request.
#[derive(Default)]
pub struct OperationInputs {
    pub path_parameters: Vec<PathParameterSpec>,
    pub query_parameters: Vec<Parameter>,
    pub body: Option<BodySpec>,
}

/// A parameter of the path for the document.
pub struct PathParameterSpec {
    pub name: &'static str,
    pub description: &'static str,
    pub schema: Value,
    pub example: Value,
}

/// A parameter of the query for the document.
#[derive(Debug, Clone)]
pub struct Parameter {
    pub name: &'static str,
    pub description: Cow<'static, str>,
    pub schema: Value,
}

/// A body for the document.
pub struct BodySpec {
    /// The schema of the body as JSON.
    pub schema: SchemaFn,
    pub examples: Vec<Value>,
    /// Other content types, each with an example.
    pub other_content: &'static [(&'static str, &'static str)],
    /// What fields it has, if it is JSON.
    pub json: Option<JsonBodySpec>,
    /// Fields that must be there. The schema cannot say so where creating and updating have
    /// one type, since an update may leave out any field.
    pub required: Vec<&'static str>,
}

/// How the names in a JSON body are understood.
pub struct JsonBodySpec {
    pub shape: BodyShape,
    pub aliases: &'static [(&'static str, &'static str)],
    pub entries_field: Option<&'static str>,
}

/// A response for the document.
pub struct ResponseSpec {
    pub status: StatusCode,
    pub description: &'static str,
    pub content: Content,
}

pub enum Content {
    /// JSON by a schema, with an example.
    Json(SchemaFn, Value),
    /// A body of another content type.
    Bytes(&'static str),
    Empty,
}

impl OperationInputs {
    pub fn add_path_parameter<T: PathParameter>(&mut self) {
        self.path_parameters.push(PathParameterSpec {
            name: T::NAME,
            description: T::DESCRIPTION,
            schema: T::schema(),
            example: T::example(),
        });
    }

    pub fn add_query_parameters(&mut self, parameters: Vec<Parameter>) {
        self.query_parameters.extend(parameters);
    }

    pub fn set_body<T: RequestBody>(&mut self) {
        self.body = Some(BodySpec {
            schema: schema_for::<T>,
            examples: Vec::new(),
            other_content: &[],
            json: Some(JsonBodySpec {
                shape: BodyShape::new::<T>(T::ALIASES),
                aliases: T::ALIASES,
                entries_field: T::ENTRIES_FIELD,
            }),
            required: Vec::new(),
        });
    }

    pub fn set_raw_body<T: RawRequestBody>(&mut self) {
        self.body = Some(BodySpec {
            schema: schema_for::<T::Json>,
            examples: Vec::new(),
            other_content: T::OTHER_CONTENT,
            json: None,
            required: Vec::new(),
        });
    }
}

pub fn schema_for<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}
