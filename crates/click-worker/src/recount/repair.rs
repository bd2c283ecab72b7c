//! Making message clicks, credits and totals what they should be.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::ensure;
use domain::{
    id::{AccountId, ConversionId},
    message_click_key::MessageClickKey,
};
use jiff::Timestamp;
use ledger::{
    account_lock,
    conversions::{
        conversion_credit_all, conversion_find_affected, credit_backlog_load,
        credit_backlog_process_chunk,
    },
    message_clicks::{message_click_delete_all, message_click_rebuild_all},
    totals::{TotalsDelta, custom_event_register_stored},
    value_totals::{value_day_compute, value_day_outdate_all},
};
use postgres::{
    advisory_lock::AdvisoryLock,
    pool::{GenericClient as _, Object},
};
use tokio_postgres::Row;

use super::{
    audit::RepairAudit,
    comparison::{Comparison, rows_of_days, snapshot},
    report::{Differences, Report},
    totals_tables::{EVENT_TOTALS, LINK_TOTALS, TOTALS, TotalsTable},
};

/// How many rows one transaction changes under the lock of an account.
const MAX_CHUNK: usize = 500;

/// Repairs what is different and reports it: message clicks first, then credits, which follow
/// from them, then totals, which follow from both.
pub async fn run(client: &mut Object, account: Option<i64>) -> anyhow::Result<Report> {
    let repair_lock = AdvisoryLock::RecountRepair;
    ensure!(
        repair_lock.try_acquire_for_session(client).await?,
        "another recount is repairing this database"
    );
    let mut repair = Repair {
        client,
        account,
        audit: RepairAudit::default(),
    };
    let message_clicks = repair.message_clicks().await?;
    repair.credit_backlog().await?;
    let credits = repair.credits().await?;
    let totals = repair.totals(&TOTALS).await?;
    let link_totals = repair.totals(&LINK_TOTALS).await?;
    repair.custom_events().await?;
    let event_totals = repair.totals(&EVENT_TOTALS).await?;
    let value_totals = repair.value_totals().await?;
    let transaction = snapshot(repair.client).await?;
    let comparison = Comparison {
        transaction: &transaction,
        account,
    };
    Ok(Report {
        credit_backlog: comparison.count("credit_backlog").await?,
        clicks: comparison.count("clicks").await?,
        conversions: comparison.count("conversions").await?,
        message_clicks,
        credits,
        totals,
        link_totals,
        event_totals,
        value_totals,
        repaired: true,
    })
}

struct Repair<'c> {
    client: &'c mut Object,
    account: Option<i64>,
    audit: RepairAudit,
}

impl Repair<'_> {
    async fn message_clicks(&mut self) -> anyhow::Result<Differences> {
        let transaction = snapshot(self.client).await?;
        let comparison = Comparison {
            transaction: &transaction,
            account: self.account,
        };
        let rows = comparison.message_clicks().await?;
        transaction.commit().await?;
        for (account_id, chunk) in chunks_by_account(&rows) {
            let keys: BTreeMap<MessageClickKey, Timestamp> =
                chunk.into_iter().map(key_and_time).collect();
            let transaction = self.client.transaction().await?;
            account_lock(&transaction, account_id).await?;
            let mut delta = TotalsDelta::default();
            // Without deleting them first, the ledger would keep a message click whose click
            // does not exist, since retention may have deleted the click.
            let mut changes = message_click_delete_all(&transaction, &keys, &mut delta).await?;
            changes.extend(message_click_rebuild_all(&transaction, &keys, &mut delta).await?);
            let affected = conversion_find_affected(&transaction, &changes).await?;
            conversion_credit_all(&transaction, &affected, &mut delta).await?;
            delta.apply(&transaction).await?;
            let repaired = ("message_clicks", keys.len());
            self.audit.write(&transaction, account_id, repaired).await?;
            transaction.commit().await?;
        }
        Ok(Differences::from_rows(&rows))
    }

    /// Credits what waits in the credit backlog, as a worker does.
    async fn credit_backlog(&mut self) -> anyhow::Result<()> {
        loop {
            let entries = credit_backlog_load(self.client, self.account, 1).await?;
            let Some(entry) = entries.first() else {
                return Ok(());
            };
            let transaction = self.client.transaction().await?;
            account_lock(&transaction, entry.account_id).await?;
            let mut delta = TotalsDelta::default();
            credit_backlog_process_chunk(&transaction, entry, MAX_CHUNK as i64, &mut delta).await?;
            delta.apply(&transaction).await?;
            transaction.commit().await?;
        }
    }

    async fn credits(&mut self) -> anyhow::Result<Differences> {
        let transaction = snapshot(self.client).await?;
        let comparison = Comparison {
            transaction: &transaction,
            account: self.account,
        };
        let rows = comparison.credits().await?;
        transaction.commit().await?;
        for (account_id, chunk) in chunks_by_account(&rows) {
            let id = |row: &Row| ConversionId::from_uuid(row.get("conversion_id"));
            let ids: BTreeSet<_> = chunk.into_iter().map(id).collect::<Result<_, _>>()?;
            let transaction = self.client.transaction().await?;
            account_lock(&transaction, account_id).await?;
            let mut delta = TotalsDelta::default();
            conversion_credit_all(&transaction, &ids, &mut delta).await?;
            delta.apply(&transaction).await?;
            let repaired = ("credits", ids.len());
            self.audit.write(&transaction, account_id, repaired).await?;
            transaction.commit().await?;
        }
        Ok(Differences::from_rows(&rows))
    }

    /// Gives the custom events of conversions of before their room among those that the totals
    /// tell apart.
    async fn custom_events(&mut self) -> anyhow::Result<()> {
        let sql = "SELECT id FROM accounts WHERE $1::bigint IS NULL OR id = $1 ORDER BY id";
        for row in self.client.query(sql, &[&self.account]).await? {
            let account_id: i64 = row.get("id");
            let transaction = self.client.transaction().await?;
            account_lock(&transaction, account_id).await?;
            let n_added = custom_event_register_stored(&transaction, account_id).await?;
            if n_added > 0 {
                let added = ("custom_events", n_added.try_into().unwrap_or(usize::MAX));
                self.audit.write(&transaction, account_id, added).await?;
            }
            transaction.commit().await?;
        }
        Ok(())
    }

    /// Computes the sums of those days again that have wrong ones.
    async fn value_totals(&mut self) -> anyhow::Result<Differences> {
        let transaction = snapshot(self.client).await?;
        let comparison = Comparison {
            transaction: &transaction,
            account: self.account,
        };
        let days = comparison.value_totals().await?;
        transaction.commit().await?;
        for (day, differences) in &days {
            let transaction = self.client.transaction().await?;
            account_lock(&transaction, day.account_id).await?;
            let outdated = BTreeSet::from([(day.account_id, day.day)]);
            value_day_outdate_all(&transaction, &outdated).await?;
            let repaired = ("value_totals", differences.len());
            self.audit
                .write(&transaction, day.account_id, repaired)
                .await?;
            transaction.commit().await?;
            value_day_compute(self.client, *day).await?;
        }
        Ok(Differences::from_rows(&rows_of_days(days)))
    }

    /// Adds to the totals what they lack.
    async fn totals(&mut self, table: &TotalsTable) -> anyhow::Result<Differences> {
        let TotalsTable {
            name,
            key,
            columns,
            measures: names,
            ..
        } = table;
        let transaction = snapshot(self.client).await?;
        // There may be millions of differences, so they are kept in a temporary table.
        let sql = format!(
            "CREATE TEMPORARY TABLE lacking_{name} AS {}",
            table.differences()
        );
        let account = self.account.map_or("NULL".to_owned(), |id| id.to_string());
        let sql = sql.replace("$1", &account);
        transaction.batch_execute(&sql).await?;
        let sql = format!(
            "SELECT ctid::text AS row_position, account_id, difference FROM lacking_{name}"
        );
        let rows = transaction.query(&sql, &[]).await?;
        transaction.commit().await?;
        let measures = names.join(", ");
        let on_conflict = match table.is_unique {
            true => {
                let add = |name: &&str| format!("{name} = t.{name} + excluded.{name}");
                let added: Vec<_> = names.iter().map(add).collect();
                format!("ON CONFLICT ({key}) DO UPDATE SET {}", added.join(", "))
            }
            false => String::new(),
        };
        let sql = format!(
            "INSERT INTO {name} AS t ({key}, {columns}{measures})
             SELECT {key}, {columns}{measures}
             FROM lacking_{name}
             WHERE ctid = ANY ($1::text[]::tid[])
             {on_conflict}"
        );
        for (account_id, chunk) in chunks_by_account(&rows) {
            let positions: Vec<&str> = chunk
                .into_iter()
                .map(|row| row.get("row_position"))
                .collect();
            let transaction = self.client.transaction().await?;
            account_lock(&transaction, account_id).await?;
            transaction.execute(&sql, &[&positions]).await?;
            let repaired = (*name, positions.len());
            self.audit.write(&transaction, account_id, repaired).await?;
            transaction.commit().await?;
        }
        let sql = format!("DROP TABLE lacking_{name}");
        self.client.batch_execute(&sql).await?;
        Ok(Differences::from_rows(&rows))
    }
}

/// Divides rows into chunks of one account each, small enough that its lock is not held for
/// long.
fn chunks_by_account(rows: &[Row]) -> Vec<(i64, Vec<&Row>)> {
    let mut by_account: BTreeMap<i64, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        by_account
            .entry(row.get("account_id"))
            .or_default()
            .push(row);
    }
    let chunks = by_account.into_iter().flat_map(|(account_id, rows)| {
        let chunks = rows.chunks(MAX_CHUNK).map(<[_]>::to_vec);
        chunks.map(|chunk| (account_id, chunk)).collect::<Vec<_>>()
    });
    chunks.collect()
}

fn key_and_time(row: &Row) -> (MessageClickKey, Timestamp) {
    let key = MessageClickKey {
        account_id: AccountId(row.get("account_id")),
        message_key: row.get("message_key"),
        contact_key: row.get("contact_key"),
    };
    (key, row.get("clicked_at"))
}
