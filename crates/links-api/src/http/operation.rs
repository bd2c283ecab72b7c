//! The declaration of an operation.

use std::rc::Rc;

use actix_web::http::{Method, StatusCode};
use futures_util::future::LocalBoxFuture;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Value, json};

use super::{context::RequestContext, export, response::Response};
use crate::{
    auth::Scope,
    csv,
    error::{ApiError, ApiFamily},
    state::PoolKind,
};

/// A handler: it runs in a transaction that is committed if it succeeds.
pub type Handler =
    Rc<dyn for<'a> Fn(RequestContext<'a>) -> LocalBoxFuture<'a, Result<Response, ApiError>>>;

/// Where the schema of a type comes from.
pub type SchemaFn = fn(&mut SchemaGenerator) -> Schema;

/// One method of one path.
pub struct Operation {
    pub method: Method,
    /// Relative to the base paths of its API: `/links/{link_id}`.
    pub path: &'static str,
    pub family: ApiFamily,
    /// `<verb>_<resource>`.
    pub id: &'static str,
    pub tag: &'static str,
    pub summary: &'static str,
    pub description: &'static str,
    pub scope: Scope,
    pub parameters: Vec<Parameter>,
    pub body: Option<Body>,
    pub responses: Vec<ResponseSpec>,
    /// Beside those that every operation of its kind has.
    pub errors: Vec<ApiError>,
    pub handler: Handler,
    pub pool: PoolKind,
    /// A GET that changes something, for callers that know no other method; their
    /// key may stand in the query.
    pub has_side_effects: bool,
}

/// A JSON body as it is documented.
pub struct Body {
    pub schema: SchemaFn,
    pub examples: Vec<Value>,
    /// Fields that may not be absent: what can be changed field by field has
    /// one type for both.
    pub required: Vec<&'static str>,
}

/// An answer as it is documented.
pub struct ResponseSpec {
    pub status: StatusCode,
    pub description: &'static str,
    pub content: Content,
}

pub enum Content {
    Json(SchemaFn, Value),
    /// A content type of its own.
    Bytes(&'static str),
    Empty,
}

/// A parameter of the query.
#[derive(Debug, Clone)]
pub struct Parameter {
    pub name: &'static str,
    pub description: &'static str,
    pub schema: Value,
}

impl Parameter {
    pub fn text(name: &'static str, description: &'static str) -> Self {
        Self::with_schema(name, description, json!({ "type": "string" }))
    }

    pub fn integer(name: &'static str, description: &'static str) -> Self {
        Self::with_schema(name, description, json!({ "type": "integer" }))
    }

    pub fn choice(name: &'static str, description: &'static str, of: &[&str]) -> Self {
        Self::with_schema(name, description, json!({ "type": "string", "enum": of }))
    }

    pub fn with_schema(name: &'static str, description: &'static str, schema: Value) -> Self {
        Self {
            name,
            description,
            schema,
        }
    }
}

/// What the parameters of paths are: schema, and an example.
pub fn path_parameter(name: &str) -> Option<(Value, Value, &'static str)> {
    let integer = json!({ "type": "integer", "format": "int64" });
    let text = |pattern: &str| json!({ "type": "string", "pattern": pattern });
    Some(match name {
        "link_id" => (
            text("^[A-Za-z0-9_-]{3,64}$"),
            json!("Ab3kX9q"),
            "The link's short id.",
        ),
        "affiliate_link_id" => (
            text("^lnk_[A-Za-z0-9]{8}$"),
            json!("lnk_x7kQ2mNp"),
            "The campaign link's id.",
        ),
        "campaign_id" => (
            text("^camp_[A-Za-z0-9]{1,32}$"),
            json!("camp_abc123"),
            "The campaign's id.",
        ),
        "offer_id" => (
            text("^[0-9a-f]{24}$"),
            json!("6789abcd1234ef5678901234"),
            "The offer's id.",
        ),
        "creative_id" => (integer, json!(101), "The creative's id."),
        "list_id" => (integer, json!(42), "The sending list's id."),
        "domain_id" => (integer, json!(7), "The domain's id."),
        "account_id" => (integer, json!(1), "The account's id."),
        "message_id" => (
            json!({ "type": "string", "minLength": 1, "maxLength": 255 }),
            json!("m-1"),
            "The message's id.",
        ),
        "phone" => (
            text(r"^\+[1-9][0-9]{6,14}$"),
            json!("+18005550100"),
            "The contact's number in E.164.",
        ),
        "key_id" => (integer, json!(3), "The API key's id."),
        _ => return None,
    })
}

impl Operation {
    /// An operation of the v2 API.
    pub fn platform<F>(method: Method, path: &'static str, id: &'static str, handler: F) -> Self
    where
        F: for<'a> AsyncFn(RequestContext<'a>) -> Result<Response, ApiError> + Copy + 'static,
    {
        Self::new(ApiFamily::V2, method, path, id, handler)
    }

    /// An operation of the affiliate API.
    pub fn affiliate<F>(method: Method, path: &'static str, id: &'static str, handler: F) -> Self
    where
        F: for<'a> AsyncFn(RequestContext<'a>) -> Result<Response, ApiError> + Copy + 'static,
    {
        Self::new(ApiFamily::Affiliate, method, path, id, handler)
    }

    fn new<F>(
        family: ApiFamily,
        method: Method,
        path: &'static str,
        id: &'static str,
        handler: F,
    ) -> Self
    where
        F: for<'a> AsyncFn(RequestContext<'a>) -> Result<Response, ApiError> + Copy + 'static,
    {
        Self {
            method,
            path,
            family,
            id,
            tag: "",
            summary: "",
            description: "",
            scope: Scope::Admin,
            parameters: Vec::new(),
            body: None,
            responses: Vec::new(),
            errors: Vec::new(),
            has_side_effects: false,
            pool: PoolKind::Requests,
            handler: Rc::new(move |context| Box::pin(async move { handler(context).await })),
        }
    }

    /// The scope that the API key needs.
    pub fn scope(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    /// The section of the document.
    pub fn tag(mut self, tag: &'static str) -> Self {
        self.tag = tag;
        self
    }

    /// Works with connections of another pool than most requests.
    pub fn pool(mut self, pool: PoolKind) -> Self {
        self.pool = pool;
        self
    }

    /// A GET that changes something.
    pub fn get_with_side_effects(mut self) -> Self {
        self.has_side_effects = true;
        self
    }

    pub fn summary(mut self, summary: &'static str) -> Self {
        self.summary = summary;
        self
    }

    pub fn description(mut self, description: &'static str) -> Self {
        self.description = description;
        self
    }

    pub fn parameter(mut self, parameter: Parameter) -> Self {
        self.parameters.push(parameter);
        self
    }

    pub fn parameters(mut self, parameters: impl IntoIterator<Item = Parameter>) -> Self {
        self.parameters.extend(parameters);
        self
    }

    /// `page` and `per_page`.
    pub fn with_paging(self, default_per_page: u32) -> Self {
        let of = |max: u32, default: u32| json!({ "type": "integer", "minimum": 1, "maximum": max, "default": default });
        self.parameter(Parameter::with_schema(
            "page",
            "Which page, from 1.",
            of(super::paging::MAX_PAGE, 1),
        ))
        .parameter(Parameter::with_schema(
            "per_page",
            "Entries on a page.",
            of(super::paging::MAX_PER_PAGE, default_per_page),
        ))
    }

    /// `cursor`, `limit` and `format`.
    pub fn with_export_parameters(self) -> Self {
        let limit = json!({
            "type": "integer",
            "minimum": 1,
            "maximum": export::MAX_ROWS,
            "default": export::DEFAULT_ROWS,
        });
        self.pool(PoolKind::Exports)
            .parameter(Parameter::with_schema("limit", "Rows of a page.", limit))
            .parameter(Parameter::text(
                "cursor",
                "`next_cursor` of the page before; of CSV the header `X-Next-Cursor`.",
            ))
            .parameters(csv::parameters())
    }

    /// A JSON body, with examples of it.
    pub fn request_body<T: JsonSchema>(
        mut self,
        examples: impl IntoIterator<Item = Value>,
    ) -> Self {
        self.body = Some(Body {
            schema: schema_for::<T>,
            examples: examples.into_iter().collect(),
            required: Vec::new(),
        });
        self
    }

    /// Fields of the body that may not be absent, null or empty.
    pub fn required_fields(mut self, fields: impl IntoIterator<Item = &'static str>) -> Self {
        let body = self.body.as_mut().expect("there is a body");
        body.required.extend(fields);
        self
    }

    /// A JSON answer, with an example of it.
    pub fn response<T: JsonSchema>(self, status: u16, example: Value) -> Self {
        self.response_with_content(status, "Success", Content::Json(schema_for::<T>, example))
    }

    pub fn response_with_content(
        mut self,
        status: u16,
        description: &'static str,
        content: Content,
    ) -> Self {
        self.responses.push(ResponseSpec {
            status: StatusCode::from_u16(status).expect("a status"),
            description,
            content,
        });
        self
    }

    pub fn errors(mut self, errors: impl IntoIterator<Item = ApiError>) -> Self {
        self.errors.extend(errors);
        self
    }

    /// The paths it answers at, the documented one first.
    pub fn paths(&self) -> Vec<String> {
        let bases: &[&str] = match self.family {
            ApiFamily::V2 => &["/api/v2", "/v2"],
            ApiFamily::Affiliate => &["/api"],
        };
        bases
            .iter()
            .map(|base| format!("{base}{}", self.path))
            .collect()
    }

    /// The names in the path's braces.
    pub fn path_parameters(&self) -> impl Iterator<Item = &'static str> {
        let parts = self.path.split('{').skip(1);
        parts.filter_map(|part| part.split('}').next())
    }

    /// Whether the body is looked at: that of a POST is part of what its Idempotency-Key
    /// stands for, also where the operation takes none.
    pub fn reads_body(&self) -> bool {
        self.body.is_some() || self.is_post()
    }

    /// Only these are remembered by an Idempotency-Key.
    pub fn is_post(&self) -> bool {
        self.method == Method::POST
    }
}

fn schema_for<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}
