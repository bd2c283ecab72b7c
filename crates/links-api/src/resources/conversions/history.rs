//! A conversion with its history, as JSON.

use domain::{
    id::{AccountId, ConversionId},
    money,
};
use postgres::pool::GenericClient;
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use tokio_postgres::Row;

use crate::{
    db::conversions::{self, KnownConversion},
    error::ApiError,
    fields::Timestamp,
    objects::conversion::{COLUMNS, ConversionObject},
};

#[derive(Debug, Serialize, JsonSchema)]
pub struct ConversionWithHistory {
    conversion: ConversionObject,
    /// What requests said about it, from the oldest. Corrections prevail over postbacks.
    history: Vec<UpdateObject>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ConversionUpdate")]
struct UpdateObject {
    /// Of a postback, the id that its sender was told.
    update_id: String,
    received_at: Timestamp,
    /// Like the fields behind it, null if it says nothing about that.
    status: Option<String>,
    /// 0 or more, also for refunds and chargebacks.
    amount: Option<String>,
    currency: Option<String>,
    /// The event that a correction gives the conversion.
    event: Option<String>,
    is_correction: bool,
    /// The API key that corrected or imported the conversion.
    api_key_id: Option<i64>,
    /// The user who did.
    user_id: Option<i64>,
}

impl UpdateObject {
    fn from_row(row: &Row) -> Option<Self> {
        let id = ConversionId::from_uuid(row.get("update_id")).ok()?;
        let amount: Option<Decimal> = row.get("revenue");
        Some(Self {
            update_id: id.to_string(),
            received_at: Timestamp(id.time()),
            status: row.get("status"),
            amount: amount.map(money::format),
            currency: row.get("currency"),
            event: row.get("event"),
            is_correction: row.get("is_correction"),
            api_key_id: row.get("api_key_id"),
            user_id: row.get("user_id"),
        })
    }
}

impl ConversionWithHistory {
    /// The conversion with its own id, which must be the account's.
    pub async fn load(
        client: &impl GenericClient,
        account_id: AccountId,
        id: ConversionId,
    ) -> Result<Self, ApiError> {
        let row = conversions::find(client, account_id, COLUMNS, id).await?;
        let row = row.ok_or(ApiError::NotFound("conversion"))?;
        let updates = conversions::select_updates(client, id).await?;
        Ok(Self {
            conversion: ConversionObject::from(&row),
            history: updates.iter().filter_map(UpdateObject::from_row).collect(),
        })
    }

    pub fn example() -> Value {
        json!({
            "conversion": ConversionObject::example(),
            "history": [
                {
                    "update_id": "01a11d5d-1e7b-7123-8123-456789abcdef",
                    "received_at": "2026-03-10T09:00:00.000Z",
                    "status": "pending",
                    "amount": "10.00",
                    "currency": "USD",
                    "event": null,
                    "is_correction": false,
                    "api_key_id": null,
                    "user_id": null,
                },
                {
                    "update_id": "01a11d60-1e7b-7123-8123-456789abcdef",
                    "received_at": "2026-03-10T09:03:16.608Z",
                    "status": "approved",
                    "amount": "12.50",
                    "currency": null,
                    "event": null,
                    "is_correction": true,
                    "api_key_id": 3,
                    "user_id": null,
                },
            ],
        })
    }
}

/// The id of the stored conversion that has an id, or an update with it.
pub async fn find_stored_id(
    client: &impl GenericClient,
    account_id: AccountId,
    id: ConversionId,
) -> Result<ConversionId, ApiError> {
    match conversions::find_known(client, account_id, id).await? {
        Some(KnownConversion::Stored(id)) => Ok(id),
        Some(KnownConversion::Deleted) => Err(ApiError::ConversionDeleted),
        None => Err(ApiError::NotFound("conversion")),
    }
}
