//! The table `audit_log`: who changed what. Both services write it, in the transaction of the
//! change.
//!
//! The caller has taken secrets and contacts' numbers out of the values; this module limits
//! their size.

mod size;

use jiff::Timestamp;
use serde_json::Value;
use tokio_postgres::types::{Json, ToSql};
use uuid::Uuid;

use crate::pool::GenericClient;
pub use size::{MAX_VALUE_BYTES, limit_size};

/// A row of the audit trail.
#[derive(Debug)]
pub struct AuditRow<'a> {
    /// A UUID of version 7, by [`new_id`]. Writing a row again replaces its values.
    pub audit_id: Uuid,
    /// The account that is changed; `None` if the whole installation is.
    pub account_id: Option<i64>,
    pub actor: Actor<'a>,
    /// The id of the operation, or the command: `update_link`, `links-api admin create-key`.
    pub operation: &'a str,
    pub object_kind: &'a str,
    pub object_id: Option<&'a str>,
    /// At most [`MAX_VALUE_BYTES`] of each value are stored.
    pub before: Option<Value>,
    pub after: Option<Value>,
    pub request_id: Option<&'a str>,
}

/// Who makes a change.
#[derive(Debug, Clone, Copy)]
pub enum Actor<'a> {
    ApiKey {
        account_id: i64,
        key_id: i64,
        key_name: &'a str,
    },
    User {
        /// The account in which the user acts; `None` if the change is about none.
        account_id: Option<i64>,
        user_id: i64,
        email: &'a str,
    },
    Command(&'a Command),
}

/// A command of the command line, and who has started it.
#[derive(Debug)]
pub struct Command {
    name: &'static str,
    os_user: String,
    host: String,
}

impl Command {
    /// `name` is the command as it is typed: `click-worker parked drop`.
    pub fn new(name: &'static str) -> Self {
        let unknown = |_| "unknown".to_owned();
        Self {
            name,
            os_user: whoami::username().unwrap_or_else(unknown),
            host: whoami::hostname().unwrap_or_else(unknown),
        }
    }

    /// A row about what the command does to an account, or to the whole installation.
    pub fn row(&self, account_id: Option<i64>, object_kind: &'static str) -> AuditRow<'_> {
        AuditRow {
            audit_id: new_id(),
            account_id,
            actor: Actor::Command(self),
            operation: self.name,
            object_kind,
            object_id: None,
            before: None,
            after: None,
            request_id: None,
        }
    }
}

/// A new id of a row, which carries the current time.
pub fn new_id() -> Uuid {
    Uuid::now_v7()
}

/// The smallest UUID of version 7 that a row of this time can have.
pub fn first_id_of(time: Timestamp) -> Uuid {
    let unix_ms = u64::try_from(time.as_millisecond()).unwrap_or(0);
    Uuid::from_u64_pair(unix_ms << 16, 0)
}

/// Writes a row, in the transaction of the change. A change of several transactions writes the
/// same row in each of them, with what is done by then.
pub async fn write(
    client: &impl GenericClient,
    row: AuditRow<'_>,
) -> Result<(), tokio_postgres::Error> {
    let statement = client
        .prepare_cached(
            "INSERT INTO audit_log (audit_id, occurred_at, account_id, actor_account_id,
                                    api_key_id, api_key_name, os_user, host, operation,
                                    object_kind, object_id, before, after, request_id,
                                    user_id, user_email)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
             ON CONFLICT (audit_id) DO UPDATE
             SET before = excluded.before, after = excluded.after",
        )
        .await?;
    let actor = ActorColumns::from(row.actor);
    let before = row.before.map(limit_size).map(Json);
    let after = row.after.map(limit_size).map(Json);
    let parameters: [&(dyn ToSql + Sync); 16] = [
        &row.audit_id,
        &time_of(row.audit_id),
        &row.account_id,
        &actor.account_id,
        &actor.key_id,
        &actor.key_name,
        &actor.os_user,
        &actor.host,
        &row.operation,
        &row.object_kind,
        &row.object_id,
        &before,
        &after,
        &row.request_id,
        &actor.user_id,
        &actor.user_email,
    ];
    client.execute(&statement, &parameters).await?;
    Ok(())
}

/// The columns of an actor.
#[derive(Default)]
struct ActorColumns<'a> {
    account_id: Option<i64>,
    key_id: Option<i64>,
    key_name: Option<&'a str>,
    user_id: Option<i64>,
    user_email: Option<&'a str>,
    os_user: Option<&'a str>,
    host: Option<&'a str>,
}

impl<'a> From<Actor<'a>> for ActorColumns<'a> {
    fn from(actor: Actor<'a>) -> Self {
        match actor {
            Actor::ApiKey {
                account_id,
                key_id,
                key_name,
            } => Self {
                account_id: Some(account_id),
                key_id: Some(key_id),
                key_name: Some(key_name),
                ..Self::default()
            },
            Actor::User {
                account_id,
                user_id,
                email,
            } => Self {
                account_id,
                user_id: Some(user_id),
                user_email: Some(email),
                ..Self::default()
            },
            Actor::Command(command) => Self {
                os_user: Some(&command.os_user),
                host: Some(&command.host),
                ..Self::default()
            },
        }
    }
}

/// The time of a UUID of version 7, to the millisecond.
fn time_of(id: Uuid) -> Timestamp {
    let unix_ms = i64::try_from(id.as_u128() >> 80).unwrap_or(0);
    Timestamp::from_millisecond(unix_ms).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_its_time_and_is_before_the_first_one_of_a_later_time() {
        let before = Timestamp::now();
        let id = new_id();
        assert!((time_of(id).as_millisecond() - before.as_millisecond()).abs() < 1_000);
        let time = time_of(id);
        let next = Timestamp::from_millisecond(time.as_millisecond() + 1).unwrap();
        assert!(first_id_of(time) <= id);
        assert!(id < first_id_of(next));
    }

    #[test]
    fn a_command_names_its_user_and_host() {
        let command = Command::new("links-api admin create-key");
        assert!(!command.os_user.is_empty());
        assert!(!command.host.is_empty());
    }
}
