//! Writing a row whose columns clients set.

use postgres::pool::GenericClient;
use tokio_postgres::{Row, types::ToSql};

use super::placeholders;
use crate::error::ApiError;

/// Inserts a row and returns it. `columns` are names with commas between them, as many as there
/// are values; `keys` are the names and values of further columns.
pub async fn insert_row(
    client: &impl GenericClient,
    table: &str,
    columns: &str,
    values: &[&(dyn ToSql + Sync)],
    keys: &[(&str, &(dyn ToSql + Sync))],
) -> Result<Row, ApiError> {
    let names: Vec<_> = [columns]
        .into_iter()
        .chain(keys.iter().map(|(name, _)| *name))
        .collect();
    let parameters: Vec<_> = values
        .iter()
        .copied()
        .chain(keys.iter().map(|(_, v)| *v))
        .collect();
    let sql = format!(
        "INSERT INTO {table} ({})
         VALUES ({})
         RETURNING *",
        names.join(", "),
        placeholders(parameters.len()),
    );
    let statement = client.prepare_cached(&sql).await?;
    Ok(client.query_one(&statement, &parameters).await?)
}

/// Writes the values of the columns to the row with this id, gives the row the next version, by
/// which redirectors tell its record from older ones, and returns it. `columns` are names with
/// commas between them, as many as there are values.
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
