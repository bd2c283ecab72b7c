//! Sessions: how users sign in and out.

mod begin;
mod object;
mod password;
mod single_sign_on;

use serde_json::json;

use crate::{
    audit::ObjectKind,
    error::ApiError,
    http::{Access, Content, Operation},
    state::PoolKind,
};
use object::SessionObject;
use password::{create_session, end_session};
use single_sign_on::{finish_single_sign_on, start_single_sign_on};

pub fn operations() -> Vec<Operation> {
    [
        Operation::post("/sessions", create_session)
            .access(Access::Public)
            .pool(PoolKind::SignIn)
            .max_body_mb(1)
            .audits_what_is_noted(ObjectKind::Session)
            .summary("Sign in")
            .description(
                "Begins a session, whose token is the cookie `waypost_session`. A user with a \
                 second factor also sends its code: without one the answer is \
                 `second_factor_required`. All else that fails is `sign_in_failed`, with the \
                 tries that are left.",
            )
            .request_examples([json!({
                "email": "ada@example.com",
                "password": "correct horse battery staple",
            })])
            .required_fields(["email", "password"])
            .response::<SessionObject>(201, SessionObject::example())
            .errors([
                ApiError::SignInFailed { tries_left: 7 },
                ApiError::SecondFactorRequired,
                ApiError::TooManyAttempts { retry_after_s: 412 },
            ]),
        Operation::delete("/sessions", end_session)
            .access(Access::Session)
            .audits_what_is_noted(ObjectKind::Session)
            .summary("Sign out")
            .description("Ends the session of the request.")
            .response_with_content(204, "Success", Content::Empty),
        Operation::get("/sessions/oidc/start", start_single_sign_on)
            .access(Access::Public)
            .pool(PoolKind::SignIn)
            .summary("Sign in at the provider of single sign-on")
            .description("A page for browsers, which sends them to the provider.")
            .response_with_content(302, "To the provider", Content::Empty)
            .errors([ApiError::SingleSignOnAbsent]),
        Operation::get("/sessions/oidc/callback", finish_single_sign_on)
            .access(Access::Public)
            .get_with_side_effects()
            .ignores_unknown_input()
            .pool(PoolKind::SignIn)
            .audits_what_is_noted(ObjectKind::Session)
            .summary("Come back from the provider of single sign-on")
            .description(
                "Where the provider sends browsers. It begins a session of the user with the \
                 verified e-mail address that the provider names, and sends the browser on to the \
                 dashboard: to the page for signing in, with an `error`, if there is no such user \
                 and no invitation.",
            )
            .response_with_content(302, "To the dashboard", Content::Empty)
            .errors([ApiError::SingleSignOnAbsent]),
    ]
    .into_iter()
    .map(|operation| operation.tag("sessions"))
    .collect()
}
