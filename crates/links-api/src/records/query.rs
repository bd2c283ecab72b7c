//! The records as they stand in Postgres.

use domain::{
    bot::CountryFilter,
    id::{
        AccountId, CampaignId, CreativeId, LinkCode, LinkKey, ListId, OfferId, ShortId,
        TrackerToken,
    },
    macros::{AffiliatePlatform, append_parameters},
    postback::{PostbackMode, SigningKey},
    record::{
        AccountRecord, AccountStatus, CampaignRecord, CampaignStatus, CodeUrl, DefaultParameters,
        LinkRecord, LinkStatus, ListRecord, OfferRecord, OfferStatus, RecordKey, TrackerUrl,
    },
};
use postgres::pool::GenericClient;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};
use tokio_postgres::{
    Row,
    types::{Json, ToSql},
};

use crate::error::ApiError;

/// What [`link`] reads, of links `l` and domains `d`.
pub const LINK_COLUMNS: &str = "
    l.id, l.account_id, d.host AS short_host, l.short_id, l.tracker_host, l.tracker_token,
           l.code, l.code_host, l.creative_id, l.list_id, l.offer_id, l.campaign_id, l.destination, l.message_id,
           l.contact_phone, l.bound, l.forward_query, l.status, l.expires_at, l.version
";
const LINK_FROM: &str = "FROM links l JOIN domains d ON d.id = l.domain_id";

/// Whether links on domain `d` are found by its host: those of the account that holds the
/// host. Where none does any more, its last links go on.
const HOLDS_HOST: &str = "
    d.ownership <> 'refused'
    AND (d.status <> 'pending' OR NOT EXISTS (
        SELECT FROM domains holder WHERE holder.host = d.host AND holder.status <> 'pending'
    ))
";
/// Of several links of one host and short id, which `DISTINCT ON` keeps.
const LATEST_PROOF_FIRST: &str = "ORDER BY d.host, l.short_id, d.proved_at DESC NULLS LAST";

/// Names of links, as many as there may be of each kind.
#[derive(Debug, Default)]
pub struct LinkNames {
    /// Short domains and short ids, in pairs.
    pub hosts: Vec<String>,
    pub short_ids: Vec<String>,
    pub tokens: Vec<uuid::Uuid>,
    pub codes: Vec<String>,
}

/// The links that have one of these names, each by that name alone: a query for each kind
/// of name.
pub async fn link_find_by_names(
    client: &impl GenericClient,
    names: &LinkNames,
) -> Result<Vec<(RecordKey, LinkRecord)>, ApiError> {
    let by_short_id = format!(
        "SELECT DISTINCT ON (d.host, l.short_id) {LINK_COLUMNS}
         {LINK_FROM}
         WHERE (d.host, l.short_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))
           AND {HOLDS_HOST}
         {LATEST_PROOF_FIRST}"
    );
    let by_token = format!("SELECT {LINK_COLUMNS} {LINK_FROM} WHERE l.tracker_token = ANY($1)");
    let by_code = format!("SELECT {LINK_COLUMNS} {LINK_FROM} WHERE l.code = ANY($1)");
    let mut found = Vec::new();
    if !names.hosts.is_empty() {
        let links = link_query(client, &by_short_id, &[&names.hosts, &names.short_ids]).await?;
        found.extend(links.into_iter().map(|link| (link.short_key(), link)));
    }
    if !names.tokens.is_empty() {
        let links = link_query(client, &by_token, &[&names.tokens]).await?;
        let named = |link: LinkRecord| Some((link.tracker_key()?, link));
        found.extend(links.into_iter().filter_map(named));
    }
    if !names.codes.is_empty() {
        let links = link_query(client, &by_code, &[&names.codes]).await?;
        let named = |link: LinkRecord| Some((link.code_key()?, link));
        found.extend(links.into_iter().filter_map(named));
    }
    Ok(found)
}

async fn link_query(
    client: &impl GenericClient,
    sql: &str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<Vec<LinkRecord>, ApiError> {
    let statement = client.prepare_cached(sql).await?;
    let rows = client.query(&statement, parameters).await?;
    rows.iter().map(link).collect()
}

/// The short domains with a link of this short id, at most two: the account's that holds
/// `host`, or anybody's where none does.
pub async fn host_find_all(
    client: &impl GenericClient,
    host: &str,
    id: &str,
) -> Result<Vec<String>, ApiError> {
    let statement = client
        .prepare_cached("SELECT account_id FROM domains WHERE host = $1 AND status <> 'pending'")
        .await?;
    let holder = client.query_opt(&statement, &[&host]).await?;
    let account_id: Option<i64> = holder.map(|row| row.get("account_id"));
    // By the links' index, so that the work is that of the links which are found, however
    // many domains there are.
    let (condition, parameters): (_, &[&(dyn ToSql + Sync)]) = match &account_id {
        Some(account_id) => ("AND l.account_id = $2", &[&id, account_id]),
        None => ("", &[&id]),
    };
    let sql = format!("SELECT d.host {LINK_FROM} WHERE l.short_id = $1 {condition} LIMIT 2");
    let statement = client.prepare_cached(&sql).await?;
    let rows = client.query(&statement, parameters).await?;
    Ok(rows.iter().map(|row| row.get("host")).collect())
}

/// The slugs of a host that are this short id in upper or lower case, at most two.
pub async fn slug_find_all(
    client: &impl GenericClient,
    host: &str,
    id: &str,
) -> Result<Vec<String>, ApiError> {
    let sql = format!(
        "SELECT DISTINCT l.short_id
         FROM domains d
         JOIN links l ON l.domain_id = d.id AND l.is_slug
             AND lower(l.short_id COLLATE \"C\") = lower($2::text COLLATE \"C\")
         WHERE d.host = $1 AND {HOLDS_HOST}
         LIMIT 2"
    );
    let statement = client.prepare_cached(&sql).await?;
    let rows = client.query(&statement, &[&host, &id]).await?;
    Ok(rows.iter().map(|row| row.get("short_id")).collect())
}

/// Every link whose row has one of these keys, by key.
pub async fn link_find_all(
    client: &impl GenericClient,
    keys: &[i64],
) -> Result<Vec<LinkRecord>, ApiError> {
    let sql = format!("SELECT {LINK_COLUMNS} {LINK_FROM} WHERE l.id = ANY($1)");
    link_query(client, &sql, &[&keys]).await
}

pub async fn campaign_find(
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

pub async fn offer_find(
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
        postback_digests: digests(&offer_secrets(&row)),
        postback_keys: signing_keys(mode(&row), offer_secrets(&row)),
        offer_id: id,
        account_id: AccountId(row.get("account_id")),
        destination: destination(
            row.get("kind"),
            row.get("url_template"),
            row.get("external_platform"),
        ),
        version: row.get("version"),
        external_id: row.get("external_id"),
        affiliate_id: row.get("affiliate_id"),
        fallback_url: row.get("fallback_url"),
        filter_bots: row.get("filter_bots"),
        interstitial: json(&row, "interstitial"),
        postback_digest: row.get("postback_digest"),
        status: match row.get("status") {
            "active" => OfferStatus::Active,
            "paused" => OfferStatus::Paused,
            _ => OfferStatus::Archived,
        },
    }))
}

fn offer_secrets(row: &Row) -> Vec<String> {
    let secret: Option<String> = row.get("postback_secret");
    let previous: Vec<String> = row.get("previous_postback_secrets");
    secret.into_iter().chain(previous).collect()
}

/// What postbacks must prove.
fn mode(row: &Row) -> Option<PostbackMode> {
    let mode: Option<&str> = row.get("postbacks");
    mode.and_then(PostbackMode::parse)
}

/// Of secrets, as a redirector compares them: SHA-256 in hexadecimal digits.
fn digests(secrets: &[String]) -> Vec<String> {
    let digest = |secret: &String| domain::hex::encode(&Sha256::digest(secret));
    secrets.iter().map(digest).collect()
}

/// The secrets themselves where a redirector must check signatures, and only there.
fn signing_keys(mode: Option<PostbackMode>, secrets: Vec<String>) -> Vec<SigningKey> {
    match mode {
        Some(PostbackMode::Signed) => secrets.into_iter().map(SigningKey::new).collect(),
        Some(PostbackMode::Open | PostbackMode::Token) | None => Vec::new(),
    }
}

pub async fn list_find(
    client: &impl GenericClient,
    id: ListId,
) -> Result<Option<ListRecord>, ApiError> {
    let statement = client
        .prepare_cached(
            "SELECT account_id, collapse_hops, fallback_url, interstitial, version
             FROM lists
             WHERE id = $1",
        )
        .await?;
    let row = client.query_opt(&statement, &[&id.0]).await?;
    Ok(row.map(|row| ListRecord {
        list_id: id,
        account_id: AccountId(row.get("account_id")),
        collapse_hops: row.get("collapse_hops"),
        fallback_url: row.get("fallback_url"),
        interstitial: json(&row, "interstitial"),
        version: row.get("version"),
    }))
}

fn json<T: DeserializeOwned>(row: &Row, column: &str) -> Option<T> {
    let value: Option<Json<T>> = row.get(column);
    value.map(|Json(value)| value)
}

/// The template that an offer's clicks are sent by: an SMS offer's platform
/// gets its parameters, a partnership offer's template is the whole of it.
pub fn destination(kind: &str, url_template: &str, platform: Option<&str>) -> String {
    let platform = match platform {
        Some("tune") if kind == "sms" => AffiliatePlatform::Tune,
        Some("everflow") if kind == "sms" => AffiliatePlatform::Everflow,
        _ => return url_template.to_owned(),
    };
    append_parameters(url_template, &platform.parameters())
}

pub async fn account_find(
    client: &impl GenericClient,
    id: AccountId,
) -> Result<Option<AccountRecord>, ApiError> {
    let statement = client
        .prepare_cached(
            "SELECT status, bot_filter_mode, allowed_countries, blocked_countries, version,
                    postbacks, postback_secrets, postback_max_amount
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
        countries: CountryFilter {
            allowed: row.get("allowed_countries"),
            blocked: row.get("blocked_countries"),
        },
        version: row.get("version"),
    }))
}

pub fn link(row: &Row) -> Result<LinkRecord, ApiError> {
    let internal = |error: domain::id::InvalidId| ApiError::Internal(error.into());
    let token: Option<uuid::Uuid> = row.get("tracker_token");
    let host: Option<String> = row.get("tracker_host");
    let tracker = match (host, token) {
        (Some(host), Some(token)) => Some(TrackerUrl {
            host,
            token: TrackerToken::from_uuid(token).map_err(internal)?,
        }),
        _ => None,
    };
    let code: Option<&str> = row.get("code");
    let code_host: Option<String> = row.get("code_host");
    let code = match (code_host, code) {
        (Some(host), Some(code)) => Some(CodeUrl {
            host,
            code: LinkCode::parse(code).map_err(internal)?,
        }),
        _ => None,
    };
    let offer_id: Option<&str> = row.get("offer_id");
    let campaign_id: Option<&str> = row.get("campaign_id");
    let default_parameters: Option<Json<DefaultParameters>> = row.get("bound");
    Ok(LinkRecord {
        link_key: LinkKey(row.get("id")),
        account_id: AccountId(row.get("account_id")),
        short_host: row.get("short_host"),
        link_id: ShortId::parse(row.get("short_id")).map_err(internal)?,
        tracker,
        code,
        list_id: row.get::<_, Option<i64>>("list_id").map(ListId),
        offer_id: offer_id.map(OfferId::parse).transpose().map_err(internal)?,
        campaign_id: campaign_id
            .map(CampaignId::parse)
            .transpose()
            .map_err(internal)?,
        destination: row.get("destination"),
        message_id: row.get("message_id"),
        contact_phone: row.get("contact_phone"),
        creative_id: row.get::<_, Option<i64>>("creative_id").map(CreativeId),
        default_parameters: default_parameters
            .map(|Json(parameters)| parameters)
            .unwrap_or_default(),
        forward_query: row.get("forward_query"),
        version: row.get("version"),
        status: match row.get("status") {
            "active" => LinkStatus::Active,
            _ => LinkStatus::Deactivated,
        },
        expires_at: row.get("expires_at"),
    })
}
