//! Lists, as redirectors read them.

use domain::{
    id::{AccountId, ListId},
    record::ListRecord,
};
use postgres::pool::GenericClient;
use tokio_postgres::types::Json;

use crate::error::ApiError;

pub async fn find(client: &impl GenericClient, id: ListId) -> Result<Option<ListRecord>, ApiError> {
    let statement = client
        .prepare_cached(
            "SELECT account_id, collapse_hops, fallback_url, interstitial, version
             FROM lists
             WHERE id = $1",
        )
        .await?;
    let row = client.query_opt(&statement, &[&id.0]).await?;
    Ok(row.map(|row| ListRecord {
        list_id: id,
        account_id: AccountId(row.get("account_id")),
        collapse_hops: row.get("collapse_hops"),
        fallback_url: row.get("fallback_url"),
        interstitial: row
            .get::<_, Option<Json<_>>>("interstitial")
            .map(|Json(page)| page),
        version: row.get("version"),
    }))
}
