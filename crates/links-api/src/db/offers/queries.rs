//! Reading and writing offers.

use domain::id::{AccountId, OfferId};
use postgres::pool::GenericClient;
use tokio_postgres::types::ToSql;

use super::{
    OfferFields, OfferKind, OfferRow, OfferStatus,
    fields::{FIELD_COLUMNS, values},
};
use crate::{
    db::{ListQuery, RowLock, placeholders, update_row},
    error::ApiError,
    http::PageRequest,
};

/// A page of the account's offers, and the number of all; without a status, those that are not
/// archived.
pub async fn select_page(
    client: &impl GenericClient,
    account_id: AccountId,
    kind: OfferKind,
    status: Option<OfferStatus>,
    page: PageRequest,
) -> Result<(Vec<OfferRow>, i64), ApiError> {
    let columns = format!("id, kind, {FIELD_COLUMNS}, created_at, updated_at");
    let query = ListQuery {
        columns: &columns,
        from: "
            FROM offers
            WHERE account_id = $1
              AND kind = $2
              AND CASE WHEN $3::text IS NULL THEN status <> 'archived' ELSE status = $3 END
        ",
        order_by: "created_at DESC, id DESC",
    };
    let parameters: [&(dyn ToSql + Sync); 3] = [&account_id.0, &kind, &status];
    let (rows, total) = crate::db::select_page(client, query, &parameters, page).await?;
    Ok((rows.iter().map(OfferRow::from).collect(), total))
}

pub async fn find(
    client: &impl GenericClient,
    account_id: AccountId,
    kind: OfferKind,
    id: OfferId,
    lock: RowLock,
) -> Result<Option<OfferRow>, ApiError> {
    let lock = lock.clause();
    let sql = format!(
        "SELECT id, kind, {FIELD_COLUMNS}, created_at, updated_at
         FROM offers
         WHERE account_id = $1 AND kind = $2 AND id = $3
         {lock}"
    );
    let statement = client.prepare_cached(&sql).await?;
    let row = client
        .query_opt(&statement, &[&account_id.0, &kind, &id.to_string()])
        .await?;
    Ok(row.as_ref().map(OfferRow::from))
}

/// Inserts an offer unless its slug is taken; whether it was inserted.
pub async fn try_insert(
    client: &impl GenericClient,
    account_id: AccountId,
    kind: OfferKind,
    id: OfferId,
    fields: &OfferFields,
) -> Result<bool, ApiError> {
    let values = values(fields);
    let n = values.len();
    let sql = format!(
        "INSERT INTO offers ({FIELD_COLUMNS}, id, account_id, kind)
         VALUES ({}, ${}, ${}, ${})
         ON CONFLICT (account_id, kind, slug) DO NOTHING",
        placeholders(n),
        n + 1,
        n + 2,
        n + 3,
    );
    let statement = client.prepare_cached(&sql).await?;
    let id = id.to_string();
    let parameters = [&values[..], &[&id, &account_id.0, &kind]].concat();
    let n_inserted = client.execute(&statement, &parameters).await?;
    Ok(n_inserted == 1)
}

pub async fn update(
    client: &impl GenericClient,
    id: OfferId,
    fields: &OfferFields,
) -> Result<(), ApiError> {
    let values = values(fields);
    update_row(client, "offers", FIELD_COLUMNS, &values, &id.to_string()).await?;
    Ok(())
}

/// Archives an offer; whether the account has the offer.
pub async fn archive(
    client: &impl GenericClient,
    account_id: AccountId,
    kind: OfferKind,
    id: OfferId,
) -> Result<bool, ApiError> {
    let statement = client
        .prepare_cached(
            "UPDATE offers
             SET status = 'archived', version = version + 1, updated_at = now()
             WHERE account_id = $1 AND kind = $2 AND id = $3",
        )
        .await?;
    let n_archived = client
        .execute(&statement, &[&account_id.0, &kind, &id.to_string()])
        .await?;
    Ok(n_archived > 0)
}

/// Those of the ids that are ids of the account's offers.
pub async fn find_existing(
    client: &impl GenericClient,
    account_id: AccountId,
    ids: &[String],
) -> Result<Vec<String>, ApiError> {
    let statement = client
        .prepare_cached("SELECT id FROM offers WHERE account_id = $1 AND id = ANY($2)")
        .await?;
    let rows = client.query(&statement, &[&account_id.0, &ids]).await?;
    Ok(rows.iter().map(|row| row.get("id")).collect())
}

/// How many of the ids are ids of active offers of the account.
pub async fn count_active(
    client: &impl GenericClient,
    account_id: AccountId,
    ids: &[String],
) -> Result<i64, ApiError> {
    let statement = client
        .prepare_cached(
            "SELECT count(*) AS n_active
             FROM offers
             WHERE account_id = $1 AND id = ANY($2) AND status = 'active'",
        )
        .await?;
    let row = client.query_one(&statement, &[&account_id.0, &ids]).await?;
    Ok(row.get("n_active"))
}
