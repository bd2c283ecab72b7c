//! Accounts, as redirectors read them.

use domain::{
    bot::CountryFilter,
    cost::ClickCostRule,
    id::AccountId,
    record::{AccountRecord, AccountStatus},
};
use postgres::pool::GenericClient;
use tokio_postgres::types::Json;

use super::postback_settings::{digests, mapping, mode, signing_keys};
use crate::error::ApiError;

pub async fn find(
    client: &impl GenericClient,
    id: AccountId,
) -> Result<Option<AccountRecord>, ApiError> {
    let statement = client
        .prepare_cached(
            "SELECT status, bot_filter_mode, allowed_countries, blocked_countries, version,
                    postbacks, postback_secrets, postback_max_amount, postback_mapping,
                    default_currency, click_cost
             FROM accounts
             WHERE id = $1",
        )
        .await?;
    let row = client.query_opt(&statement, &[&id.0]).await?;
    Ok(row.map(|row| AccountRecord {
        account_id: id,
        status: match row.get("status") {
            "active" => AccountStatus::Active,
            _ => AccountStatus::Suspended,
        },
        filters_bots: row.get::<_, &str>("bot_filter_mode") == "filter",
        postbacks: mode(&row).unwrap_or_default(),
        postback_digests: digests(&row.get::<_, Vec<String>>("postback_secrets")),
        postback_keys: signing_keys(mode(&row), row.get("postback_secrets")),
        postback_max_amount: row.get("postback_max_amount"),
        postback_mapping: mapping(&row),
        default_currency: row.get("default_currency"),
        click_cost: row
            .get::<_, Option<Json<ClickCostRule>>>("click_cost")
            .map(|Json(rule)| rule),
        countries: CountryFilter {
            allowed: row.get("allowed_countries"),
            blocked: row.get("blocked_countries"),
        },
        version: row.get("version"),
    }))
}
