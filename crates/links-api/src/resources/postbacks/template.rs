//! `GET /api/v2/postbacks/template`: the URL to paste into a network.

use domain::postback::Preset;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    db::{domains, offers},
    error::ApiError,
    http::{QueryParameters, RequestContext, Response},
};

#[derive(Debug, Deserialize, JsonSchema)]
pub struct TemplateQuery {
    /// The name of the network's preset, as in tune.
    preset: Option<String>,
    /// The id of the offer that the network pays for. It must be the account's; the URL is the
    /// same for all of them, since the click tells the offer.
    offer_id: Option<String>,
    /// The host of the redirector, as in go.example.com.
    host: Option<String>,
}

impl QueryParameters for TemplateQuery {}

#[derive(Debug, Serialize, JsonSchema)]
pub struct PostbackTemplate {
    preset: &'static str,
    url: String,
    /// What to know when setting it up.
    note: &'static str,
}

impl PostbackTemplate {
    pub fn example() -> Value {
        json!({
            "preset": "tune",
            "url": "https://go.example.com/api/postbacks/tune?account_id=1&click_id={aff_sub}\
                    &txn_id={transaction_id}&revenue={payout}&currency={currency}",
            "note": "Put our click id into aff_sub of the tracking link.",
        })
    }
}

pub async fn get_template(
    context: RequestContext<'_>,
    query: TemplateQuery,
) -> Result<Response, ApiError> {
    let names = || {
        let names: Vec<_> = Preset::all()
            .iter()
            .map(|preset| preset.name.as_str())
            .collect();
        names.join(", ")
    };
    let preset = query.preset.as_deref().and_then(Preset::named);
    let preset = preset
        .ok_or_else(|| ApiError::invalid_field("preset", format!("it is none of {}", names())))?;
    let account_id = context.caller.account_id;
    if let Some(id) = &query.offer_id {
        let found = offers::find_existing(context.db, account_id, std::slice::from_ref(id)).await?;
        if found.is_empty() {
            return Err(ApiError::NotFound("offer"));
        }
    }
    let host = match query.host {
        Some(host) => host,
        None => {
            let domains = domains::find_default(context.db, account_id).await?;
            let short = domains.short.map(|domain| domain.host);
            short.unwrap_or_else(|| context.state.platform_click_host.clone())
        }
    };
    let account = account_id.to_string();
    let parameters = [("account_id", account.as_str())];
    Response::ok(&PostbackTemplate {
        preset: &preset.name,
        url: preset.url(&domain::host::origin(&host), &parameters),
        note: &preset.note,
    })
}
