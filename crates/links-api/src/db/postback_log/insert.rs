//! Inserting entries.

use domain::postback::log::LoggedPostback;
use jiff::Timestamp;
use postgres::pool::GenericClient;
use serde::Serialize;
use tokio_postgres::types::Json;

use crate::error::ApiError;

/// An entry to insert. Its account and address are those to store.
#[derive(Debug, Serialize)]
pub struct NewLogEntry {
    #[serde(flatten)]
    pub postback: LoggedPostback,
    pub received_at: Timestamp,
    /// Whether its click is to be looked for again.
    pub awaits_click: bool,
}

/// Inserts entries, except those that are there already. Returns the number of new ones.
pub async fn insert(client: &impl GenericClient, entries: &[NewLogEntry]) -> Result<u64, ApiError> {
    let statement = client
        .prepare_cached(
            "INSERT INTO postback_log
                 (postback_id, received_at, verdict, account_id, check_at, path, host,
                  conversion_id, first_conversion_id, event, status, amount, currency, txn_id,
                  refund_id, click_id, link_key, link_id, offer_id, credentials, authenticated,
                  flags, ignored, address, n_suppressed)
             SELECT postback_id, received_at, verdict, account_id,
                    CASE WHEN awaits_click THEN now() + interval '1 second' END, path, host,
                    conversion_id, first_conversion_id, event, status, amount, currency, txn_id,
                    refund_id, click_id, link_key, link_id, offer_id,
                    coalesce(credentials, '{}'), coalesce(authenticated, false),
                    coalesce(flags, '{}'), coalesce(ignored, '{}'), address, n_suppressed
             FROM jsonb_to_recordset($1) AS entry (
                 postback_id uuid, received_at timestamptz, verdict text, account_id bigint,
                 awaits_click boolean, path text, host text, conversion_id uuid,
                 first_conversion_id uuid, event text, status text, amount numeric,
                 currency text, txn_id text, refund_id text, click_id text, link_key bigint,
                 link_id text, offer_id text, credentials text[], authenticated boolean,
                 flags text[], ignored text[], address inet, n_suppressed integer
             )
             ON CONFLICT (postback_id) DO NOTHING",
        )
        .await?;
    Ok(client.execute(&statement, &[&Json(entries)]).await?)
}
