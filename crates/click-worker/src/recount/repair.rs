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
    conversions::{conversion_credit_all, conversion_find_affected},
    message_clicks::{message_click_delete_all, message_click_rebuild_all},
    totals::TotalsDelta,
};
use postgres::{
    advisory_lock::AdvisoryLock,
    pool::{GenericClient as _, Object},
};
use tokio_postgres::Row;

use super::{Differences, Find, LINK_TOTALS, MEASURES, Report, TOTALS, Table, snapshot};

/// Rows that are changed under the lock of an account in one transaction.
const MAX_PIECE: usize = 500;

/// Repairs what is different, and tells what that was: message clicks, then credits,
/// which follow from them, then totals, which follow from both.
pub async fn run(client: &mut Object, account: Option<i64>) -> anyhow::Result<Report> {
    let repair_lock = AdvisoryLock::RecountRepair;
    ensure!(
        repair_lock.try_acquire_for_session(client).await?,
        "another recount repairs this database"
    );
    let mut repair = Repair { client, account };
    let message_clicks = repair.message_clicks().await?;
    let credits = repair.credits().await?;
    let totals = repair.totals(&TOTALS).await?;
    let link_totals = repair.totals(&LINK_TOTALS).await?;
    let transaction = snapshot(repair.client).await?;
    let find = Find {
        transaction: &transaction,
        account,
    };
    Ok(Report {
        clicks: find.count("clicks").await?,
        conversions: find.count("conversions").await?,
        message_clicks,
        credits,
        totals,
        link_totals,
        repaired: true,
    })
}

struct Repair<'c> {
    client: &'c mut Object,
    account: Option<i64>,
}

impl Repair<'_> {
    async fn message_clicks(&mut self) -> anyhow::Result<Differences> {
        let transaction = snapshot(self.client).await?;
        let find = Find {
            transaction: &transaction,
            account: self.account,
        };
        let rows = find.message_clicks().await?;
        transaction.commit().await?;
        for (account_id, piece) in pieces(&rows) {
            let keys: BTreeMap<MessageClickKey, Timestamp> = piece.into_iter().map(key).collect();
            let transaction = self.client.transaction().await?;
            account_lock(&transaction, account_id).await?;
            let mut delta = TotalsDelta::default();
            // One whose click does not exist would be taken for one that retention left.
            let mut changes = message_click_delete_all(&transaction, &keys, &mut delta).await?;
            changes.extend(message_click_rebuild_all(&transaction, &keys, &mut delta).await?);
            let affected = conversion_find_affected(&transaction, &changes).await?;
            conversion_credit_all(&transaction, &affected, &mut delta).await?;
            delta.apply(&transaction).await?;
            transaction.commit().await?;
        }
        Ok(Differences::of(&rows))
    }

    async fn credits(&mut self) -> anyhow::Result<Differences> {
        let transaction = snapshot(self.client).await?;
        let find = Find {
            transaction: &transaction,
            account: self.account,
        };
        let rows = find.credits().await?;
        transaction.commit().await?;
        for (account_id, piece) in pieces(&rows) {
            let id = |row: &Row| ConversionId::from_uuid(row.get("conversion_id"));
            let ids: BTreeSet<_> = piece.into_iter().map(id).collect::<Result<_, _>>()?;
            let transaction = self.client.transaction().await?;
            account_lock(&transaction, account_id).await?;
            let mut delta = TotalsDelta::default();
            conversion_credit_all(&transaction, &ids, &mut delta).await?;
            delta.apply(&transaction).await?;
            transaction.commit().await?;
        }
        Ok(Differences::of(&rows))
    }

    /// Adds to the totals what they lack.
    async fn totals(&mut self, table: &Table) -> anyhow::Result<Differences> {
        let Table {
            name, key, columns, ..
        } = table;
        let transaction = snapshot(self.client).await?;
        // A table of the session's own has the differences: there may be millions.
        let sql = format!(
            "CREATE TEMPORARY TABLE lacking_{name} AS {}",
            table.differences()
        );
        let account = self.account.map_or("NULL".to_owned(), |id| id.to_string());
        let sql = sql.replace("$1", &account);
        transaction.batch_execute(&sql).await?;
        let sql = format!("SELECT ctid::text AS place, account_id, difference FROM lacking_{name}");
        let rows = transaction.query(&sql, &[]).await?;
        transaction.commit().await?;
        let measures = MEASURES.join(", ");
        let on_conflict = match table.is_unique {
            true => {
                let added = MEASURES
                    .map(|measure| format!("{measure} = t.{measure} + excluded.{measure}"))
                    .join(", ");
                format!("ON CONFLICT ({key}) DO UPDATE SET {added}")
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
        for (account_id, piece) in pieces(&rows) {
            let places: Vec<&str> = piece.into_iter().map(|row| row.get("place")).collect();
            let transaction = self.client.transaction().await?;
            account_lock(&transaction, account_id).await?;
            transaction.execute(&sql, &[&places]).await?;
            transaction.commit().await?;
        }
        let sql = format!("DROP TABLE lacking_{name}");
        self.client.batch_execute(&sql).await?;
        Ok(Differences::of(&rows))
    }
}

/// Rows of one account each, so many that its lock is not held for long.
fn pieces(rows: &[Row]) -> Vec<(i64, Vec<&Row>)> {
    let mut by_account: BTreeMap<i64, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        by_account
            .entry(row.get("account_id"))
            .or_default()
            .push(row);
    }
    let pieces = by_account.into_iter().flat_map(|(account_id, rows)| {
        let pieces = rows.chunks(MAX_PIECE).map(<[_]>::to_vec);
        pieces.map(|piece| (account_id, piece)).collect::<Vec<_>>()
    });
    pieces.collect()
}

fn key(row: &Row) -> (MessageClickKey, Timestamp) {
    let key = MessageClickKey {
        account_id: AccountId(row.get("account_id")),
        message_key: row.get("message_key"),
        contact_key: row.get("contact_key"),
    };
    (key, row.get("clicked_at"))
}
