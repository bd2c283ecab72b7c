//! What the audit trail says of a repair: a row for each account, with the numbers of what was
//! repaired. Each transaction of the repair writes it again, so that it is right whenever the
//! repair ends.

use std::collections::BTreeMap;

use postgres::{
    audit::{self, AuditRow, Command, new_id},
    pool::Transaction,
};
use serde_json::json;
use uuid::Uuid;

/// The rows of a repair.
#[derive(Debug)]
pub struct RepairAudit {
    command: Command,
    by_account: BTreeMap<i64, RepairedRows>,
}

/// The row of an account, and the number of repaired rows by what they are.
#[derive(Debug)]
struct RepairedRows {
    audit_id: Uuid,
    n_repaired: BTreeMap<&'static str, usize>,
}

impl Default for RepairAudit {
    fn default() -> Self {
        Self {
            command: Command::new("click-worker recount --repair"),
            by_account: BTreeMap::new(),
        }
    }
}

impl RepairAudit {
    /// Adds what a transaction repairs of an account, and writes the account's row.
    pub async fn write(
        &mut self,
        transaction: &Transaction<'_>,
        account_id: i64,
        (what, n_repaired): (&'static str, usize),
    ) -> Result<(), tokio_postgres::Error> {
        let repaired = self.by_account.entry(account_id);
        let repaired = repaired.or_insert_with(|| RepairedRows {
            audit_id: new_id(),
            n_repaired: BTreeMap::new(),
        });
        *repaired.n_repaired.entry(what).or_default() += n_repaired;
        let row = AuditRow {
            audit_id: repaired.audit_id,
            after: Some(json!({ "repaired": repaired.n_repaired })),
            ..self.command.row(Some(account_id), "totals")
        };
        audit::write(transaction, row).await
    }
}
