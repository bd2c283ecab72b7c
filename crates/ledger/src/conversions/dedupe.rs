//! One conversion for each dedupe key: the earliest.

use std::collections::HashMap;

use domain::id::ConversionId;
use postgres::pool::{GenericClient as _, Transaction};

use super::{
    NewConversion, attribution::conversion_delete_all, context::ConversionContext, conversion_id,
};
use crate::{totals::TotalsDelta, unnest::column};

/// Keeps the conversions that are the earliest of their dedupe key. A later one that is
/// stored already is deleted.
pub(super) async fn keep_first_per_dedupe_key(
    transaction: &Transaction<'_>,
    rows: Vec<(NewConversion, ConversionContext)>,
    delta: &mut TotalsDelta,
) -> Result<Vec<(NewConversion, ConversionContext)>, tokio_postgres::Error> {
    let mut rows = rows;
    rows.sort_by_key(|(c, _)| c.conversion_id);
    let statement = transaction
        .prepare_cached(
            "SELECT c.conversion_id, c.account_id, c.dedupe_key
             FROM unnest($1::bigint[], $2::text[]) AS k (account_id, dedupe_key)
             JOIN conversions c USING (account_id, dedupe_key)",
        )
        .await?;
    let accounts = column(&rows, |(c, _)| c.account_id);
    let keys = column(&rows, |(c, _)| c.dedupe_key());
    let stored = transaction.query(&statement, &[&accounts, &keys]).await?;
    let mut first: HashMap<(i64, String), ConversionId> = stored
        .iter()
        .map(|row| {
            (
                (row.get("account_id"), row.get("dedupe_key")),
                conversion_id(row),
            )
        })
        .collect();
    let mut kept = Vec::with_capacity(rows.len());
    let mut replaced = Vec::new();
    for (conversion, context) in rows {
        if let Some(account_id) = conversion.account_id {
            let id = conversion.conversion_id;
            match first.get(&(account_id, conversion.dedupe_key())) {
                Some(first_id) if *first_id < id => continue,
                // It cannot be of this batch, which is sorted by id: it is stored.
                Some(first_id) => replaced.push(*first_id),
                None => {}
            }
            first.insert((account_id, conversion.dedupe_key()), id);
        }
        kept.push((conversion, context));
    }
    conversion_delete_all(transaction, &replaced, delta).await?;
    Ok(kept)
}
