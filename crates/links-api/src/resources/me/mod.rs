//! Who sends the request: a key with its account, or a user with password, second factor and
//! sessions.

mod get;
mod object;
mod password;
mod second_factor;
mod sessions;
mod user;

use serde_json::json;

use crate::{
    audit::ObjectKind,
    error::ApiError,
    http::{Access, Operation},
    state::PoolKind,
};
use get::get_me;
use object::MeObject;
use password::{ChangedPassword, PasswordRequest, change_password};
use second_factor::{
    EnrolmentObject, RecoveryCodesObject, RemovedSecondFactor, confirm_second_factor,
    remove_second_factor, start_second_factor,
};
use sessions::{
    EndedSessions, SessionsObject, end_other_sessions, end_own_session, list_own_sessions,
};

pub fn operations() -> Vec<Operation> {
    let mut operations = vec![
        Operation::get("/me", get_me)
            .access(Access::AnyCaller)
            .tag("me")
            .summary("Get who sends the request")
            .description(
                "The key of the request and its account, or the user of the session with all \
                 accounts. Without the secrets of postbacks, which operators see.",
            )
            .response::<MeObject>(200, MeObject::example()),
    ];
    operations.extend(user_operations());
    operations
}

/// What users do about themselves.
fn user_operations() -> impl Iterator<Item = Operation> {
    let too_many = || ApiError::TooManyAttempts { retry_after_s: 412 };
    let code = || json!({ "code": "287082" });
    [
        Operation::post("/me/password", change_password)
            .audits_what_is_noted(ObjectKind::User)
            .pool(PoolKind::SignIn)
            .max_body_mb(1)
            .summary("Change the user's own password")
            .description(
                "All other sessions of the user end. Users without a password ask for a link by \
                 `POST /api/v2/password-resets`.",
            )
            .request_examples([PasswordRequest::example()])
            .required_fields(["current_password", "password"])
            .response::<ChangedPassword>(200, ChangedPassword::example())
            .errors([ApiError::WrongPassword, too_many()]),
        Operation::get("/me/sessions", list_own_sessions)
            .summary("List the user's own sessions")
            .description("Those that have not ended.")
            .response::<SessionsObject>(200, SessionsObject::example()),
        Operation::delete("/me/sessions", end_other_sessions)
            .audits_what_is_noted(ObjectKind::Session)
            .summary("End all other sessions of the user")
            .description("All but the session of the request.")
            .response::<EndedSessions>(200, EndedSessions::example()),
        Operation::delete("/me/sessions/{session_id}", end_own_session)
            .audits_what_is_noted(ObjectKind::Session)
            .summary("End one of the user's own sessions")
            .response::<EndedSessions>(200, EndedSessions::example())
            .errors([ApiError::NotFound("session")]),
        Operation::post("/me/totp", start_second_factor)
            .audits_what_is_noted(ObjectKind::User)
            .summary("Begin to set up a second factor")
            .description(
                "Gives the secret for an authenticator app. Sign-in asks for its codes once one \
                 is confirmed.",
            )
            .response::<EnrolmentObject>(201, EnrolmentObject::example())
            .errors([ApiError::SecondFactorExists]),
        Operation::post("/me/totp/confirm", confirm_second_factor)
            .audits_what_is_noted(ObjectKind::User)
            .summary("Confirm the second factor by a code")
            .description("The recovery codes are shown only once.")
            .request_examples([code()])
            .required_fields(["code"])
            .response::<RecoveryCodesObject>(200, RecoveryCodesObject::example())
            .errors([
                ApiError::SecondFactorExists,
                ApiError::WrongCode,
                too_many(),
            ]),
        Operation::delete("/me/totp", remove_second_factor)
            .audits_what_is_noted(ObjectKind::User)
            .summary("Remove the second factor")
            .description("Needs a code of the app, or a recovery code.")
            .request_examples([code()])
            .required_fields(["code"])
            .response::<RemovedSecondFactor>(200, RemovedSecondFactor::example())
            .errors([
                ApiError::NotFound("second factor"),
                ApiError::WrongCode,
                too_many(),
            ]),
    ]
    .into_iter()
    .map(|operation| operation.access(Access::Session).tag("me"))
}
