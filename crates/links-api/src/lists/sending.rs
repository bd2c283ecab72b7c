//! The list that a request names, as far as its links and messages need it.

use domain::{id::ListId, message::MessageFrame};

use crate::{
    body::{Text, given},
    error::ApiError,
    http::RequestContext,
    links::mint::ShortDomain,
    phone::PhoneNumber,
};

/// Which list a request names: `listId` beats `phoneNumber`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum WantedList {
    Id(i64),
    /// As it was sent, see [`WantedList::check`].
    Phone(String),
}

impl WantedList {
    pub fn of(id: Option<i64>, phone: &Option<Text>) -> Result<Self, ApiError> {
        match (id, given(phone)) {
            (Some(id), _) => Ok(Self::Id(id)),
            (None, Some(phone)) => Ok(Self::Phone(phone.to_owned())),
            (None, None) => Err(ApiError::MissingListIdentifier),
        }
    }

    /// Whether a number is one. What is beaten is not looked at.
    pub fn check(&self) -> Result<(), ApiError> {
        match self {
            Self::Phone(phone) if PhoneNumber::parse(phone).is_none() => {
                Err(ApiError::InvalidPhone("phoneNumber"))
            }
            Self::Id(_) | Self::Phone(_) => Ok(()),
        }
    }
}

/// An active list.
#[derive(Debug, Clone)]
pub struct SendingList {
    pub id: ListId,
    short_domain: Option<ShortDomain>,
    pub click_host: Option<String>,
    pub brand_name: Option<String>,
    prepend_text: Option<String>,
    append_text: Option<String>,
}

impl SendingList {
    pub fn short_domain(&self) -> Result<&ShortDomain, ApiError> {
        self.short_domain
            .as_ref()
            .ok_or(ApiError::NoDomainConfigured)
    }

    /// The list's texts, or else the account's.
    pub fn frame(&self) -> MessageFrame<'_> {
        MessageFrame {
            prepend: self.prepend_text.as_deref(),
            append: self.append_text.as_deref(),
        }
    }
}

pub async fn list_find_active(
    context: RequestContext<'_>,
    wanted: &WantedList,
) -> Result<Option<SendingList>, ApiError> {
    let (by_id, by_phone) = match wanted {
        WantedList::Id(id) => (Some(id), None),
        WantedList::Phone(phone) => (None, Some(phone)),
    };
    let statement = context
        .db
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
    let account_id = context.caller.account_id.0;
    let row = context
        .db
        .query_opt(&statement, &[&account_id, &by_id, &by_phone])
        .await?;
    Ok(row.map(|row| {
        let domain_id: Option<i64> = row.get("short_domain_id");
        SendingList {
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
