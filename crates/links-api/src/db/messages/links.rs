//! The links of messages that were sent: those that have the message's id and a placeholder if
//! it was rendered, and those that were named if it was recorded.

use std::collections::HashMap;

use domain::{delivery::DeliveryReport, id::AccountId};
use jiff::Timestamp;
use postgres::pool::GenericClient;
use tokio_postgres::Row;

use super::delivery::report_from_row;
use crate::error::ApiError;

/// Key and offer of each link of messages, in the order of the keys, by message id. A message
/// without links is missing.
pub async fn find_links(
    client: &impl GenericClient,
    account_id: AccountId,
    ids: &[&str],
) -> Result<HashMap<String, Vec<(i64, Option<String>)>>, ApiError> {
    let statement = client
        .prepare_cached(
            "SELECT m.message_id, l.id, l.offer_id
             FROM messages m
             JOIN links l ON l.account_id = m.account_id AND l.message_id = m.message_id
             WHERE m.account_id = $1
               AND m.message_id = ANY ($2)
               AND m.link_keys IS NULL
               AND l.placeholder IS NOT NULL
             UNION ALL
             SELECT m.message_id, l.id, l.offer_id
             FROM messages m
             CROSS JOIN LATERAL unnest(m.link_keys) AS key
             JOIN links l ON l.id = key
             WHERE m.account_id = $1 AND m.message_id = ANY ($2)
             ORDER BY 2",
        )
        .await?;
    let rows = client.query(&statement, &[&account_id.0, &ids]).await?;
    let mut links: HashMap<String, Vec<_>> = HashMap::new();
    for row in &rows {
        let link = (row.get("id"), row.get("offer_id"));
        links.entry(row.get("message_id")).or_default().push(link);
    }
    Ok(links)
}

/// When a rendered message was sent, what is known of its delivery, and the offers of its
/// links; an offer is `None` for a link without one.
#[derive(Debug, Clone)]
pub struct SentOffers {
    pub sent_at: Timestamp,
    pub report: DeliveryReport,
    pub offer_ids: Vec<Option<String>>,
}

/// When rendered messages were sent and which offers they had, by id. The links `except` are
/// left out.
pub async fn find_sent_offers(
    client: &impl GenericClient,
    account_id: AccountId,
    ids: &[&str],
    except: &[i64],
) -> Result<HashMap<String, SentOffers>, ApiError> {
    let statement = client
        .prepare_cached(
            "SELECT m.message_id, m.sent_at, m.status, m.status_at, m.status_reason,
                    array_agg(l.offer_id) FILTER (WHERE l.id IS NOT NULL) AS offers
             FROM messages m
             LEFT JOIN links l
               ON l.account_id = m.account_id
              AND l.message_id = m.message_id
              AND l.placeholder IS NOT NULL
              AND l.id <> ALL ($3)
             WHERE m.account_id = $1 AND m.message_id = ANY ($2)
             GROUP BY m.account_id, m.message_id",
        )
        .await?;
    let rows = client
        .query(&statement, &[&account_id.0, &ids, &except])
        .await?;
    let sent = |row: &Row| {
        let offers: Option<Vec<Option<String>>> = row.get("offers");
        let sent = SentOffers {
            sent_at: row.get("sent_at"),
            report: report_from_row(row),
            offer_ids: offers.unwrap_or_default(),
        };
        (row.get("message_id"), sent)
    };
    Ok(rows.iter().map(sent).collect())
}
