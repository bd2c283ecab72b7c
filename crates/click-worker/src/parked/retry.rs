//! Retrying parked events: each alone, with more time than a batch has. An example is a click
//! after which the credits of a million conversions change.

use std::time::Duration;

use postgres::pool::{GenericClient as _, Object, Pool};

use crate::{
    event::Event,
    ingest::{BatchWriter, Remedy, StoreError, WriteOptions},
};

/// How long a statement may run for a parked event.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(600);
/// How many events one run retries at most.
const MAX_EVENTS: i64 = 100;

struct ParkedEvent {
    id: i64,
    line: Vec<u8>,
}

/// Retries the events that are due. Returns how many it has stored.
pub async fn retry_due(pool: &Pool, writer: &mut BatchWriter) -> Result<u64, StoreError> {
    let due = parked_find_due(pool).await?;
    let mut n_stored = 0;
    for parked in due {
        match retry(writer, &parked).await {
            Ok(()) => {
                n_stored += 1;
                tracing::info!(parked.id, "stored a parked event");
            }
            Err(RetryError::Store(error)) if error.remedy() == Remedy::Retry => {
                return Err(error);
            }
            Err(error) => {
                let detail = error.to_string();
                tracing::warn!(
                    parked.id,
                    error.message = detail,
                    "storing a parked event failed again, postponing it"
                );
                let client = pool.get().await?;
                parked_postpone(&client, parked.id, &detail).await?;
            }
        }
    }
    Ok(n_stored)
}

#[derive(Debug, thiserror::Error)]
enum RetryError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the event cannot be parsed: {0}")]
    Invalid(#[from] domain::event::InvalidEvent),
}

async fn retry(writer: &mut BatchWriter, parked: &ParkedEvent) -> Result<(), RetryError> {
    let event = Event::parse_stored_line(&parked.line)?;
    let mut account_id = event.account_id();
    if account_id.is_none()
        && let Some(click) = event.named_click()
    {
        account_id = writer
            .load_click_accounts(&[click])
            .await?
            .get(&click)
            .copied();
    }
    let options = WriteOptions {
        awaited_account: account_id,
        statement_timeout: Some(STATEMENT_TIMEOUT),
        parked_id: Some(parked.id),
    };
    writer.write(&[(account_id, &event)], options).await?;
    Ok(())
}

async fn parked_find_due(pool: &Pool) -> Result<Vec<ParkedEvent>, StoreError> {
    let client = pool.get().await?;
    let statement = client
        .prepare_cached(
            "SELECT id, line
             FROM parked_events
             WHERE retry_at <= now()
             ORDER BY retry_at
             LIMIT $1",
        )
        .await?;
    let rows = client.query(&statement, &[&MAX_EVENTS]).await?;
    let parked = |row: &tokio_postgres::Row| ParkedEvent {
        id: row.get("id"),
        line: row.get("line"),
    };
    Ok(rows.iter().map(parked).collect())
}

/// Postpones the next retry: twice as long each time, and by an hour at most.
async fn parked_postpone(client: &Object, id: i64, detail: &str) -> Result<(), StoreError> {
    let statement = client
        .prepare_cached(
            "UPDATE parked_events
             SET tries = tries + 1,
                 detail = $2,
                 retry_at = now() + least(interval '2 seconds' * 2 ^ least(tries, 12), interval '1 hour')
             WHERE id = $1",
        )
        .await?;
    client.execute(&statement, &[&id, &detail]).await?;
    Ok(())
}
