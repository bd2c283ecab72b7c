//! What the audit trail says of a request, from the responses of its operation and of the GET
//! of the object that it changes.

use domain::id::AccountId;
use postgres::advisory_lock::lock_object;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{
    context::RequestContext,
    current::CurrentObject,
    operation::Operation,
    path_parameter::{PathParameter as _, decode},
    response::Response,
};
use crate::{
    audit::{Audited, Change, ObjectKind, mask_phone, summarise},
    error::ApiError,
};

/// The end of the path of an object, behind which its actions are: `/links/{link_id}`.
pub fn object_path(path: &str) -> Option<&str> {
    let end = path.rfind('}')?;
    Some(path.split_at(end + 1).0)
}

/// Writes the row of a request whose handler has run. `current` is the object before the change.
pub async fn write_audit_row(
    operation: &Operation,
    context: RequestContext<'_>,
    current: CurrentObject<'_>,
    response: &Response,
) -> Result<(), ApiError> {
    let change = match operation.audited() {
        Audited::Nothing => return Ok(()),
        Audited::Noted { .. } => return context.audit.write_noted(context.db).await,
        Audited::Creation { id, .. } => {
            let after = response.json();
            Change {
                object_id: after.as_ref().and_then(|after| text_at(after, id)),
                before: None,
                after,
            }
        }
        Audited::Change { id, .. } => {
            let after = response.json().filter(|_| !operation.deletes());
            changed_object(context, current, after, id).await?
        }
        Audited::Many { kind, ids } => {
            let summary = context.audit.take_summary();
            Change {
                object_id: path_id(context, kind),
                before: None,
                after: summary.or_else(|| summarise(response.body(), ids)),
            }
        }
    };
    // Operators change other accounts.
    let account = context.request.match_info().get(AccountId::NAME);
    if let Some(account_id) = account.and_then(AccountId::parse) {
        context.audit.set_account(account_id);
    }
    context.audit.write(context.db, change).await
}

/// The object before and after the change. Where the caller cannot read it by its GET, the
/// handler has noted it, and `response` is the object after the change.
async fn changed_object(
    context: RequestContext<'_>,
    current: CurrentObject<'_>,
    response: Option<Value>,
    id: &str,
) -> Result<Change, ApiError> {
    let (before, after) = match current.known_json() {
        Some(before) => (Some(before), current.read_again().await?),
        None => (context.audit.take_before(), response),
    };
    let shown = [&after, &before].into_iter().flatten();
    let shown_id = shown.filter_map(|object| text_at(object, id)).next();
    Ok(Change {
        object_id: shown_id.or_else(|| last_path_parameter(context)),
        before,
        after,
    })
}

/// The id in the path of an operation on many objects, if it is about one thing: the creative
/// whose messages are rendered. The number of a contact is masked.
fn path_id(context: RequestContext<'_>, kind: ObjectKind) -> Option<String> {
    let text = last_path_parameter(context)?;
    Some(match kind {
        ObjectKind::Contact => mask_phone(&text),
        _ => text,
    })
}

fn last_path_parameter(context: RequestContext<'_>) -> Option<String> {
    let (_, text) = context.request.match_info().iter().last()?;
    Some(decode(text).into_owned())
}

/// Waits for other changes of the object that a request changes, so that what is read before
/// the change is what the change is made of.
pub async fn lock_changed_object(context: RequestContext<'_>) -> Result<(), ApiError> {
    if let Some(id) = last_path_parameter(context) {
        let name = format!("{}:{id}", context.caller.account_id);
        let digest: [u8; 32] = Sha256::digest(name).into();
        let [a, b, c, d, ..] = digest;
        lock_object(context.db, i32::from_le_bytes([a, b, c, d])).await?;
    }
    Ok(())
}

fn text_at(object: &Value, pointer: &str) -> Option<String> {
    match object.pointer(pointer)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("/links/{link_id}", Some("/links/{link_id}"))]
    #[case("/domains/{domain_id}/check", Some("/domains/{domain_id}"))]
    #[case(
        "/accounts/{account_id}/keys/{key_id}",
        Some("/accounts/{account_id}/keys/{key_id}")
    )]
    #[case("/links", None)]
    fn the_path_of_an_object_ends_with_its_id(#[case] path: &str, #[case] expected: Option<&str>) {
        assert_eq!(object_path(path), expected);
    }
}
