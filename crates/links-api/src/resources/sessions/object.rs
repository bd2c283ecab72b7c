//! A new session as JSON.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    auth::SecretToken,
    db::{members::UserAccountRow, users::UserRow},
    objects::user::{UserAccountObject, UserObject},
};

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "NewSession")]
pub struct SessionObject {
    user: UserObject,
    /// The value of the header `X-CSRF-Token`, for requests that change something.
    csrf_token: String,
    /// The accounts of the user, of which requests name one in `X-Waypost-Account`.
    accounts: Vec<UserAccountObject>,
}

impl SessionObject {
    pub fn new(user: &UserRow, token: &SecretToken, accounts: Vec<UserAccountRow>) -> Self {
        Self {
            user: UserObject::from(user),
            csrf_token: token.csrf_token(),
            accounts: accounts.into_iter().map(UserAccountObject::from).collect(),
        }
    }

    pub fn example() -> Value {
        json!({
            "user": UserObject::example(),
            "csrf_token": "mYQ1z0kq5nVxT3b6c9e2f4h7j8k0LpQrStUvWxYzA_E",
            "accounts": [UserAccountObject::example()],
        })
    }
}
