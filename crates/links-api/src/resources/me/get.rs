//! `GET /api/v2/me`.

use super::object::{MeObject, OwnAccount, OwnKey, SignedIn};
use crate::{
    auth::{Identity, NO_ACCOUNT, SessionUser},
    db::{RowLock, accounts, api_keys, members, second_factors, users},
    error::{ApiError, UnauthorizedReason},
    fields::ids::{ApiKeyId, UserId},
    http::{RequestContext, Response},
    objects::user::{SecondFactorObject, UserAccountObject, UserObject},
};

pub async fn get_me(context: RequestContext<'_>) -> Result<Response, ApiError> {
    let (client, account_id) = (context.db, context.caller.account_id);
    let account = match account_id {
        NO_ACCOUNT => None,
        id => accounts::find(client, id, RowLock::None).await?,
    };
    let account = account.map(OwnAccount::from);
    Response::ok(&match &context.caller.identity {
        Identity::User(user) => MeObject::of_user(account, signed_in(context, user).await?),
        Identity::ApiKey { id, .. } => {
            let key = api_keys::find(client, account_id, ApiKeyId(*id), RowLock::None).await?;
            let key = key.ok_or(ApiError::NotFound("API key"))?;
            MeObject::of_key(account, OwnKey::from(key))
        }
        Identity::Nobody => return Err(ApiError::Unauthorized(UnauthorizedReason::Absent)),
    })
}

async fn signed_in(
    context: RequestContext<'_>,
    session: &SessionUser,
) -> Result<SignedIn, ApiError> {
    let (client, id) = (context.db, UserId(session.user_id));
    let user = users::find(client, id).await?;
    let user = user.ok_or(ApiError::NotFound("user"))?;
    let accounts = members::select_accounts(client, id).await?;
    Ok(SignedIn {
        user: UserObject::from(&user),
        csrf_token: session.csrf_token.clone(),
        accounts: accounts.into_iter().map(UserAccountObject::from).collect(),
        second_factor: SecondFactorObject {
            enabled: user.has_second_factor,
            recovery_codes_left: second_factors::count_recovery_codes(client, id).await?,
        },
    })
}
