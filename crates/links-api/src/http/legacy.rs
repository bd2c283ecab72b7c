//! The former builder methods, for operations whose handlers take nothing but the context.
//! They go when no operation uses them.

use std::{ops::RangeInclusive, str::FromStr};

use actix_web::{http::Method, web::Query};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use tokio_postgres::{Row, types::ToSql};

use super::{
    body,
    context::RequestContext,
    operation::{BodySpec, Operation, Parameter, PathParameterSpec},
    paging::{MAX_PAGE, MAX_PER_PAGE, PageRequest, Pagination},
    path_parameter,
    response::Response,
};
use crate::{
    csv::{self, Csv},
    db::{ListQuery, select_page},
    error::ApiError,
    fields::timestamp,
    state::PoolKind,
};

const DEFAULT_ROWS: i64 = 1_000;
const MAX_ROWS: i64 = 10_000;

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
            description: description.into(),
            schema,
        }
    }
}

/// What the parameters of paths are: schema, and an example.
fn described_path_parameter(name: &str) -> Option<(Value, Value, &'static str)> {
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
    pub fn platform<F>(method: Method, path: &'static str, id: &'static str, handler: F) -> Self
    where
        F: for<'a> AsyncFn(RequestContext<'a>) -> Result<Response, ApiError> + Copy + 'static,
    {
        let mut operation = match method {
            Method::POST => Self::post(path, handler),
            Method::PUT => Self::put(path, handler),
            Method::PATCH => Self::patch(path, handler),
            Method::DELETE => Self::delete(path, handler),
            _ => Self::get(path, handler),
        }
        .operation_id(id);
        let names = path.split('{').skip(1);
        for name in names.filter_map(|part| part.split('}').next()) {
            let (schema, example, description) =
                described_path_parameter(name).expect("the parameter is described");
            operation.inputs.path_parameters.push(PathParameterSpec {
                name,
                description,
                schema,
                example,
            });
        }
        operation
    }

    pub fn affiliate<F>(method: Method, path: &'static str, id: &'static str, handler: F) -> Self
    where
        F: for<'a> AsyncFn(RequestContext<'a>) -> Result<Response, ApiError> + Copy + 'static,
    {
        Self::platform(method, path, id, handler).affiliate_api()
    }

    pub fn parameter(mut self, parameter: Parameter) -> Self {
        self.inputs.query_parameters.push(parameter);
        self
    }

    pub fn parameters(mut self, parameters: impl IntoIterator<Item = Parameter>) -> Self {
        self.inputs.query_parameters.extend(parameters);
        self
    }

    /// `page` and `per_page`.
    pub fn with_paging(self, default_per_page: u32) -> Self {
        let of = |max: u32, default: u32| json!({ "type": "integer", "minimum": 1, "maximum": max, "default": default });
        self.parameter(Parameter::with_schema(
            "page",
            "Which page, from 1.",
            of(MAX_PAGE, 1),
        ))
        .parameter(Parameter::with_schema(
            "per_page",
            "Entries on a page.",
            of(MAX_PER_PAGE, default_per_page),
        ))
    }

    /// `cursor`, `limit` and `format`.
    pub fn with_export_parameters(self) -> Self {
        let limit = json!({
            "type": "integer",
            "minimum": 1,
            "maximum": MAX_ROWS,
            "default": DEFAULT_ROWS,
        });
        self.pool(PoolKind::Exports)
            .parameter(Parameter::with_schema("limit", "Rows of a page.", limit))
            .parameter(Parameter::text(
                "cursor",
                "`next_cursor` of the page before; of CSV the header `X-Next-Cursor`.",
            ))
            .parameters(csv::parameters())
    }

    pub fn request_body<T: JsonSchema>(
        mut self,
        examples: impl IntoIterator<Item = Value>,
    ) -> Self {
        self.inputs.body = Some(BodySpec {
            schema: super::operation::schema_for::<T>,
            examples: examples.into_iter().collect(),
            required: Vec::new(),
        });
        self
    }
}

impl RequestContext<'_> {
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        body::parse(self.body)
    }

    /// A parameter of the path, percent-decoded. One that cannot be an id is no resource's.
    pub fn path<T: FromStr>(&self, name: &str, resource: &'static str) -> Result<T, ApiError> {
        let text = self.request.match_info().get(name).unwrap_or_default();
        path_parameter::decode(text)
            .parse()
            .map_err(|_| ApiError::NotFound(resource))
    }

    /// A parameter of the query, the first of its name. Empty is absent.
    pub fn text(&self, name: &str) -> Result<Option<String>, ApiError> {
        let pairs = Query::<Vec<(String, String)>>::from_query(self.request.query_string())
            .map_err(|error| ApiError::invalid_field("query", error.to_string()))?;
        let value = pairs.into_inner().into_iter().find(|(key, _)| key == name);
        let value = value.map(|(_, value)| value).filter(|v| !v.is_empty());
        if value.as_ref().is_some_and(|value| value.contains('\0')) {
            return Err(ApiError::invalid_field(name, "U+0000 is not allowed"));
        }
        Ok(value)
    }

    pub fn integer(&self, name: &str, range: RangeInclusive<i64>) -> Result<Option<i64>, ApiError> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        let value = text.parse().ok().filter(|value| range.contains(value));
        let (min, max) = range.into_inner();
        value.map(Some).ok_or_else(|| {
            ApiError::invalid_field(name, format!("it is not an integer from {min} to {max}"))
        })
    }

    /// A time by RFC 3339.
    pub fn time(&self, name: &str) -> Result<Option<jiff::Timestamp>, ApiError> {
        let problem = || ApiError::invalid_field(name, timestamp::NOT_A_TIME);
        let time = self
            .text(name)?
            .map(|text| timestamp::parse(&text).ok_or_else(problem));
        time.transpose()
    }

    pub fn choice(
        &self,
        name: &str,
        choices: &[&'static str],
    ) -> Result<Option<&'static str>, ApiError> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        let choice = choices.iter().find(|choice| **choice == text);
        choice.map(|choice| Some(*choice)).ok_or_else(|| {
            ApiError::invalid_field(name, format!("it is not one of {}", choices.join(", ")))
        })
    }
}

impl PageRequest {
    pub fn from_request(
        context: &RequestContext<'_>,
        default_per_page: u32,
    ) -> Result<Self, ApiError> {
        let page = context.integer("page", 1..=i64::from(MAX_PAGE))?;
        let per_page = context.integer("per_page", 1..=i64::from(MAX_PER_PAGE))?;
        let or =
            |value: Option<i64>, default| value.and_then(|v| v.try_into().ok()).unwrap_or(default);
        Ok(Self {
            number: or(page, 1),
            size: or(per_page, default_per_page),
        })
    }

    pub async fn fetch(
        self,
        context: RequestContext<'_>,
        list: ListQuery<'_>,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<(Vec<Row>, i64), ApiError> {
        select_page(context.db, list, parameters, self).await
    }

    pub fn pagination(self, total: i64) -> Pagination {
        Pagination::new(self, total)
    }
}

/// Which rows of an export are asked for, and how.
#[derive(Debug)]
pub struct Export<I> {
    /// The last row of the page before.
    pub cursor: Option<I>,
    pub limit: i64,
    /// `None` is JSON.
    pub csv: Option<Csv>,
}

impl<I: FromStr> Export<I> {
    pub fn read(context: RequestContext<'_>) -> Result<Self, ApiError> {
        let cursor = context.text("cursor")?.map(|text| {
            let problem = "it is not a value of `next_cursor`";
            text.parse()
                .map_err(|_| ApiError::invalid_field("cursor", problem))
        });
        Ok(Self {
            cursor: cursor.transpose()?,
            limit: context
                .integer("limit", 1..=MAX_ROWS)?
                .unwrap_or(DEFAULT_ROWS),
            csv: Csv::read(context)?,
        })
    }

    /// Cuts off the row that is there only if there are more; then the cursor of
    /// the next page is the last that is left.
    pub fn cut<R>(&self, rows: &mut Vec<R>, cursor: impl Fn(&R) -> String) -> Option<String> {
        let n_rows = usize::try_from(self.limit).unwrap_or(usize::MAX);
        if rows.len() <= n_rows {
            return None;
        }
        rows.truncate(n_rows);
        rows.last().map(cursor)
    }
}
