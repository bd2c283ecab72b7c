//! Who sends a request, and what it may do.

use domain::{conversion::Author, id::AccountId};
use tokio_postgres::Row;

use super::scope::{Product, Scope};
use crate::{
    enumeration::Enumeration as _,
    error::{ApiError, UnauthorizedReason},
};

/// The account of requests that are about none. No account has this id.
pub const NO_ACCOUNT: AccountId = AccountId(0);

/// The user of a session.
#[derive(Debug, Clone)]
pub struct SessionUser {
    pub session_id: i64,
    pub user_id: i64,
    pub email: String,
    pub csrf_token: String,
}

/// Who sends a request.
#[derive(Debug)]
pub enum Identity {
    ApiKey {
        id: i64,
        name: String,
    },
    User(SessionUser),
    /// Of operations for which nobody has to sign in.
    Nobody,
}

/// Who sends a request, the account that it is about, and what it may do there.
#[derive(Debug)]
pub struct Caller {
    pub identity: Identity,
    /// [`NO_ACCOUNT`] in operations that are about none.
    pub account_id: AccountId,
    /// `None` if the key has no limit of its own.
    pub rate_limit_per_minute: Option<u32>,
    /// Whether links of the account filter bots if neither link nor offer decides.
    pub filters_bots: bool,
    pub(super) scopes: Vec<Scope>,
    pub(super) products: Vec<Product>,
}

impl Caller {
    /// A caller without an account, who may do nothing in any.
    pub fn new(identity: Identity) -> Self {
        Self {
            identity,
            account_id: NO_ACCOUNT,
            rate_limit_per_minute: None,
            filters_bots: false,
            scopes: Vec::new(),
            products: Vec::new(),
        }
    }

    pub(super) fn from_key_row(row: &Row) -> Self {
        let rate_limit: Option<i32> = row.get("rate_limit_per_minute");
        let scopes: Vec<&str> = row.get("scopes");
        let products: Vec<&str> = row.get("products");
        Self {
            identity: Identity::ApiKey {
                id: row.get("id"),
                name: row.get("name"),
            },
            rate_limit_per_minute: rate_limit.and_then(|limit| limit.try_into().ok()),
            account_id: AccountId(row.get("account_id")),
            filters_bots: row.get("filters_bots"),
            scopes: scopes.into_iter().filter_map(Scope::parse).collect(),
            products: products.into_iter().filter_map(Product::parse).collect(),
        }
    }

    /// Fails unless a scope of the caller grants it. `reads` is whether the request only reads.
    pub fn require(&self, scope: Scope, reads: bool) -> Result<(), ApiError> {
        if self
            .scopes
            .iter()
            .any(|granted| granted.grants(scope, reads))
        {
            Ok(())
        } else {
            Err(self.lacks(scope))
        }
    }

    /// The error of a caller that has not the scope.
    pub fn lacks(&self, scope: Scope) -> ApiError {
        match self.identity {
            Identity::User(_) => ApiError::RoleLacksScope(scope.name()),
            Identity::ApiKey { .. } | Identity::Nobody => ApiError::InsufficientScope(scope.name()),
        }
    }

    /// Whether the caller has all that the scope `other` grants. Keys see the numbers of contacts
    /// with `reports:read`.
    pub fn covers(&self, other: Scope) -> bool {
        let other = match (&self.identity, other) {
            (Identity::ApiKey { .. }, Scope::ContactsRead) => Scope::ReportsRead,
            (_, other) => other,
        };
        self.scopes
            .iter()
            .any(|granted| granted.grants(other, other.only_reads()))
    }

    pub fn require_product(&self, product: Product) -> Result<(), ApiError> {
        if self.products.contains(&product) {
            Ok(())
        } else {
            Err(ApiError::ProductNotEnabled(product.title()))
        }
    }

    /// Whether the caller may see the numbers of contacts. Every key with `reports:read` may.
    pub fn sees_contacts(&self) -> bool {
        match self.identity {
            Identity::User(_) => self.covers(Scope::ContactsRead),
            Identity::ApiKey { .. } | Identity::Nobody => true,
        }
    }

    pub fn key_id(&self) -> Option<i64> {
        match self.identity {
            Identity::ApiKey { id, .. } => Some(id),
            Identity::User(_) | Identity::Nobody => None,
        }
    }

    /// The user of the session. Fails for a key.
    pub fn user(&self) -> Result<&SessionUser, ApiError> {
        match &self.identity {
            Identity::User(user) => Ok(user),
            Identity::ApiKey { .. } | Identity::Nobody => Err(ApiError::SessionRequired),
        }
    }

    /// Who makes a change of a conversion.
    pub fn author(&self) -> Result<Author, ApiError> {
        match &self.identity {
            Identity::ApiKey { id, .. } => Ok(Author::ApiKey(*id)),
            Identity::User(user) => Ok(Author::User(user.user_id)),
            Identity::Nobody => Err(ApiError::Unauthorized(UnauthorizedReason::Absent)),
        }
    }
}
