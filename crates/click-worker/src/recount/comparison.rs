//! Comparing the ledger with what the facts say.

use ledger::{
    conversions::credited_message_click,
    value_totals::{ValueDay, value_day_difference_all, value_day_list_current},
};
use postgres::pool::{GenericClient as _, Object, Transaction};
use tokio_postgres::{IsolationLevel, Row};

use super::{
    report::{Differences, Report},
    totals_tables::{EVENT_TOTALS, LINK_TOTALS, TOTALS, TotalsTable},
};

/// Compares everything in one snapshot of the database, so that what is stored meanwhile makes
/// no difference.
pub(super) async fn run(client: &mut Object, account: Option<i64>) -> anyhow::Result<Report> {
    let transaction = snapshot(client).await?;
    let comparison = Comparison {
        transaction: &transaction,
        account,
    };
    let report = Report {
        message_clicks: Differences::from_rows(&comparison.message_clicks().await?),
        credits: Differences::from_rows(&comparison.credits().await?),
        totals: Differences::from_rows(&comparison.totals(&TOTALS).await?),
        link_totals: Differences::from_rows(&comparison.totals(&LINK_TOTALS).await?),
        event_totals: Differences::from_rows(&comparison.totals(&EVENT_TOTALS).await?),
        value_totals: Differences::from_rows(&rows_of_days(comparison.value_totals().await?)),
        credit_backlog: comparison.count("credit_backlog").await?,
        clicks: comparison.count("clicks").await?,
        conversions: comparison.count("conversions").await?,
        repaired: false,
    };
    transaction.commit().await?;
    Ok(report)
}

/// The rows of all days.
pub(super) fn rows_of_days(days: Vec<(ValueDay, Vec<Row>)>) -> Vec<Row> {
    days.into_iter().flat_map(|(_, rows)| rows).collect()
}

/// Begins a transaction all of whose queries see the same state of the database.
pub(super) async fn snapshot(
    client: &mut Object,
) -> Result<Transaction<'_>, tokio_postgres::Error> {
    client
        .build_transaction()
        .isolation_level(IsolationLevel::RepeatableRead)
        .start()
        .await
}

/// Finds the rows that are different, in one snapshot.
pub(super) struct Comparison<'t> {
    pub transaction: &'t Transaction<'t>,
    /// `None` compares all accounts.
    pub account: Option<i64>,
}

impl Comparison<'_> {
    /// The number of rows of a table.
    pub async fn count(&self, table: &str) -> anyhow::Result<i64> {
        let sql =
            format!("SELECT count(*) FROM {table} WHERE $1::bigint IS NULL OR account_id = $1");
        Ok(self
            .transaction
            .query_one(&sql, &[&self.account])
            .await?
            .get(0))
    }

    pub async fn message_clicks(&self) -> anyhow::Result<Vec<Row>> {
        let sql = include_str!("message_clicks.sql");
        Ok(self.transaction.query(sql, &[&self.account]).await?)
    }

    /// Accounts with a credit backlog are left out, since some of their credits are still the old
    /// ones.
    pub async fn credits(&self) -> anyhow::Result<Vec<Row>> {
        let reversals = include_str!("reversals.sql");
        let is_reversal = "c.event IN ('refund', 'chargeback')";
        let counted = format!("CASE WHEN {is_reversal} THEN coalesce(r.counted, 0) END");
        let sql = format!(
            "WITH {reversals}
             SELECT c.account_id, c.conversion_id,
                    format('conversion %s: is credited to %s %s for %s, should be to %s for %s',
                           c.conversion_id, c.attribution, c.credited_click_id,
                           c.counted_amount, m.click_id, {counted})
                        AS difference
             FROM conversions c
             LEFT JOIN counted_reversals r ON r.conversion_id = c.conversion_id
             LEFT JOIN {} AS m ON true
             LEFT JOIN accounts a ON a.id = c.account_id
             WHERE ($1::bigint IS NULL OR c.account_id = $1)
               AND c.account_id IS NOT NULL
               AND c.account_id NOT IN (SELECT account_id FROM credit_backlog)
               AND c.converted_at >= coalesce(a.raw_since, '-infinity')
               AND (c.credited_click_id IS DISTINCT FROM m.click_id
                    OR c.counted_amount IS DISTINCT FROM {counted}
                    OR c.attribution <> CASE
                        WHEN m.click_id IS NOT NULL THEN 'click'
                        WHEN c.source = 'offer' THEN 'offer'
                        WHEN c.source = 'coupon' AND c.offer_id IS NOT NULL THEN 'offer'
                        WHEN c.source = 'import' AND c.click_id IS NULL AND c.link_key IS NULL
                        THEN 'offer'
                        ELSE 'none'
                    END)",
            credited_message_click()
        );
        Ok(self.transaction.query(&sql, &[&self.account]).await?)
    }

    /// The days with wrong sums, of those whose sums are current: reports read no others.
    pub async fn value_totals(&self) -> anyhow::Result<Vec<(ValueDay, Vec<Row>)>> {
        let mut days = Vec::new();
        for day in value_day_list_current(self.transaction, self.account).await? {
            let differences = value_day_difference_all(self.transaction, day).await?;
            if !differences.is_empty() {
                days.push((day, differences));
            }
        }
        Ok(days)
    }

    pub async fn totals(&self, table: &TotalsTable) -> anyhow::Result<Vec<Row>> {
        let sql = table.differences();
        Ok(self.transaction.query(&sql, &[&self.account]).await?)
    }
}
