//! How an account and its offers read postbacks.

use domain::{
    id::{AccountId, OfferId},
    postback::{MappingLayers, PostbackMapping},
};
use postgres::pool::GenericClient;
use tokio_postgres::types::Json;

use crate::error::ApiError;

/// The mappings of an account and of one of its offers.
#[derive(Debug, Default)]
pub struct PostbackSettings {
    account: Option<Json<PostbackMapping>>,
    offer: Option<Json<PostbackMapping>>,
    default_currency: Option<String>,
}

impl PostbackSettings {
    pub fn mapping(&self) -> MappingLayers<'_> {
        MappingLayers::new(
            self.offer.as_ref().map(|json| &json.0),
            self.account.as_ref().map(|json| &json.0),
        )
        .with_default_currency(self.default_currency.as_deref())
    }
}

/// Loads the settings. `None` if the account has no such offer.
pub async fn load(
    client: &impl GenericClient,
    account_id: AccountId,
    offer_id: Option<OfferId>,
) -> Result<Option<PostbackSettings>, ApiError> {
    let statement = client
        .prepare_cached(
            "SELECT a.postback_mapping AS account_mapping, a.default_currency,
                    o.id IS NOT NULL AS has_offer, o.postback_mapping AS offer_mapping
             FROM accounts a
             LEFT JOIN offers o ON o.account_id = a.id AND o.id = $2
             WHERE a.id = $1",
        )
        .await?;
    let offer_text = offer_id.map(|id| id.to_string());
    let row = client
        .query_opt(&statement, &[&account_id.0, &offer_text])
        .await?;
    let row = row.filter(|row| offer_id.is_none() || row.get("has_offer"));
    Ok(row.map(|row| PostbackSettings {
        account: row.get("account_mapping"),
        offer: row.get("offer_mapping"),
        default_currency: row.get("default_currency"),
    }))
}

/// The offer of one of the account's links with this short id; `None` if there is no such link
/// or it has no offer.
pub async fn find_offer_of_link(
    client: &impl GenericClient,
    account_id: AccountId,
    short_id: &str,
) -> Result<Option<OfferId>, ApiError> {
    let statement = client
        .prepare_cached(
            "SELECT offer_id
             FROM links
             WHERE account_id = $1 AND short_id = $2
             ORDER BY id
             LIMIT 1",
        )
        .await?;
    let row = client
        .query_opt(&statement, &[&account_id.0, &short_id])
        .await?;
    let offer: Option<String> = row.and_then(|row| row.get("offer_id"));
    Ok(offer.and_then(|id| OfferId::parse(&id).ok()))
}
