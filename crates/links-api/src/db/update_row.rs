//! Updating a row that redirectors have a record of.

use postgres::pool::GenericClient;
use tokio_postgres::{Row, types::ToSql};

use super::placeholders;
use crate::error::ApiError;

/// Writes the values of the columns to the row with this id, gives the row the next version and
/// returns it. `columns` are names with commas between them, as many as there are values.
pub async fn update_row(
    client: &impl GenericClient,
    table: &str,
    columns: &str,
    values: &[&(dyn ToSql + Sync)],
    id: &(dyn ToSql + Sync),
) -> Result<Row, ApiError> {
    let n = values.len();
    let sql = format!(
        "UPDATE {table}
         SET ({columns}) = ROW ({}),
             version = version + 1,
             updated_at = now()
         WHERE id = ${}
         RETURNING *",
        placeholders(n),
        n + 1,
    );
    let statement = client.prepare_cached(&sql).await?;
    let parameters = [values, &[id]].concat();
    Ok(client.query_one(&statement, &parameters).await?)
}
