//! Users as JSON.

use domain::conversion::DEFAULT_CURRENCY;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    auth::Role,
    db::{members::UserAccountRow, users::UserRow},
    enumeration::Enumeration as _,
};

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "SignedInUser")]
pub struct UserObject {
    id: i64,
    email: String,
    name: String,
}

/// An account of a user.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "UserAccount")]
pub struct UserAccountObject {
    id: i64,
    name: String,
    role: Role,
    /// What the role may do there, as the scopes of a key.
    scopes: Vec<&'static str>,
    /// The zone in which reports count days unless they name another.
    time_zone: &'static str,
    /// The currency of amounts that name none.
    currency: String,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "SecondFactor")]
pub struct SecondFactorObject {
    /// Whether sign-in asks for codes.
    pub enabled: bool,
    pub recovery_codes_left: i64,
}

impl From<&UserRow> for UserObject {
    fn from(row: &UserRow) -> Self {
        Self {
            id: row.id.0,
            email: row.email.clone(),
            name: row.name.clone(),
        }
    }
}

impl From<UserAccountRow> for UserAccountObject {
    fn from(row: UserAccountRow) -> Self {
        let currency = row.default_currency;
        let scopes = row.role.scopes().iter();
        Self {
            id: row.account_id.0,
            name: row.name,
            role: row.role,
            scopes: scopes.map(|scope| scope.name()).collect(),
            time_zone: "UTC",
            currency: currency.unwrap_or_else(|| DEFAULT_CURRENCY.to_owned()),
        }
    }
}

impl UserObject {
    pub fn example() -> Value {
        json!({ "id": 4, "email": "ada@example.com", "name": "Ada Ford" })
    }
}

impl UserAccountObject {
    pub fn example() -> Value {
        json!({
            "id": 1,
            "name": "Example",
            "role": "owner",
            "scopes": ["*"],
            "time_zone": "UTC",
            "currency": "USD",
        })
    }
}
