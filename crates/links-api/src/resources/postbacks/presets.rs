//! `GET /api/v2/postbacks/presets`.

use domain::postback::{PostbackMapping, Preset, SignatureScheme};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    error::ApiError,
    http::{NextPage, RequestContext, Response},
};

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PostbackPresets")]
pub struct Presets {
    presets: Vec<PresetObject>,
    #[serde(flatten)]
    next: NextPage,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PostbackPreset")]
struct PresetObject {
    name: &'static str,
    title: &'static str,
    /// What to know when setting it up.
    note: &'static str,
    /// The public documents that its names and values are from.
    sources: &'static [String],
    /// Whether they were compared with those documents.
    is_verified: bool,
    /// The query with the network's macros.
    template: &'static str,
    /// How the platform itself signs its requests, which is checked where postbacks must be
    /// signed; null if it does not.
    signature_scheme: Option<SignatureScheme>,
    mapping: &'static PostbackMapping,
}

impl Presets {
    pub fn example() -> Value {
        json!({ "presets": [{
            "name": "tune",
            "title": "TUNE",
            "note": "Put our click id into aff_sub of the tracking link.",
            "sources": ["https://support.tune.com/"],
            "is_verified": true,
            "template": "click_id={aff_sub}&txn_id={transaction_id}&revenue={payout}",
            "signature_scheme": null,
            "mapping": { "parameters": { "aff_sub": "click_id" } },
        }], "next_cursor": null, "has_more": false })
    }
}

pub async fn list_presets(_context: RequestContext<'_>) -> Result<Response, ApiError> {
    let presets = Preset::all().iter().map(|preset| PresetObject {
        name: &preset.name,
        title: &preset.title,
        note: &preset.note,
        sources: &preset.sources,
        is_verified: preset.is_verified,
        template: &preset.template,
        signature_scheme: preset.signature_scheme,
        mapping: &preset.mapping,
    });
    Response::ok(&Presets {
        presets: presets.collect(),
        next: NextPage::none(),
    })
}
