//! What offers, campaigns and accounts say about conversions.

use std::collections::{BTreeSet, HashMap};

use domain::postback::{PostbackMapping, PostbackMode};
use postgres::pool::{GenericClient as _, Transaction};
use rust_decimal::Decimal;
use tokio_postgres::{Row, types::Json};

/// What an offer says about its conversions.
pub(super) struct OfferTerms {
    /// The payout for each conversion. `None` if the offer pays for clicks.
    pub payout: Option<Decimal>,
    pub window_days: i32,
    /// What postbacks must prove, if the offer overrides its account.
    pub postbacks: Option<PostbackMode>,
    /// How postbacks are read, if the offer overrides its account.
    pub mapping: Option<PostbackMapping>,
}

/// Which conversions an account accepts without a secret, and how it reads postbacks.
pub(super) struct PostbackPolicy {
    mode: PostbackMode,
    max_amount: Option<Decimal>,
    pub mapping: Option<PostbackMapping>,
    pub default_currency: Option<String>,
}

impl PostbackPolicy {
    pub(super) fn accepts(
        &self,
        revenue: Option<Decimal>,
        offer_mode: Option<PostbackMode>,
    ) -> bool {
        let is_open = offer_mode.unwrap_or(self.mode) == PostbackMode::Open;
        let is_small = match (revenue, self.max_amount) {
            (Some(revenue), Some(max_amount)) => revenue <= max_amount,
            _ => true,
        };
        is_open && is_small
    }
}

/// Loads the policies of accounts, by account.
pub(super) async fn account_load_postback_policies(
    transaction: &Transaction<'_>,
    ids: BTreeSet<i64>,
) -> Result<HashMap<i64, PostbackPolicy>, tokio_postgres::Error> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let statement = transaction
        .prepare_cached(
            "SELECT id, postbacks, postback_max_amount, postback_mapping, default_currency
             FROM accounts
             WHERE id = ANY($1)",
        )
        .await?;
    let ids: Vec<i64> = ids.into_iter().collect();
    let rows = transaction.query(&statement, &[&ids]).await?;
    let policies = rows.iter().map(|row| {
        let policy = PostbackPolicy {
            mode: PostbackMode::parse(row.get("postbacks")).unwrap_or_default(),
            max_amount: row.get("postback_max_amount"),
            mapping: mapping(row),
            default_currency: row.get("default_currency"),
        };
        (row.get("id"), policy)
    });
    Ok(policies.collect())
}

fn mapping(row: &Row) -> Option<PostbackMapping> {
    let json: Option<Json<serde_json::Value>> = row.get("postback_mapping");
    json.and_then(|Json(value)| PostbackMapping::from_stored(value))
}

/// Loads the terms of offers, by offer.
pub(super) async fn offer_load_terms(
    transaction: &Transaction<'_>,
    ids: &[&str],
) -> Result<HashMap<String, OfferTerms>, tokio_postgres::Error> {
    let statement = transaction
        .prepare_cached(
            "SELECT id, click_window_days, postbacks, postback_mapping,
                    CASE WHEN payout_type IS DISTINCT FROM 'cpc' THEN payout END AS payout
             FROM offers
             WHERE id = ANY($1)",
        )
        .await?;
    let rows = transaction.query(&statement, &[&ids]).await?;
    let offers = rows.iter().map(|row| {
        let postbacks: Option<&str> = row.get("postbacks");
        let terms = OfferTerms {
            payout: row.get("payout"),
            window_days: row.get("click_window_days"),
            postbacks: postbacks.and_then(PostbackMode::parse),
            mapping: mapping(row),
        };
        (row.get("id"), terms)
    });
    Ok(offers.collect())
}

/// Loads the attribution windows of campaigns in days, by campaign.
pub(super) async fn campaign_load_windows(
    transaction: &Transaction<'_>,
    ids: &[&str],
) -> Result<HashMap<String, i32>, tokio_postgres::Error> {
    let statement = transaction
        .prepare_cached("SELECT id, cookie_window_days FROM campaigns WHERE id = ANY($1)")
        .await?;
    let rows = transaction.query(&statement, &[&ids]).await?;
    Ok(rows
        .iter()
        .map(|row| (row.get("id"), row.get("cookie_window_days")))
        .collect())
}
