//! The row of the audit trail that a request makes.

use std::cell::{Cell, RefCell};

use domain::id::AccountId;
use postgres::{
    audit::{self, Actor, AuditRow},
    pool::GenericClient,
};
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::{Audited, ObjectKind, keep_differences, redact};
use crate::{
    auth::{Caller, Identity},
    enumeration::Enumeration as _,
    error::ApiError,
};

/// The longest id of an object and the longest name of a key, in characters; the rest is cut.
const MAX_TEXT_CHARS: usize = 255;

/// The entry of a request. Handlers add what the response does not say; the pipeline writes it.
#[derive(Debug)]
pub struct AuditEntry<'a> {
    audit_id: Uuid,
    caller: &'a Caller,
    request_id: String,
    operation: &'static str,
    /// `None` if the operation changes nothing.
    kind: Option<ObjectKind>,
    account_id: Cell<AccountId>,
    before: RefCell<Option<Value>>,
    summary: RefCell<Option<Value>>,
    noted: RefCell<Option<NotedChange>>,
}

/// What a handler says of a change that is about a user rather than about an account.
#[derive(Debug)]
pub struct NotedChange {
    /// Who makes it, if it is not the caller: nobody is signed in before a sign-in.
    pub user: Option<UserActor>,
    /// The accounts that have a row of it. Without any, there is one row without an account.
    pub accounts: Vec<AccountId>,
    pub change: Change,
}

/// A user who makes a change.
#[derive(Debug, Clone)]
pub struct UserActor {
    pub id: i64,
    pub email: String,
}

/// What a row says of a change.
#[derive(Debug, Clone, Default)]
pub struct Change {
    pub object_id: Option<String>,
    pub before: Option<Value>,
    pub after: Option<Value>,
}

impl<'a> AuditEntry<'a> {
    pub fn new(
        caller: &'a Caller,
        operation: &'static str,
        audited: Audited,
        request_id: String,
    ) -> Self {
        Self {
            audit_id: audit::new_id(),
            caller,
            request_id,
            operation,
            kind: audited.kind(),
            account_id: Cell::new(caller.account_id),
            before: RefCell::default(),
            summary: RefCell::default(),
            noted: RefCell::default(),
        }
    }

    /// Says what is changed, where the operation leaves that to its handler.
    pub fn note(&self, change: NotedChange) {
        self.noted.replace(Some(change));
    }

    /// Writes what was noted: a row for each account, which all say the same, or one without an
    /// account.
    pub async fn write_noted(&self, client: &impl GenericClient) -> Result<(), ApiError> {
        let Some(noted) = self.noted.take() else {
            return Ok(());
        };
        let accounts = match &noted.accounts[..] {
            [] => vec![None],
            accounts => accounts.iter().map(|id| Some(*id)).collect(),
        };
        for account_id in accounts {
            let target = RowTarget {
                audit_id: audit::new_id(),
                account_id,
                user: noted.user.as_ref(),
            };
            self.write_row(client, target, noted.change.clone()).await?;
        }
        Ok(())
    }

    /// Says that an account is changed that is not the caller's.
    pub fn set_account(&self, account_id: AccountId) {
        self.account_id.set(account_id);
    }

    /// Gives the object before the change, where no GET answers it to the caller.
    pub fn set_before(&self, object: &impl Serialize) -> Result<(), ApiError> {
        let object = serde_json::to_value(object).map_err(ApiError::internal)?;
        self.before.replace(Some(object));
        Ok(())
    }

    /// Gives the summary of a change of many objects, where it can be had without reading the
    /// response.
    pub fn set_summary(&self, summary: Value) {
        self.summary.replace(Some(summary));
    }

    pub fn take_before(&self) -> Option<Value> {
        self.before.take()
    }

    pub fn take_summary(&self) -> Option<Value> {
        self.summary.take()
    }

    /// Writes the row, or replaces what an earlier transaction of the request has written.
    pub async fn write(&self, client: &impl GenericClient, change: Change) -> Result<(), ApiError> {
        let target = RowTarget {
            audit_id: self.audit_id,
            account_id: Some(self.account_id.get()),
            user: None,
        };
        self.write_row(client, target, change).await
    }

    async fn write_row(
        &self,
        client: &impl GenericClient,
        target: RowTarget<'_>,
        mut change: Change,
    ) -> Result<(), ApiError> {
        let (Some(kind), Some(actor)) = (self.kind, self.actor(&target)) else {
            return Ok(());
        };
        if let (Some(before), Some(after)) = (&mut change.before, &mut change.after) {
            keep_differences(before, after);
        }
        let redacted = |value: Option<Value>| {
            value.map(|mut value| {
                redact(&mut value);
                value
            })
        };
        let row = AuditRow {
            audit_id: target.audit_id,
            account_id: target.account_id.map(|id| id.0),
            actor,
            operation: self.operation,
            object_kind: kind.name(),
            object_id: change.object_id.as_deref().map(cut),
            before: redacted(change.before),
            after: redacted(change.after),
            request_id: Some(&self.request_id),
        };
        Ok(audit::write(client, row).await?)
    }

    /// `None` if nobody is signed in.
    fn actor<'b>(&'b self, target: &RowTarget<'b>) -> Option<Actor<'b>> {
        let user = |id, email: &'b str| Actor::User {
            account_id: target.account_id.map(|id| id.0),
            user_id: id,
            email: cut(email),
        };
        match (&self.caller.identity, target.user) {
            (_, Some(actor)) => Some(user(actor.id, &actor.email)),
            (Identity::User(session), None) => Some(user(session.user_id, &session.email)),
            (Identity::ApiKey { id, name }, None) => Some(Actor::ApiKey {
                account_id: self.caller.account_id.0,
                key_id: *id,
                key_name: cut(name),
            }),
            (Identity::Nobody, None) => None,
        }
    }
}

/// Which row is written.
struct RowTarget<'a> {
    audit_id: Uuid,
    account_id: Option<AccountId>,
    user: Option<&'a UserActor>,
}

fn cut(text: &str) -> &str {
    let end = text.char_indices().nth(MAX_TEXT_CHARS);
    end.map_or(text, |(end, _)| text.split_at(end).0)
}
