//! Pages of clicks and conversions.
//!
//! Every writer of an account's clicks and conversions holds the lock of the account until its
//! transaction has ended, and draws the `storage_order` of its rows while it does
//! (`ledger::account_lock`). So of two transactions of an account, the later one has the higher
//! numbers, and is visible later: whoever sees a row sees all rows of the account with lower
//! numbers.

use domain::id::AccountId;
use jiff::Timestamp;
use postgres::pool::GenericClient;
use tokio_postgres::{Row, types::ToSql};
use uuid::Uuid;

use super::filter::FactFilter;
use crate::{
    error::ApiError,
    http::{NextPage, OrderDirection, Since},
};

/// A table of facts with its columns for the time and the id.
#[derive(Debug)]
pub struct FactTable {
    name: &'static str,
    time: &'static str,
    id: &'static str,
}

pub const CLICKS: FactTable = FactTable {
    name: "clicks",
    time: "clicked_at",
    id: "click_id",
};
pub const CONVERSIONS: FactTable = FactTable {
    name: "conversions",
    time: "converted_at",
    id: "conversion_id",
};

/// A page by time: at most `limit` rows, behind the one with the time and the id `cursor`.
#[derive(Debug, Clone, Copy)]
pub struct FactPage {
    pub direction: OrderDirection,
    pub cursor: Option<(Timestamp, Uuid)>,
    pub limit: i64,
}

impl FactTable {
    /// The condition on the time, with the parameters `$2` and `$3`. It has both ends also if the
    /// filter has none: for a partition without statistics, Postgres expects few rows of a period
    /// with two ends, and reads them in the order of the index.
    fn is_in_period(&self) -> String {
        let time = self.time;
        format!("c.{time} >= $2 AND c.{time} < $3")
    }
}

/// A page of the account's rows `c` by time.
pub async fn select_page(
    client: &impl GenericClient,
    account_id: AccountId,
    (table, columns): (&FactTable, &str),
    filter: &FactFilter,
    page: FactPage,
) -> Result<Vec<Row>, ApiError> {
    let FactTable { name, time, id } = table;
    // The condition on the time alone lets Postgres use the index of the account's clicks and
    // choose the partitions; the comparison with the cursor is exact within a millisecond.
    let (is_behind, direction) = match page.direction {
        OrderDirection::Ascending => (
            format!("c.{time} >= $5 AND (c.{time}, c.{id}) > ($5, $6)"),
            "ASC",
        ),
        OrderDirection::Descending => (
            format!("c.{time} <= $5 AND (c.{time}, c.{id}) < ($5, $6)"),
            "DESC",
        ),
    };
    let is_behind = match page.cursor {
        Some(_) => is_behind,
        None => "$5::timestamptz IS NULL AND $6::uuid IS NULL".to_owned(),
    };
    let sql = format!(
        "SELECT {columns}
         FROM {name} c
         WHERE c.account_id = $1 AND {} AND {is_behind}{}
         ORDER BY c.{time} {direction}, c.{id} {direction}
         LIMIT $4",
        table.is_in_period(),
        filter.sql(7),
    );
    let (cursor_time, cursor_id) = page.cursor.unzip();
    let (from, to) = (
        filter.from.unwrap_or(Timestamp::UNIX_EPOCH),
        filter.to.unwrap_or(Timestamp::MAX),
    );
    let parameters: [&(dyn ToSql + Sync); 6] = [
        &account_id.0,
        &from,
        &to,
        &page.limit,
        &cursor_time,
        &cursor_id,
    ];
    let parameters: Vec<_> = parameters.into_iter().chain(filter.parameters()).collect();
    // Not cached: there are as many statements as combinations of filters.
    Ok(client.query(&sql, &parameters).await?)
}

/// At most `limit` of the account's rows `c` in the order in which they were stored, and where
/// the next ones begin. Only the index of this order has the expression `account_id + 0`.
pub async fn select_since(
    client: &impl GenericClient,
    account_id: AccountId,
    (table, columns): (&FactTable, &str),
    filter: &FactFilter,
    since: Since,
    limit: i64,
) -> Result<(Vec<Row>, NextPage), ApiError> {
    // Another row may become visible before the second query: it has a higher number.
    let newest = find_newest(client, account_id, table).await?;
    let Since::Row(since) = since else {
        let next = NextPage::of_growing_list(newest.to_string(), false);
        return Ok((Vec::new(), next));
    };
    let sql = format!(
        "SELECT {columns}, c.storage_order
         FROM {} c
         WHERE (c.account_id + 0) = $1 AND {} AND c.storage_order > $5 AND c.storage_order <= $6{}
         ORDER BY c.storage_order
         LIMIT $4",
        table.name,
        table.is_in_period(),
        filter.sql(7),
    );
    let (from, to) = (
        filter.from.unwrap_or(Timestamp::UNIX_EPOCH),
        filter.to.unwrap_or(Timestamp::MAX),
    );
    let limit_and_one = limit + 1;
    let parameters: [&(dyn ToSql + Sync); 6] =
        [&account_id.0, &from, &to, &limit_and_one, &since, &newest];
    let parameters: Vec<_> = parameters.into_iter().chain(filter.parameters()).collect();
    let mut rows = client.query(&sql, &parameters).await?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    let next = match rows.last().filter(|_| has_more) {
        Some(row) => row.get("storage_order"),
        // Rows that the filter leaves out are not read again. The newest rows may be deleted.
        None => newest.max(since),
    };
    let next = NextPage::of_growing_list(next.to_string(), has_more);
    Ok((rows, next))
}

/// The highest number of the account's rows, or 0.
async fn find_newest(
    client: &impl GenericClient,
    account_id: AccountId,
    table: &FactTable,
) -> Result<i64, ApiError> {
    let sql = format!(
        "SELECT storage_order
         FROM {}
         WHERE (account_id + 0) = $1 AND storage_order IS NOT NULL
         ORDER BY storage_order DESC
         LIMIT 1",
        table.name
    );
    let statement = client.prepare_cached(&sql).await?;
    let row = client.query_opt(&statement, &[&account_id.0]).await?;
    Ok(row.map_or(0, |row| row.get("storage_order")))
}
