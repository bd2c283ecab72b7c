//! What a handler gets besides its arguments: the caller, the transaction and the outbox.

use actix_web::HttpRequest;
use postgres::pool::{GenericClient as _, Transaction};

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
}

impl RequestContext<'_> {
    /// Makes Postgres plan the rest of the transaction's queries with the values of their
    /// parameters: many conditions are about parameters that may be absent, and a plan for
    /// any values could use no index for them.
    pub async fn plan_by_values(&self) -> Result<(), ApiError> {
        let sql = "SET LOCAL plan_cache_mode = force_custom_plan";
        self.db.batch_execute(sql).await?;
        Ok(())
    }
}
