//! Selecting one page of many rows.

use postgres::pool::GenericClient;
use tokio_postgres::{Row, types::ToSql};

use crate::{error::ApiError, http::PageRequest};

/// The parts of the query for a list.
#[derive(Debug, Clone, Copy)]
pub struct ListQuery<'a> {
    pub columns: &'a str,
    /// `FROM` and `WHERE`, with parameters from `$1` on.
    pub from: &'a str,
    pub order_by: &'a str,
}

/// The rows of the page, and the number of rows on all pages.
pub async fn select_page(
    client: &impl GenericClient,
    list: ListQuery<'_>,
    parameters: &[&(dyn ToSql + Sync)],
    page: PageRequest,
) -> Result<(Vec<Row>, i64), ApiError> {
    let ListQuery {
        columns,
        from,
        order_by,
    } = list;
    let count = format!("SELECT count(*) AS total {from}");
    let statement = client.prepare_cached(&count).await?;
    let total = client.query_one(&statement, parameters).await?;
    let n = parameters.len();
    let sql = format!(
        "SELECT {columns} {from} ORDER BY {order_by} LIMIT ${} OFFSET ${}",
        n + 1,
        n + 2
    );
    let statement = client.prepare_cached(&sql).await?;
    let (limit, offset) = (page.limit(), page.offset());
    let parameters = [parameters, &[&limit, &offset]].concat();
    let rows = client.query(&statement, &parameters).await?;
    Ok((rows, total.get("total")))
}
