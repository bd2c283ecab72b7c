//! The table `link_totals`: what happened to each link.

use std::collections::{HashMap, HashSet};

use domain::id::AccountId;
use postgres::pool::GenericClient;
use rust_decimal::Decimal;
use tokio_postgres::Row;

use super::links::SHORT_URL;
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

/// Those of the links that were clicked, converted or sent before. Under the lock of the account
/// no click can come in between.
pub async fn find_links_with_history(
    client: &impl GenericClient,
    account_id: AccountId,
    keys: &[i64],
) -> Result<HashSet<i64>, ApiError> {
    let statement = client
        .prepare_cached(
            "SELECT DISTINCT link_key
             FROM link_totals
             WHERE account_id = $1
               AND link_key = ANY ($2)
               AND (clicks <> 0 OR conversions <> 0 OR pending_conversions <> 0 OR sends <> 0)",
        )
        .await?;
    let rows = client.query(&statement, &[&account_id.0, &keys]).await?;
    Ok(rows.iter().map(|row| row.get("link_key")).collect())
}

/// A link of a message, and the clicks on it.
#[derive(Debug)]
pub struct MessageLinkRow {
    pub link_id: String,
    pub short_url: String,
    pub placeholder: Option<String>,
    pub offer_id: Option<String>,
    pub clicks: i64,
    pub unique_clicks: i64,
    pub bot_clicks: i64,
}

/// The links of a message, in the order in which they were created.
pub async fn select_links_of_message(
    client: &impl GenericClient,
    account_id: AccountId,
    message_id: &str,
) -> Result<Vec<MessageLinkRow>, ApiError> {
    let sql = format!(
        "SELECT l.short_id, {SHORT_URL} AS short_url, l.placeholder, l.offer_id,
                coalesce(sum(t.clicks), 0)::bigint AS clicks,
                coalesce(sum(t.unique_clicks), 0)::bigint AS unique_clicks,
                coalesce(sum(t.bot_clicks), 0)::bigint AS bot_clicks
         FROM links l
         JOIN domains d ON d.id = l.domain_id
         LEFT JOIN link_totals t ON t.account_id = l.account_id AND t.link_key = l.id
         WHERE l.account_id = $1 AND l.message_id = $2
         GROUP BY l.id, d.host
         ORDER BY l.id"
    );
    let statement = client.prepare_cached(&sql).await?;
    let rows = client
        .query(&statement, &[&account_id.0, &message_id])
        .await?;
    let link = |row: &Row| MessageLinkRow {
        link_id: row.get("short_id"),
        short_url: row.get("short_url"),
        placeholder: row.get("placeholder"),
        offer_id: row.get("offer_id"),
        clicks: row.get("clicks"),
        unique_clicks: row.get("unique_clicks"),
        bot_clicks: row.get("bot_clicks"),
    };
    Ok(rows.iter().map(link).collect())
}

/// The conversions that are credited to the links of a message, and their revenue in one
/// currency.
#[derive(Debug)]
pub struct CurrencyTotal {
    pub currency: String,
    pub conversions: i64,
    pub revenue: Decimal,
}

pub async fn sum_conversions_of_message(
    client: &impl GenericClient,
    account_id: AccountId,
    message_id: &str,
) -> Result<Vec<CurrencyTotal>, ApiError> {
    let statement = client
        .prepare_cached(
            "SELECT t.currency::text AS currency, sum(t.conversions)::bigint AS conversions,
                    sum(t.revenue) AS revenue
             FROM links l
             JOIN link_totals t ON t.account_id = l.account_id AND t.link_key = l.id
             WHERE l.account_id = $1 AND l.message_id = $2 AND t.currency <> ''
             GROUP BY t.currency",
        )
        .await?;
    let rows = client
        .query(&statement, &[&account_id.0, &message_id])
        .await?;
    let total = |row: &Row| CurrencyTotal {
        currency: row.get("currency"),
        conversions: row.get("conversions"),
        revenue: row.get("revenue"),
    };
    Ok(rows.iter().map(total).collect())
}
