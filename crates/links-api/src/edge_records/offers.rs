//! Offers, as redirectors read them.

use domain::{
    id::{AccountId, OfferId},
    record::{OfferRecord, OfferStatus},
};
use postgres::pool::GenericClient;
use tokio_postgres::{Row, types::Json};

use super::postback_secrets::{digests, mode, signing_keys};
use crate::{db::offers::destination_template, error::ApiError};

pub async fn find(
    client: &impl GenericClient,
    id: OfferId,
) -> Result<Option<OfferRecord>, ApiError> {
    let statement = client
        .prepare_cached(
            "SELECT account_id, kind, url_template, external_platform, external_id, affiliate_id,
                    fallback_url, filter_bots, interstitial, status, version,
                    encode(sha256(convert_to(postback_secret, 'UTF8')), 'hex') AS postback_digest,
                    postbacks, postback_secret, previous_postback_secrets
             FROM offers
             WHERE id = $1",
        )
        .await?;
    let row = client.query_opt(&statement, &[&id.to_string()]).await?;
    Ok(row.map(|row| OfferRecord {
        postbacks: mode(&row),
        postback_digests: digests(&secrets(&row)),
        postback_keys: signing_keys(mode(&row), secrets(&row)),
        postback_mapping: None,
        offer_id: id,
        account_id: AccountId(row.get("account_id")),
        destination: destination_template(
            row.get("kind"),
            row.get("url_template"),
            row.get("external_platform"),
        ),
        version: row.get("version"),
        external_id: row.get("external_id"),
        affiliate_id: row.get("affiliate_id"),
        fallback_url: row.get("fallback_url"),
        filter_bots: row.get("filter_bots"),
        interstitial: row
            .get::<_, Option<Json<_>>>("interstitial")
            .map(|Json(interstitial)| interstitial),
        postback_digest: row.get("postback_digest"),
        status: match row.get("status") {
            "active" => OfferStatus::Active,
            "paused" => OfferStatus::Paused,
            _ => OfferStatus::Archived,
        },
    }))
}

/// The current secret, and those that are still accepted after it was replaced.
fn secrets(row: &Row) -> Vec<String> {
    let current: Option<String> = row.get("postback_secret");
    let previous: Vec<String> = row.get("previous_postback_secrets");
    current.into_iter().chain(previous).collect()
}
