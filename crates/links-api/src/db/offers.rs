//! SMS offers and partnership offers.

use std::collections::BTreeMap;

use domain::{
    id::{AccountId, OfferId, random_base62},
    interstitial::Interstitial,
    macros::{AffiliatePlatform, append_parameters},
};
use jiff::Timestamp;
use postgres::pool::GenericClient;
use rand::CryptoRng;
use rust_decimal::Decimal;
use tokio_postgres::{
    Row,
    types::{Json, ToSql},
};

use super::{ListQuery, RowLock, placeholders};
use crate::{enumeration::enumeration, error::ApiError, http::PageRequest};

enumeration! {
    /// Where the links of an offer lead.
    pub enum OfferKind {
        /// Directly to the offer's tracking URL.
        Sms = "sms",
        /// Through the click tracker.
        Partnership = "partnership",
    }
}

impl OfferKind {
    /// The name in a sentence for people.
    pub fn resource(self) -> &'static str {
        match self {
            Self::Sms => "offer",
            Self::Partnership => "partnership offer",
        }
    }
}

enumeration! {
    /// Only links of an active offer are available.
    pub enum OfferStatus {
        Active = "active",
        Paused = "paused",
        Archived = "archived",
    }
}

#[derive(Debug)]
pub struct OfferRow {
    /// 24 hexadecimal digits.
    pub id: String,
    pub kind: OfferKind,
    pub fields: OfferFields,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// The columns that clients can update.
#[derive(Debug)]
pub struct OfferFields {
    pub slug: Option<String>,
    pub name: String,
    pub template: String,
    pub external_platform: Option<String>,
    pub external_id: Option<String>,
    pub advertiser_id: Option<String>,
    pub affiliate_id: Option<String>,
    pub payout: Option<Decimal>,
    pub payout_type: Option<String>,
    pub filter_bots: Option<bool>,
    pub interstitial: Option<Json<Interstitial>>,
    pub postback_secret: Option<String>,
    pub previous_postback_secrets: Vec<String>,
    /// What postbacks must prove; `None` is as the account says.
    pub postbacks: Option<String>,
    pub click_window_days: i32,
    pub fallback_url: Option<String>,
    pub status: OfferStatus,
    pub metadata: Json<BTreeMap<String, String>>,
}

impl OfferFields {
    /// The fields of a new offer, with a new postback secret.
    pub fn new(rng: &mut impl CryptoRng) -> Self {
        Self {
            slug: None,
            name: String::new(),
            template: String::new(),
            external_platform: None,
            external_id: None,
            advertiser_id: None,
            affiliate_id: None,
            payout: None,
            payout_type: None,
            filter_bots: None,
            interstitial: None,
            postback_secret: Some(format!("pbs_{}", random_base62(rng, 32))),
            previous_postback_secrets: Vec::new(),
            postbacks: None,
            click_window_days: 90,
            fallback_url: None,
            status: OfferStatus::Active,
            metadata: Json(BTreeMap::new()),
        }
    }
}

/// The columns of [`OfferFields`]; the values are those of [`values`].
const FIELD_COLUMNS: &str = "slug, name, url_template, external_platform, external_id,
    advertiser_id, affiliate_id, payout, payout_type, filter_bots, interstitial, postback_secret,
    previous_postback_secrets, postbacks, click_window_days, fallback_url, status, metadata";

fn values(fields: &OfferFields) -> [&(dyn ToSql + Sync); 18] {
    [
        &fields.slug,
        &fields.name,
        &fields.template,
        &fields.external_platform,
        &fields.external_id,
        &fields.advertiser_id,
        &fields.affiliate_id,
        &fields.payout,
        &fields.payout_type,
        &fields.filter_bots,
        &fields.interstitial,
        &fields.postback_secret,
        &fields.previous_postback_secrets,
        &fields.postbacks,
        &fields.click_window_days,
        &fields.fallback_url,
        &fields.status,
        &fields.metadata,
    ]
}

impl From<&Row> for OfferRow {
    fn from(row: &Row) -> Self {
        Self {
            id: row.get("id"),
            kind: row.get("kind"),
            fields: OfferFields {
                slug: row.get("slug"),
                name: row.get("name"),
                template: row.get("url_template"),
                external_platform: row.get("external_platform"),
                external_id: row.get("external_id"),
                advertiser_id: row.get("advertiser_id"),
                affiliate_id: row.get("affiliate_id"),
                payout: row.get("payout"),
                payout_type: row.get("payout_type"),
                filter_bots: row.get("filter_bots"),
                interstitial: row.get("interstitial"),
                postback_secret: row.get("postback_secret"),
                previous_postback_secrets: row.get("previous_postback_secrets"),
                postbacks: row.get("postbacks"),
                click_window_days: row.get("click_window_days"),
                fallback_url: row.get("fallback_url"),
                status: row.get("status"),
                metadata: row.get("metadata"),
            },
            created_at: row.get("created_at"),
            updated_at: row.get("updated_at"),
        }
    }
}

/// A page of the account's offers, and the number of all; without a status, those that are not
/// archived.
pub async fn select_page(
    client: &impl GenericClient,
    account_id: AccountId,
    kind: OfferKind,
    status: Option<OfferStatus>,
    page: PageRequest,
) -> Result<(Vec<OfferRow>, i64), ApiError> {
    let columns = format!("id, kind, {FIELD_COLUMNS}, created_at, updated_at");
    let query = ListQuery {
        columns: &columns,
        from: "
            FROM offers
            WHERE account_id = $1
              AND kind = $2
              AND CASE WHEN $3::text IS NULL THEN status <> 'archived' ELSE status = $3 END
        ",
        order_by: "created_at DESC, id DESC",
    };
    let parameters: [&(dyn ToSql + Sync); 3] = [&account_id.0, &kind, &status];
    let (rows, total) = super::select_page(client, query, &parameters, page).await?;
    Ok((rows.iter().map(OfferRow::from).collect(), total))
}

pub async fn find(
    client: &impl GenericClient,
    account_id: AccountId,
    kind: OfferKind,
    id: OfferId,
    lock: RowLock,
) -> Result<Option<OfferRow>, ApiError> {
    let lock = lock.clause();
    let sql = format!(
        "SELECT id, kind, {FIELD_COLUMNS}, created_at, updated_at
         FROM offers
         WHERE account_id = $1 AND kind = $2 AND id = $3
         {lock}"
    );
    let statement = client.prepare_cached(&sql).await?;
    let row = client
        .query_opt(&statement, &[&account_id.0, &kind, &id.to_string()])
        .await?;
    Ok(row.as_ref().map(OfferRow::from))
}

/// Inserts an offer unless its slug is taken; whether it was inserted.
pub async fn try_insert(
    client: &impl GenericClient,
    account_id: AccountId,
    kind: OfferKind,
    id: OfferId,
    fields: &OfferFields,
) -> Result<bool, ApiError> {
    let values = values(fields);
    let n = values.len();
    let sql = format!(
        "INSERT INTO offers ({FIELD_COLUMNS}, id, account_id, kind)
         VALUES ({}, ${}, ${}, ${})
         ON CONFLICT (account_id, kind, slug) DO NOTHING",
        placeholders(n),
        n + 1,
        n + 2,
        n + 3,
    );
    let statement = client.prepare_cached(&sql).await?;
    let id = id.to_string();
    let parameters = [&values[..], &[&id, &account_id.0, &kind]].concat();
    let n_inserted = client.execute(&statement, &parameters).await?;
    Ok(n_inserted == 1)
}

pub async fn update(
    client: &impl GenericClient,
    id: OfferId,
    fields: &OfferFields,
) -> Result<(), ApiError> {
    let values = values(fields);
    let n = values.len();
    let sql = format!(
        "UPDATE offers
         SET ({FIELD_COLUMNS}) = ROW ({}),
             version = version + 1,
             updated_at = now()
         WHERE id = ${}",
        placeholders(n),
        n + 1,
    );
    let statement = client.prepare_cached(&sql).await?;
    let id = id.to_string();
    let parameters = [&values[..], &[&id]].concat();
    client.execute(&statement, &parameters).await?;
    Ok(())
}

/// Archives an offer; whether the account has the offer.
pub async fn archive(
    client: &impl GenericClient,
    account_id: AccountId,
    kind: OfferKind,
    id: OfferId,
) -> Result<bool, ApiError> {
    let statement = client
        .prepare_cached(
            "UPDATE offers
             SET status = 'archived', version = version + 1, updated_at = now()
             WHERE account_id = $1 AND kind = $2 AND id = $3",
        )
        .await?;
    let n_archived = client
        .execute(&statement, &[&account_id.0, &kind, &id.to_string()])
        .await?;
    Ok(n_archived > 0)
}

/// The template of the destination of an offer's clicks. An SMS offer has the parameters of
/// its platform added to its URL; a partnership offer's template is complete.
pub fn destination_template(kind: &str, url_template: &str, platform: Option<&str>) -> String {
    let platform = match platform {
        Some("tune") if kind == "sms" => AffiliatePlatform::Tune,
        Some("everflow") if kind == "sms" => AffiliatePlatform::Everflow,
        _ => return url_template.to_owned(),
    };
    append_parameters(url_template, &platform.parameters())
}
