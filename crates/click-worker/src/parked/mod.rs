//! Parked events: storing them fails because of a timeout or a deadlock, while the others of
//! their batch are stored. They are kept in Postgres and retried apart from the queue, with
//! much more time. `click-worker parked` shows them to operators.

mod command;
mod retry;

use postgres::pool::{GenericClient, Pool};

use crate::{event::Event, ingest::StoreError};
pub use command::{ParkedSettings, main};
pub use retry::retry_due;

/// Parks an event. An event that is parked already stays as it is.
pub async fn park(
    pool: &Pool,
    event: &Event,
    account_id: Option<i64>,
    reason: &str,
    detail: &str,
) -> Result<(), StoreError> {
    let client = pool.get().await?;
    let statement = client
        .prepare_cached(
            "INSERT INTO parked_events (event_id, account_id, line, reason, detail, retry_at)
             VALUES ($1, $2, $3, $4, $5, now() + interval '1 second')
             ON CONFLICT (event_id) DO NOTHING",
        )
        .await?;
    client
        .execute(
            &statement,
            &[&event.id(), &account_id, &event.line(), &reason, &detail],
        )
        .await?;
    Ok(())
}

/// Counts the parked events.
pub async fn count(pool: &Pool) -> Result<i64, StoreError> {
    let client = pool.get().await?;
    let statement = client
        .prepare_cached("SELECT count(*) AS n_parked FROM parked_events")
        .await?;
    Ok(client.query_one(&statement, &[]).await?.get("n_parked"))
}
