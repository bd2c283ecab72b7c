//! Signing in at a provider of OpenID Connect. The browser goes there and comes back; what it has
//! to bring back is in a cookie meanwhile. Whoever cannot be signed in comes to the dashboard's
//! page for signing in, with the reason.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use schemars::JsonSchema;
use serde::Deserialize;

use super::begin::{SignInMethod, begin_session};
use crate::{
    db::{
        invitations, members, second_factors, sessions,
        users::{self, NewUser, UserRow},
    },
    error::ApiError,
    http::{QueryParameters, RequestContext, Response},
    sign_in::{PROVIDER_COOKIE, PendingSignIn, Provider, ProviderError},
};

#[derive(Debug, Deserialize, JsonSchema)]
pub struct StartQuery {
    /// The path of the dashboard to come back to, as in /a/1/overview.
    to: Option<String>,
}

impl QueryParameters for StartQuery {}

#[derive(Debug, Deserialize, JsonSchema)]
pub struct CallbackQuery {
    /// What the provider gives for a token.
    code: Option<String>,
    /// What the sign-in began with.
    state: Option<String>,
    /// Why the provider has signed nobody in.
    error: Option<String>,
}

impl QueryParameters for CallbackQuery {}

pub async fn start_single_sign_on(
    context: RequestContext<'_>,
    query: StartQuery,
) -> Result<Response, ApiError> {
    let sign_in = &context.state.sign_in;
    let provider = sign_in.provider.as_ref();
    let provider = provider.ok_or(ApiError::SingleSignOnAbsent)?;
    let return_to = query.to.filter(|path| is_own_path(path));
    let return_to = return_to.unwrap_or_else(|| "/".to_owned());
    match provider.start(return_to).await {
        Ok((url, pending)) => {
            let pending = serde_json::to_vec(&pending).map_err(ApiError::internal)?;
            let cookie = BASE64_URL_SAFE_NO_PAD.encode(pending);
            Ok(Response::redirect(url).with_cookie(&sign_in.cookies.provider(cookie)))
        }
        Err(error) => Ok(failed(context, &error)),
    }
}

pub async fn finish_single_sign_on(
    context: RequestContext<'_>,
    query: CallbackQuery,
) -> Result<Response, ApiError> {
    let sign_in = &context.state.sign_in;
    let provider = sign_in.provider.as_ref();
    let provider = provider.ok_or(ApiError::SingleSignOnAbsent)?;
    let (email, return_to) = match find_email(context, provider, query).await {
        Ok(found) => found,
        Err(error) => return Ok(failed(context, &error)),
    };
    let Some((user, joined_accounts)) = find_user(context, &email).await? else {
        let page = sign_in.links.failed_sign_in("no_user");
        return Ok(Response::redirect(page).with_cookie(&sign_in.cookies.without_provider()));
    };
    let method = SignInMethod {
        method: "oidc",
        joined_accounts,
    };
    let (token, _) = begin_session(context, &user, method).await?;
    Ok(Response::redirect(sign_in.links.page(&return_to))
        .with_cookie(&sign_in.cookies.session(&token))
        .with_cookie(&sign_in.cookies.without_provider()))
}

/// The e-mail address that the provider vouches for, and the path to return to.
async fn find_email(
    context: RequestContext<'_>,
    provider: &Provider,
    query: CallbackQuery,
) -> Result<(String, String), ProviderError> {
    let refused = |problem: &str| ProviderError::Refused(problem.to_owned());
    if query.error.is_some() {
        return Err(refused("it has signed nobody in"));
    }
    let cookie = context.cookie(PROVIDER_COOKIE);
    let pending = cookie.and_then(|cookie| BASE64_URL_SAFE_NO_PAD.decode(cookie).ok());
    let pending = pending.and_then(|json| serde_json::from_slice::<PendingSignIn>(&json).ok());
    let pending = pending.filter(|pending| is_own_path(&pending.return_to));
    let (Some(pending), Some(code), Some(state)) = (pending, query.code, query.state) else {
        return Err(refused("this browser has begun none"));
    };
    let return_to = pending.return_to.clone();
    let email = provider.finish(code, &state, pending).await?;
    Ok((email, return_to))
}

/// The user of the address, who also accepts all invitations to it, and the accounts of those. A user is not made of nothing:
/// there must be a user or an invitation.
async fn find_user(
    context: RequestContext<'_>,
    email: &str,
) -> Result<Option<(UserRow, Vec<i64>)>, ApiError> {
    let invitations = invitations::take_all_of_email(context.db, email).await?;
    let user = match users::find_by_email(context.db, email).await? {
        Some(user) => user,
        None if invitations.is_empty() => return Ok(None),
        None => {
            let name = email.split('@').next().unwrap_or_default();
            let user = NewUser {
                email,
                name,
                password_hash: None,
                is_email_verified: true,
            };
            users::insert(context.db, &user).await?
        }
    };
    let mut joined_accounts = Vec::new();
    for invitation in invitations {
        let (account_id, role) = (invitation.account_id, invitation.role);
        joined_accounts.push(account_id.0);
        members::upsert(context.db, account_id, user.id, role).await?;
    }
    if !user.is_email_verified {
        // Somebody else may have set the password, who was shown the invitation.
        users::set_password(context.db, user.id, None).await?;
        second_factors::delete(context.db, user.id).await?;
        sessions::delete_others(context.db, user.id, None).await?;
        users::set_email_verified(context.db, user.id).await?;
    }
    Ok(Some((user, joined_accounts)))
}

/// To the page for signing in. The log says what the provider did wrong, and names no user.
fn failed(context: RequestContext<'_>, error: &ProviderError) -> Response {
    tracing::warn!(error.message = %error, "single sign-on failed");
    let code = match error {
        ProviderError::Unavailable(_) => "provider_unavailable",
        ProviderError::Refused(_) => "provider_refused",
        ProviderError::EmailNotVerified => "email_not_verified",
        ProviderError::DomainNotAllowed => "domain_not_allowed",
    };
    let sign_in = &context.state.sign_in;
    let page = sign_in.links.failed_sign_in(code);
    Response::redirect(page).with_cookie(&sign_in.cookies.without_provider())
}

/// Whether it is a path of the dashboard, and not another site.
fn is_own_path(path: &str) -> bool {
    let mut chars = path.chars();
    let is_path = chars.next() == Some('/') && !matches!(chars.next(), Some('/' | '\\'));
    is_path && path.chars().all(|c| !c.is_control())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("/", true)]
    #[case("/a/1/overview?from=7d", true)]
    #[case("", false)]
    #[case("https://e.com/", false)]
    #[case("//e.com/", false)]
    #[case("/\\e.com/", false)]
    #[case("/a\r\nSet-Cookie: x", false)]
    fn only_paths_of_the_dashboard_are_returned_to(#[case] path: &str, #[case] expected: bool) {
        assert_eq!(is_own_path(path), expected);
    }
}
