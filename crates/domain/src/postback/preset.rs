//! The networks, trackers and shops whose postbacks are known. They are data: `presets.toml`.

use std::sync::LazyLock;

use serde::Deserialize;

use super::{mapping::PostbackMapping, signature_scheme::SignatureScheme};

const FILE: &str = include_str!("presets.toml");

/// The names and values of one network, tracker or shop, and the URL to paste into it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preset {
    /// The name in mappings, in the parameter `preset` and in `/api/postbacks/<name>`.
    pub name: String,
    /// The name of the platform as it writes it.
    pub title: String,
    /// The public documents that the names and values are from.
    pub sources: Vec<String>,
    /// Whether the names and values were compared with those documents, and not only known.
    pub is_verified: bool,
    /// What to know when setting it up.
    pub note: String,
    /// The query of its postbacks, with the platform's macros.
    pub template: String,
    /// How the platform itself signs its requests, if it does.
    #[serde(default)]
    pub signature_scheme: Option<SignatureScheme>,
    /// Parameters that say more about the event. The first one that is sent stands behind the
    /// event, after a blank, in keys of `mapping.events`.
    #[serde(default)]
    pub event_details: Vec<String>,
    pub mapping: PostbackMapping,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PresetFile {
    preset: Vec<Preset>,
}

static PRESETS: LazyLock<Vec<Preset>> = LazyLock::new(|| {
    let file: PresetFile = toml::from_str(FILE).expect("the tests parse the presets");
    file.preset
});

impl Preset {
    pub fn all() -> &'static [Self] {
        &PRESETS
    }

    /// The preset of this name. Upper and lower case are the same.
    pub fn named(name: &str) -> Option<&'static Self> {
        Self::all()
            .iter()
            .find(|preset| preset.name.eq_ignore_ascii_case(name))
    }

    /// The URL to paste into the platform: `base_url` is the scheme and host of a redirector,
    /// such as `https://go.example.com`. `parameters` stand in front of the macros: the
    /// account, an offer, a link or a token. Their names and values are percent-encoded; the
    /// macros are not, since a platform would not recognise them.
    pub fn url(&self, base_url: &str, parameters: &[(&str, &str)]) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(parameters);
        let query = query.finish();
        let separator = match query.is_empty() || self.template.is_empty() {
            true => "",
            false => "&",
        };
        let (base_url, name, template) =
            (base_url.trim_end_matches('/'), &self.name, &self.template);
        format!("{base_url}/api/postbacks/{name}?{query}{separator}{template}")
    }
}
