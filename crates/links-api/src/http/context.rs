//! What a handler gets besides its arguments: the caller, the transaction and the outbox.

use std::cell::RefCell;

use actix_web::HttpRequest;
use postgres::pool::{GenericClient as _, Transaction};

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    input::{PathStep, PreparedBody, from_value},
    operation_parts::JsonBodySpec,
};
use crate::{
    audit::AuditEntry,
    auth::Caller,
    error::{ApiError, FieldError},
    outbox::Outbox,
    state::AppState,
};

/// An authenticated request with its transaction, which the pipeline commits if the handler
/// succeeds.
#[derive(Clone, Copy)]
pub struct RequestContext<'a> {
    pub db: &'a Transaction<'a>,
    pub caller: &'a Caller,
    pub state: &'a AppState,
    /// Record changes of this transaction.
    pub outbox: &'a Outbox<'a>,
    /// The row of the audit trail.
    pub audit: &'a AuditEntry<'a>,
    pub(super) request: &'a HttpRequest,
    pub(super) body: &'a [u8],
    pub(super) json: &'a JsonInput<'a>,
}

/// The JSON body of a request, if its operation takes one.
#[derive(Default)]
pub struct JsonInput<'a> {
    pub spec: Option<&'a JsonBodySpec>,
    pub body: PreparedBody,
    /// Why the body cannot be used. It is the error of the request once the handler's arguments
    /// are extracted as far as the body.
    pub error: RefCell<Option<ApiError>>,
}

impl JsonInput<'_> {
    /// Makes an unknown field the error of the body, unless it has one already.
    pub fn check_unknown_fields(&mut self) {
        let entries_field = self.spec.and_then(|spec| spec.entries_field);
        if let Err(error) = self.body.unknown_fields.check(entries_field) {
            self.error.get_mut().get_or_insert(error);
        }
    }
}

impl RequestContext<'_> {
    /// Reads an entry of the body's [`RequestBody::ENTRIES_FIELD`]. Fails also if it has a field
    /// that is not known. The error names the field from the body on.
    ///
    /// [`RequestBody::ENTRIES_FIELD`]: super::RequestBody::ENTRIES_FIELD
    pub fn read_entry<T: DeserializeOwned>(
        &self,
        index: usize,
        entry: &Value,
    ) -> Result<T, ApiError> {
        let spec = self.json.spec.expect("the operation describes its body");
        let entries_field = spec.entries_field.expect("the body has entries");
        let unknown_fields = &self.json.body.unknown_fields;
        unknown_fields.check_entry(entries_field, index)?;
        let path = [
            PathStep::Field(entries_field.to_owned()),
            PathStep::Index(index),
        ];
        from_value(entry, spec.shape.at(&path)).map_err(|error| match error {
            ApiError::InvalidField(FieldError { field, message }) => {
                let field = match field.as_str() {
                    "body" => format!("{entries_field}[{index}]"),
                    field => format!("{entries_field}[{index}].{field}"),
                };
                ApiError::invalid_field(field, message)
            }
            other => other,
        })
    }

    /// Makes Postgres plan the rest of the transaction's queries with the values of their
    /// parameters: many conditions are about parameters that may be absent, and a plan for
    /// any values could use no index for them.
    pub async fn plan_by_values(&self) -> Result<(), ApiError> {
        let sql = "SET LOCAL plan_cache_mode = force_custom_plan";
        self.db.batch_execute(sql).await?;
        Ok(())
    }
}
