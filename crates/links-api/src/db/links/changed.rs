//! Announcing changed links to the redirectors.

use postgres::pool::GenericClient;

use super::find_records;
use crate::{error::ApiError, outbox::Outbox};

/// Announces links as changed under each of their names: short id, tracker token and code.
pub async fn record_links_changed(
    client: &impl GenericClient,
    outbox: &Outbox<'_>,
    keys: &[i64],
) -> Result<(), ApiError> {
    let links = find_records(client, keys).await?;
    outbox
        .record_changed(links.iter().flat_map(|link| link.record_keys()))
        .await
}
