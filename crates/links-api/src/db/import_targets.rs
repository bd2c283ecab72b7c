//! What the rows of imports name, and what their account says about them.

use std::collections::BTreeSet;

use domain::{
    conversion::DEFAULT_CURRENCY,
    id::{AccountId, LinkCode},
};
use jiff::Timestamp;
use postgres::pool::GenericClient;

use crate::error::ApiError;

/// What an account says about conversions that it imports.
#[derive(Debug)]
pub struct ImportTerms {
    /// The currency of amounts without one.
    pub default_currency: String,
    /// The start of the first day that the account keeps.
    pub raw_since: Option<Timestamp>,
}

pub async fn find_import_terms(
    client: &impl GenericClient,
    account_id: AccountId,
) -> Result<ImportTerms, ApiError> {
    let statement = client
        .prepare_cached("SELECT default_currency, raw_since FROM accounts WHERE id = $1")
        .await?;
    let row = client.query_one(&statement, &[&account_id.0]).await?;
    let currency: Option<String> = row.get("default_currency");
    Ok(ImportTerms {
        default_currency: currency.unwrap_or_else(|| DEFAULT_CURRENCY.to_owned()),
        raw_since: row.get("raw_since"),
    })
}

/// A link that a conversion names.
#[derive(Debug, Clone)]
pub struct NamedLink {
    pub key: i64,
    pub short_id: String,
    pub code: Option<String>,
    pub offer_id: Option<String>,
    pub campaign_id: Option<String>,
    pub message_id: Option<String>,
    pub contact_phone: Option<String>,
}

impl NamedLink {
    /// Whether `id` is the link's short id or its `lnk_...`.
    pub fn has_id(&self, id: &str) -> bool {
        match LinkCode::parse_link_id(id) {
            Ok(code) => self.code.as_deref() == Some(code.as_str()),
            Err(_) => self.short_id == id,
        }
    }
}

/// The account's links with these ids.
pub async fn find_links(
    client: &impl GenericClient,
    account_id: AccountId,
    ids: &BTreeSet<&str>,
) -> Result<Vec<NamedLink>, ApiError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let codes = ids.iter().filter_map(|id| LinkCode::parse_link_id(id).ok());
    let codes: Vec<_> = codes.map(|code| code.to_string()).collect();
    let short_ids: Vec<_> = ids.iter().copied().collect();
    let statement = client
        .prepare_cached(
            "SELECT id, short_id, code, offer_id, campaign_id, message_id, contact_phone
             FROM links
             WHERE account_id = $1 AND short_id = ANY($2)
             UNION
             SELECT id, short_id, code, offer_id, campaign_id, message_id, contact_phone
             FROM links
             WHERE account_id = $1 AND code = ANY($3)",
        )
        .await?;
    let rows = client
        .query(&statement, &[&account_id.0, &short_ids, &codes])
        .await?;
    let link = |row: &tokio_postgres::Row| NamedLink {
        key: row.get("id"),
        short_id: row.get("short_id"),
        code: row.get("code"),
        offer_id: row.get("offer_id"),
        campaign_id: row.get("campaign_id"),
        message_id: row.get("message_id"),
        contact_phone: row.get("contact_phone"),
    };
    Ok(rows.iter().map(link).collect())
}

/// Those of some offers that are the account's.
pub async fn find_offers(
    client: &impl GenericClient,
    account_id: AccountId,
    ids: &BTreeSet<String>,
) -> Result<BTreeSet<String>, ApiError> {
    if ids.is_empty() {
        return Ok(BTreeSet::new());
    }
    let statement = client
        .prepare_cached("SELECT id FROM offers WHERE account_id = $1 AND id = ANY($2)")
        .await?;
    let ids: Vec<_> = ids.iter().collect();
    let rows = client.query(&statement, &[&account_id.0, &ids]).await?;
    Ok(rows.iter().map(|row| row.get("id")).collect())
}

/// Those of some lists that are the account's.
pub async fn find_lists(
    client: &impl GenericClient,
    account_id: AccountId,
    ids: &[i64],
) -> Result<Vec<i64>, ApiError> {
    let statement = client
        .prepare_cached("SELECT id FROM lists WHERE account_id = $1 AND id = ANY($2)")
        .await?;
    let rows = client.query(&statement, &[&account_id.0, &ids]).await?;
    Ok(rows.iter().map(|row| row.get("id")).collect())
}

/// Those of some campaigns that are the account's.
pub async fn find_campaigns(
    client: &impl GenericClient,
    account_id: AccountId,
    ids: &[&str],
) -> Result<Vec<String>, ApiError> {
    let statement = client
        .prepare_cached("SELECT id FROM campaigns WHERE account_id = $1 AND id = ANY($2)")
        .await?;
    let rows = client.query(&statement, &[&account_id.0, &ids]).await?;
    Ok(rows.iter().map(|row| row.get("id")).collect())
}
