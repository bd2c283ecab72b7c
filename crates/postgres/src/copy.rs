//! Writing many new rows at once, by COPY in its binary form, for half of what an INSERT
//! of arrays costs. COPY knows no conflicts: whoever uses it must know that its rows are
//! new, as the holder of an account's lock does who has looked.

use std::pin::Pin;

use tokio_postgres::{
    binary_copy::BinaryCopyInWriter,
    types::{ToSql, Type},
};

use crate::pool::Transaction;

/// Rows on their way into a table. Dropped before [`RowCopy::finish`], it fails the
/// transaction.
pub struct RowCopy(Pin<Box<BinaryCopyInWriter>>);

impl RowCopy {
    /// `columns` are the names and types of the columns that each row has, in the order of
    /// its values.
    pub async fn begin(
        transaction: &Transaction<'_>,
        table: &str,
        columns: &[(&str, Type)],
    ) -> Result<Self, tokio_postgres::Error> {
        let names: Vec<_> = columns.iter().map(|(name, _)| *name).collect();
        let types: Vec<_> = columns.iter().map(|(_, of)| of.clone()).collect();
        let names = names.join(", ");
        let sql = format!("COPY {table} ({names}) FROM STDIN (FORMAT binary)");
        let sink = transaction.copy_in(&sql).await?;
        Ok(Self(Box::pin(BinaryCopyInWriter::new(sink, &types))))
    }

    pub async fn write(
        &mut self,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<(), tokio_postgres::Error> {
        self.0.as_mut().write(values).await
    }

    pub async fn finish(mut self) -> Result<(), tokio_postgres::Error> {
        self.0.as_mut().finish().await?;
        Ok(())
    }
}
