//! The table `link_totals`: what happened to each link.

use std::collections::HashMap;

use domain::id::AccountId;
use postgres::pool::GenericClient;

use crate::error::ApiError;

/// What happened to a link since it was created.
#[derive(Debug, Clone, Copy, Default)]
pub struct LinkCounts {
    pub clicks: i64,
    pub unique_clicks: i64,
    pub conversions: i64,
}

/// The counts of these links, by key. Links to which nothing happened are missing.
pub async fn sum_by_link(
    client: &impl GenericClient,
    account_id: AccountId,
    keys: &[i64],
) -> Result<HashMap<i64, LinkCounts>, ApiError> {
    let statement = client
        .prepare_cached(
            "SELECT link_key,
                    sum(clicks)::bigint AS clicks,
                    sum(unique_clicks)::bigint AS unique_clicks,
                    sum(conversions)::bigint AS conversions
             FROM link_totals
             WHERE account_id = $1 AND link_key = ANY($2)
             GROUP BY link_key",
        )
        .await?;
    let rows = client.query(&statement, &[&account_id.0, &keys]).await?;
    let counts = rows.iter().map(|row| {
        let counts = LinkCounts {
            clicks: row.get("clicks"),
            unique_clicks: row.get("unique_clicks"),
            conversions: row.get("conversions"),
        };
        (row.get("link_key"), counts)
    });
    Ok(counts.collect())
}
