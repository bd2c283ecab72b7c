//! Accounts, for operators: any key with the scope `admin` manages those of the whole
//! installation.

mod handlers;
mod object;
mod request;

use serde_json::json;

use crate::{
    audit::ObjectKind,
    auth::Scope,
    db::accounts::AccountStatus,
    enumeration::Enumeration as _,
    error::{ApiError, CodedField},
    http::Operation,
};
use handlers::{create_account, get_account, list_accounts, update_account};
use object::{AccountObject, Accounts};

pub fn operations() -> Vec<Operation> {
    let not_found = || ApiError::NotFound("account");
    vec![
        Operation::get("/accounts", list_accounts)
            .summary("List accounts")
            .description("In the order of their ids.")
            .response::<Accounts>(200, Accounts::example()),
        Operation::post("/accounts", create_account)
            .audits_creation(ObjectKind::Account, "/id")
            .summary("Create an account")
            .request_examples([
                json!({ "name": "Example", "products": ["sms", "offer_management"] }),
            ])
            .required_fields(["name"])
            .response::<AccountObject>(201, AccountObject::example())
            .errors(field_errors()),
        Operation::get("/accounts/{account_id}", get_account)
            .summary("Get an account")
            .response::<AccountObject>(200, AccountObject::example())
            .errors([not_found()]),
        Operation::put("/accounts/{account_id}", update_account)
            .audits_change(ObjectKind::Account, "/id")
            .summary("Update an account")
            .description(
                "Updates the given fields. A suspended account's keys get 403 from the next \
                 request on, and its links lead to the list's fallback or the 404 page within a \
                 second.",
            )
            .request_examples([json!({ "status": "suspended" })])
            .response::<AccountObject>(200, AccountObject::example())
            .errors(field_errors())
            .errors([not_found()]),
    ]
    .into_iter()
    .map(|operation| operation.scope(Scope::Admin).tag("accounts"))
    .collect()
}

fn field_errors() -> [ApiError; 3] {
    [
        ApiError::MissingField(CodedField::Name),
        ApiError::NameTooLong,
        ApiError::InvalidStatus(AccountStatus::NAME_LIST),
    ]
}
