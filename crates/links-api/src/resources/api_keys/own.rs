//! The API keys of the caller's own account. A key creates and revokes none that can do more than
//! itself.

use super::{
    handlers::RevokedKey,
    object::{CreatedKey, KeyObject, Keys},
    request::KeyRequest,
};
use crate::{
    auth::{Caller, Scope},
    db::{
        RowLock,
        api_keys::{self, ApiKeyFields, ApiKeyRow},
    },
    enumeration::Enumeration as _,
    error::ApiError,
    fields::ids::ApiKeyId,
    http::{ListPage, PageQuery, RequestContext, Response},
};

pub async fn list_own_keys(
    context: RequestContext<'_>,
    page: PageQuery<50>,
) -> Result<Response, ApiError> {
    let page = page.page();
    let account_id = context.caller.account_id;
    let (rows, total) = api_keys::select_page(context.db, account_id, page).await?;
    Response::ok(&Keys {
        keys: rows.into_iter().map(KeyObject::from).collect(),
        page: ListPage::new(page, total),
    })
}

/// The new key has the caller's limits unless it has narrower ones.
pub async fn create_own_key(
    context: RequestContext<'_>,
    body: KeyRequest,
) -> Result<Response, ApiError> {
    // Users have no limits that a key could exceed.
    let own = match context.caller.key_id() {
        Some(id) => find_own(context, ApiKeyId(id), RowLock::None).await?.fields,
        None => ApiKeyFields::default(),
    };
    let mut fields = ApiKeyFields {
        rate_limit_per_minute: own.rate_limit_per_minute,
        expires_at: own.expires_at,
        ..ApiKeyFields::default()
    };
    body.apply(&mut fields)?;
    require_covered(context.caller, &fields)?;
    require_within_limits(&own, &fields)?;
    let account_id = context.caller.account_id;
    let (key, row) = api_keys::insert(context.db, account_id, fields).await?;
    CreatedKey::response(key, row)
}

pub async fn get_own_key(context: RequestContext<'_>, id: ApiKeyId) -> Result<Response, ApiError> {
    let key = find_own(context, id, RowLock::None).await?;
    Response::ok(&KeyObject::from(key))
}

pub async fn revoke_own_key(
    context: RequestContext<'_>,
    id: ApiKeyId,
) -> Result<Response, ApiError> {
    let key = find_own(context, id, RowLock::None).await?;
    require_covered(context.caller, &key.fields)?;
    api_keys::revoke(context.db, key.id).await?;
    Response::ok(&RevokedKey::new())
}

async fn find_own(
    context: RequestContext<'_>,
    id: ApiKeyId,
    lock: RowLock,
) -> Result<ApiKeyRow, ApiError> {
    let key = api_keys::find(context.db, context.caller.account_id, id, lock).await?;
    key.ok_or(ApiError::NotFound("API key"))
}

/// Fails if the key of the fields can do what the caller's cannot. A scope of a newer version is
/// taken for all scopes.
fn require_covered(caller: &Caller, fields: &ApiKeyFields) -> Result<(), ApiError> {
    for name in &fields.scopes {
        let scope = Scope::parse(name).unwrap_or(Scope::All);
        if !caller.covers(scope) {
            return Err(caller.lacks(scope));
        }
    }
    Ok(())
}

fn require_within_limits(own: &ApiKeyFields, new: &ApiKeyFields) -> Result<(), ApiError> {
    if let Some(own_limit) = own.rate_limit_per_minute
        && new
            .rate_limit_per_minute
            .is_none_or(|limit| limit > own_limit)
    {
        let problem = format!("it exceeds the {own_limit} of the key that you use");
        return Err(ApiError::invalid_field("rate_limit_per_minute", problem));
    }
    if let Some(own_end) = own.expires_at
        && new.expires_at.is_none_or(|end| end > own_end)
    {
        let problem = format!("the key that you use expires before, at {own_end}");
        return Err(ApiError::invalid_field("expires_at", problem));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::unlimited((None, None), (None, None), None)]
    #[case::narrower((None, None), (Some(5), Some(10)), None)]
    #[case::equal((Some(5), Some(10)), (Some(5), Some(10)), None)]
    #[case::higher_limit((Some(5), None), (Some(6), None), Some("rate_limit_per_minute"))]
    #[case::no_limit((Some(5), None), (None, None), Some("rate_limit_per_minute"))]
    #[case::later((None, Some(10)), (None, Some(11)), Some("expires_at"))]
    #[case::never((None, Some(10)), (None, None), Some("expires_at"))]
    fn a_new_key_has_no_wider_limits(
        #[case] own: (Option<i32>, Option<i64>),
        #[case] new: (Option<i32>, Option<i64>),
        #[case] expected: Option<&str>,
    ) {
        let fields = |(limit, expires_at): (Option<i32>, Option<i64>)| ApiKeyFields {
            rate_limit_per_minute: limit,
            expires_at: expires_at.map(|s| jiff::Timestamp::from_second(s).unwrap()),
            ..ApiKeyFields::default()
        };
        let field = match require_within_limits(&fields(own), &fields(new)) {
            Ok(()) => None,
            Err(ApiError::InvalidField(error)) => Some(error.field.clone()),
            Err(error) => panic!("{error}"),
        };
        assert_eq!(field.as_deref(), expected);
    }
}
