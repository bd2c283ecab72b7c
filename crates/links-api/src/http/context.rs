//! What a handler gets besides its arguments: the caller, the transaction and the outbox.

use std::cell::RefCell;

use actix_web::HttpRequest;
use postgres::pool::{GenericClient as _, Transaction};

use super::{input::PreparedBody, operation_parts::JsonBodySpec};
use crate::{auth::Caller, error::ApiError, outbox::Outbox, state::AppState};

/// An authenticated request with its transaction, which the pipeline commits if the handler
/// succeeds.
#[derive(Clone, Copy)]
pub struct RequestContext<'a> {
    pub db: &'a Transaction<'a>,
    pub caller: &'a Caller,
    pub state: &'a AppState,
    /// Record changes of this transaction.
    pub outbox: &'a Outbox<'a>,
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
    /// Fails if this entry of the body's array of entries has a field that is not known.
    pub fn check_entry(&self, index: usize) -> Result<(), ApiError> {
        match self.json.spec.and_then(|spec| spec.entries_field) {
            Some(field) => self.json.body.unknown_fields.check_entry(field, index),
            None => Ok(()),
        }
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
