//! The users of an account, invitations to it, and links for new passwords.

mod acceptance;
mod invitation;
mod member;
mod password_reset;

use serde_json::json;

use crate::{
    audit::ObjectKind,
    auth::Scope,
    error::{ApiError, CodedField},
    http::{Access, Operation},
    state::PoolKind,
};
use acceptance::{AcceptedInvitation, OpenInvitationObject, accept_invitation, get_invitation};
use invitation::{
    CreatedInvitation, InvitationsObject, WithdrawnInvitation, create_invitation, list_invitations,
    withdraw_invitation,
};
use member::{
    MemberObject, MembersObject, RemovedUser, get_user, list_users, remove_user, update_user,
};
use password_reset::{RequestedReset, SetPassword, request_password_reset, reset_password};

pub fn operations() -> Vec<Operation> {
    let no_user = || ApiError::NotFound("user");
    [
        Operation::get("/users", list_users)
            .scope(Scope::Users)
            .summary("List the users of the account")
            .description("By their e-mail addresses.")
            .response::<MembersObject>(200, MembersObject::example()),
        Operation::get("/users/{user_id}", get_user)
            .scope(Scope::Users)
            .summary("Get a user of the account")
            .response::<MemberObject>(200, MemberObject::example())
            .errors([no_user()]),
        Operation::patch("/users/{user_id}", update_user)
            .scope(Scope::Users)
            .audits_change(ObjectKind::User, "/id")
            .summary("Give a user another role")
            .description("The only owner stays one.")
            .request_examples([json!({ "role": "analyst" })])
            .response::<MemberObject>(200, MemberObject::example())
            .errors([no_user(), ApiError::LastOwner]),
        Operation::delete("/users/{user_id}", remove_user)
            .scope(Scope::Users)
            .audits_change(ObjectKind::User, "/id")
            .summary("Remove a user from the account")
            .description(
                "The user can do nothing in the account from the next request on. The only owner \
                 cannot be removed.",
            )
            .response::<RemovedUser>(200, RemovedUser::example())
            .errors([no_user(), ApiError::LastOwner]),
    ]
    .into_iter()
    .chain(invitation_operations())
    .chain(password_operations())
    .map(|operation| operation.tag("users"))
    .collect()
}

fn invitation_operations() -> [Operation; 5] {
    [
        Operation::get("/invitations", list_invitations)
            .scope(Scope::Users)
            .summary("List the open invitations to the account")
            .description("The newest first.")
            .response::<InvitationsObject>(200, InvitationsObject::example()),
        Operation::post("/invitations", create_invitation)
            .scope(Scope::Users)
            .audits_what_is_noted(ObjectKind::Invitation)
            .summary("Invite somebody to the account")
            .description(
                "The link to accept it is mailed, or else it is in the answer. It works for 7 \
                 days. An earlier invitation of the address is replaced. Nobody can give a role \
                 that can do more than the own one.",
            )
            .request_examples([json!({ "email": "grace@example.com", "role": "analyst" })])
            .required_fields(["email", "role"])
            .response::<CreatedInvitation>(201, CreatedInvitation::example())
            .errors([ApiError::AlreadyMember]),
        Operation::delete("/invitations/{invitation}", withdraw_invitation)
            .scope(Scope::Users)
            .audits_what_is_noted(ObjectKind::Invitation)
            .summary("Withdraw an invitation")
            .description("Its link works no longer.")
            .response::<WithdrawnInvitation>(200, WithdrawnInvitation::example())
            .errors([ApiError::NotFound("invitation")]),
        Operation::get("/invitations/{invitation}", get_invitation)
            .access(Access::Public)
            .summary("Get an invitation by the token of its link")
            .response::<OpenInvitationObject>(200, OpenInvitationObject::example())
            .errors([ApiError::LinkNotValid]),
        Operation::post("/invitations/{invitation}/accept", accept_invitation)
            .access(Access::Public)
            .pool(PoolKind::SignIn)
            .max_body_mb(1)
            .audits_what_is_noted(ObjectKind::User)
            .summary("Accept an invitation")
            .description(
                "Makes a user of the address, or gives the one that there is the role in the \
                 account too. Nobody is signed in by it.",
            )
            .request_examples([json!({
                "name": "Grace Hop",
                "password": "correct horse battery staple",
            })])
            .required_fields(["password"])
            .response::<AcceptedInvitation>(201, AcceptedInvitation::example())
            .errors([
                ApiError::LinkNotValid,
                ApiError::MissingField(CodedField::Name),
                ApiError::NameTooLong,
                ApiError::SignInFailed { tries_left: 7 },
                ApiError::TooManyAttempts { retry_after_s: 412 },
            ]),
    ]
}

fn password_operations() -> [Operation; 2] {
    [
        Operation::post("/password-resets", request_password_reset)
            .access(Access::Public)
            .max_body_mb(1)
            .changes_nothing()
            .summary("Ask for a link to set a new password")
            .description(
                "It is mailed to the address, if that is of a user; the answer does not tell. \
                 Without a mail server, operators make links: `links-api users reset`.",
            )
            .request_examples([json!({ "email": "ada@example.com" })])
            .required_fields(["email"])
            .response::<RequestedReset>(202, RequestedReset::example()),
        Operation::post("/password-resets/{token}", reset_password)
            .access(Access::Public)
            .pool(PoolKind::SignIn)
            .max_body_mb(1)
            .audits_what_is_noted(ObjectKind::User)
            .summary("Set a new password by a link")
            .description("All sessions of the user end. The link works once, for an hour.")
            .request_examples([json!({ "password": "another horse battery staple" })])
            .required_fields(["password"])
            .response::<SetPassword>(200, SetPassword::example())
            .errors([ApiError::LinkNotValid]),
    ]
}
