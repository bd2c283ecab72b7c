//! Active lists as their links and messages need them.

use domain::{
    id::{AccountId, ListId},
    message::MessageFrame,
};
use postgres::pool::GenericClient;

use crate::{db::domains::ShortDomain, error::ApiError, fields::ListSelector};

/// An active list, with what its links and messages need.
#[derive(Debug, Clone)]
pub struct ActiveList {
    pub id: ListId,
    short_domain: Option<ShortDomain>,
    pub click_host: Option<String>,
    pub brand_name: Option<String>,
    prepend_text: Option<String>,
    append_text: Option<String>,
}

impl ActiveList {
    pub fn short_domain(&self) -> Result<&ShortDomain, ApiError> {
        self.short_domain
            .as_ref()
            .ok_or(ApiError::NoDomainConfigured)
    }

    /// The texts around each message: the list's, or else the account's.
    pub fn message_frame(&self) -> MessageFrame<'_> {
        MessageFrame {
            prepend: self.prepend_text.as_deref(),
            append: self.append_text.as_deref(),
        }
    }
}

pub async fn find_active(
    client: &impl GenericClient,
    account_id: AccountId,
    selector: &ListSelector,
) -> Result<Option<ActiveList>, ApiError> {
    let (by_id, by_phone) = match selector {
        ListSelector::Id(id) => (Some(id), None),
        ListSelector::Phone(phone) => (None, Some(phone)),
    };
    let statement = client
        .prepare_cached(
            "SELECT l.id, s.id AS short_domain_id, s.host AS short_host, c.host AS click_host,
                    l.brand_name,
                    coalesce(l.prepend_text, a.prepend_text) AS prepend_text,
                    coalesce(l.append_text, a.append_text) AS append_text
             FROM lists l
             JOIN accounts a ON a.id = l.account_id
             LEFT JOIN domains s ON s.id = l.short_domain_id AND s.status = 'active'
             LEFT JOIN domains c ON c.id = l.click_domain_id AND c.status = 'active'
             WHERE l.account_id = $1
               AND l.status = 'active'
               AND (l.id = $2 OR l.phone_number = $3)",
        )
        .await?;
    let row = client
        .query_opt(&statement, &[&account_id.0, &by_id, &by_phone])
        .await?;
    Ok(row.map(|row| {
        let domain_id: Option<i64> = row.get("short_domain_id");
        ActiveList {
            id: ListId(row.get("id")),
            short_domain: domain_id.map(|id| ShortDomain {
                id,
                host: row.get("short_host"),
            }),
            click_host: row.get("click_host"),
            brand_name: row.get("brand_name"),
            prepend_text: row.get("prepend_text"),
            append_text: row.get("append_text"),
        }
    }))
}
