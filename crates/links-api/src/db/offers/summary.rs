//! Offers as their links need them.

use domain::{
    id::{AccountId, OfferId},
    macros::{AffiliatePlatform, append_parameters},
};
use postgres::pool::GenericClient;
use tokio_postgres::Row;

use super::OfferKind;
use crate::{enumeration::Enumeration as _, error::ApiError};

/// What responses say of a link's offer.
#[derive(Debug, Clone, Default)]
pub struct OfferSummary {
    /// The template of the destination of clicks.
    pub destination_template: String,
    pub external_id: Option<String>,
    pub affiliate_id: Option<String>,
    pub filter_bots: Option<bool>,
}

/// The columns that an [`OfferSummary`] is made of, of offers `o`.
pub const SUMMARY_COLUMNS: &str = "o.kind AS offer_kind, o.url_template, o.external_platform,
    o.external_id, o.affiliate_id, o.filter_bots";

impl From<&Row> for OfferSummary {
    fn from(row: &Row) -> Self {
        Self {
            destination_template: destination_template(
                row.get("offer_kind"),
                row.get("url_template"),
                row.get("external_platform"),
            ),
            external_id: row.get("external_id"),
            affiliate_id: row.get("affiliate_id"),
            filter_bots: row.get("filter_bots"),
        }
    }
}

/// An active offer, for which links can be created.
#[derive(Debug, Clone)]
pub struct ActiveOffer {
    pub id: OfferId,
    pub kind: OfferKind,
    pub summary: OfferSummary,
}

impl ActiveOffer {
    fn from_row(row: &Row) -> Result<Self, ApiError> {
        Ok(Self {
            id: OfferId::parse(row.get("id")).map_err(ApiError::internal)?,
            kind: row.get("offer_kind"),
            summary: OfferSummary::from(row),
        })
    }
}

/// The account's offer with this id, if it is active and of one of these kinds.
pub async fn find_active(
    client: &impl GenericClient,
    account_id: AccountId,
    id: OfferId,
    kinds: &[OfferKind],
) -> Result<Option<ActiveOffer>, ApiError> {
    let kinds: Vec<_> = kinds.iter().map(|kind| kind.name()).collect();
    let sql = format!(
        "SELECT o.id, {SUMMARY_COLUMNS}
         FROM offers o
         WHERE o.id = $2 AND o.account_id = $1 AND o.kind = ANY($3) AND o.status = 'active'"
    );
    let statement = client.prepare_cached(&sql).await?;
    let row = client
        .query_opt(&statement, &[&account_id.0, &id.to_string(), &kinds])
        .await?;
    row.as_ref().map(ActiveOffer::from_row).transpose()
}

/// The account's active partnership offer with this id on its external platform: the newest,
/// if there are several.
pub async fn find_active_by_external_id(
    client: &impl GenericClient,
    account_id: AccountId,
    external_id: &str,
) -> Result<Option<ActiveOffer>, ApiError> {
    let sql = format!(
        "SELECT o.id, {SUMMARY_COLUMNS}
         FROM offers o
         WHERE o.account_id = $1
           AND o.kind = 'partnership'
           AND o.external_id = $2
           AND o.status = 'active'
         ORDER BY o.created_at DESC, o.id DESC
         LIMIT 1"
    );
    let statement = client.prepare_cached(&sql).await?;
    let row = client
        .query_opt(&statement, &[&account_id.0, &external_id])
        .await?;
    row.as_ref().map(ActiveOffer::from_row).transpose()
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
