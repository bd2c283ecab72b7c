//! Changes that are about a user in all of the user's accounts: the audit trail of each account
//! has a row of them.

use domain::id::AccountId;
use serde_json::Value;

use crate::{
    audit::{Change, NotedChange, UserActor},
    db::{members, users::UserRow},
    error::ApiError,
    http::RequestContext,
};

/// Notes a change that the user makes of something that is the user's own. `object_id` is that
/// of what is changed.
pub async fn note_own_change(
    context: RequestContext<'_>,
    user: &UserRow,
    change: Change,
) -> Result<(), ApiError> {
    let accounts = members::select_accounts(context.db, user.id).await?;
    context.audit.note(NotedChange {
        user: Some(actor(user)),
        accounts: accounts.into_iter().map(|row| row.account_id).collect(),
        change,
    });
    Ok(())
}

/// Notes a change of a user in one account.
pub fn note_change_in(
    context: RequestContext<'_>,
    account_id: AccountId,
    user: Option<&UserRow>,
    change: Change,
) {
    context.audit.note(NotedChange {
        user: user.map(actor),
        accounts: vec![account_id],
        change,
    });
}

fn actor(user: &UserRow) -> UserActor {
    UserActor {
        id: user.id.0,
        email: user.email.clone(),
    }
}

/// What is done to an object that has no other form in the trail.
pub fn done(object_id: i64, after: Value) -> Change {
    Change {
        object_id: Some(object_id.to_string()),
        before: None,
        after: Some(after),
    }
}
