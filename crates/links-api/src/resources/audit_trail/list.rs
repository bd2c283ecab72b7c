//! `GET /api/v2/audit`.

use domain::id::AuditId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::object::{AuditObject, CSV_COLUMNS};
use crate::{
    audit::ObjectKind,
    auth::Scope,
    db::audit_log::{AuditFilter, AuditReader, select_before},
    enumeration::{Enumeration as _, enumeration},
    error::ApiError,
    fields::{QueryEnd, QueryStart},
    http::{
        ExportQuery, FormatQuery, IdNumber, NextPage, QueryParameters, RequestContext, Response,
    },
};

enumeration! {
    /// Who made a change.
    pub enum AuditActor {
        /// A key of the account.
        ApiKey = "api_key",
        /// A user of the account.
        User = "user",
        /// A key of another account, which must be an operator's.
        Operator = "operator",
        /// A command of the command line.
        Command = "command",
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
pub struct AuditQuery {
    /// The first day or time, as in 2026-03-01 or 2026-03-01T00:00:00Z. Days are UTC's.
    from: Option<QueryStart>,
    /// The last day, or the time after the last.
    to: Option<QueryEnd>,
    /// Only changes by a key of the account, by a user, by an operator or by a command.
    actor: Option<AuditActor>,
    /// Only changes by this API key of the account.
    key_id: Option<IdNumber>,
    /// Only changes by this user.
    user_id: Option<IdNumber>,
    /// Only changes of such objects.
    object_kind: Option<ObjectKind>,
    /// Only changes of the object with this id.
    object_id: Option<String>,
    /// Only this operation, as in update_link, or this command.
    operation: Option<String>,
    /// Only the request whose `X-Request-Id` this was.
    request_id: Option<String>,
}

impl QueryParameters for AuditQuery {}

#[derive(Debug, Serialize, JsonSchema)]
pub struct AuditTrail {
    changes: Vec<AuditObject>,
    #[serde(flatten)]
    next: NextPage,
}

impl AuditTrail {
    pub fn example() -> Value {
        json!({ "changes": [AuditObject::example()], "next_cursor": null, "has_more": false })
    }
}

pub async fn list_audit(
    context: RequestContext<'_>,
    query: AuditQuery,
    export: ExportQuery<AuditId>,
    format: FormatQuery,
) -> Result<Response, ApiError> {
    let reader = AuditReader {
        account_id: context.caller.account_id,
        is_operator: context.caller.covers(Scope::Admin),
    };
    let filter = query.filter();
    context.plan_by_values().await?;
    let rows = select_before(
        context.db,
        reader,
        &filter,
        export.cursor(),
        export.limit_and_one(),
    )
    .await?;
    let object = |row| AuditObject::new(row, reader.is_operator);
    let mut changes: Vec<_> = rows.iter().map(object).collect();
    let next_cursor = export.split_next_cursor(&mut changes, |change| change.audit_id.clone());
    if let Some(csv) = format.csv() {
        let body = csv.write(&CSV_COLUMNS, &changes)?;
        return Ok(Response::csv(body, next_cursor));
    }
    Response::ok(&AuditTrail {
        changes,
        next: NextPage::new(next_cursor),
    })
}

impl AuditQuery {
    fn filter(self) -> AuditFilter {
        AuditFilter {
            from: self.from.map(|time| time.0),
            to: self.to.map(|time| time.0),
            actor: self.actor.map(AuditActor::name),
            key_id: self.key_id.map(IdNumber::get),
            user_id: self.user_id.map(IdNumber::get),
            object_kind: self.object_kind.map(ObjectKind::name),
            object_id: self.object_id,
            operation: self.operation,
            request_id: self.request_id,
        }
    }
}
