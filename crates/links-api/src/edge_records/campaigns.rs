//! Campaigns, as redirectors read them.

use domain::{
    id::{AccountId, CampaignId},
    record::{CampaignRecord, CampaignStatus},
};
use postgres::pool::GenericClient;

use crate::error::ApiError;

pub async fn find(
    client: &impl GenericClient,
    id: &CampaignId,
) -> Result<Option<CampaignRecord>, ApiError> {
    let statement = client
        .prepare_cached(
            "SELECT account_id, landing_page_url, click_id_param, status, version
             FROM campaigns
             WHERE id = $1",
        )
        .await?;
    let row = client.query_opt(&statement, &[&id.as_str()]).await?;
    Ok(row.map(|row| CampaignRecord {
        campaign_id: id.clone(),
        account_id: AccountId(row.get("account_id")),
        landing_page_url: row.get("landing_page_url"),
        click_id_param: row.get("click_id_param"),
        status: match row.get("status") {
            "active" => CampaignStatus::Active,
            "paused" => CampaignStatus::Paused,
            _ => CampaignStatus::Draft,
        },
        version: row.get("version"),
    }))
}
