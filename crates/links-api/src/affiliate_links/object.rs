//! The link object of the affiliate API.

use std::collections::HashMap;

use domain::record::LinkRecord;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use tokio_postgres::Row;

use crate::{
    db::links::{RECORD_COLUMNS, record_from_row},
    error::ApiError,
    fields::Timestamp,
    http::RequestContext,
    links::object::{LinkState, short_url},
};

#[derive(Debug, Serialize, JsonSchema)]
pub struct AffiliateLink {
    /// `lnk_` and 8 characters.
    id: String,
    campaign_id: String,
    url: String,
    short_url: String,
    landing_page_url: String,
    sub_id_1: Option<String>,
    sub_id_2: Option<String>,
    sub_id_3: Option<String>,
    /// Every click.
    clicks: i64,
    /// Visitors that are not bots.
    unique_clicks: i64,
    /// Attributed conversions.
    conversions: i64,
    status: LinkState,
    created_at: Timestamp,
}

/// What has happened to a link.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    clicks: i64,
    unique_clicks: i64,
    conversions: i64,
}

impl AffiliateLink {
    /// A link that was made just now.
    pub fn new(link: &LinkRecord, campaign_page: &str, created_at: jiff::Timestamp) -> Self {
        Self::with_counts(link, campaign_page, created_at, Counts::default())
    }

    fn with_counts(
        link: &LinkRecord,
        campaign_page: &str,
        created_at: jiff::Timestamp,
        counts: Counts,
    ) -> Self {
        let own_page = link.destination.as_deref();
        let [sub_id_1, sub_id_2, sub_id_3, ..] = link.default_parameters.subs.clone();
        Self {
            id: link
                .code
                .as_ref()
                .map(|c| c.code.link_id())
                .unwrap_or_default(),
            campaign_id: link
                .campaign_id
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
            url: link
                .code
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
            short_url: short_url(link),
            landing_page_url: own_page.unwrap_or(campaign_page).to_owned(),
            sub_id_1,
            sub_id_2,
            sub_id_3,
            clicks: counts.clicks,
            unique_clicks: counts.unique_clicks,
            conversions: counts.conversions,
            status: link.status.into(),
            created_at: Timestamp(created_at),
        }
    }

    /// Of rows with [`columns`], in their order.
    pub async fn read_all(
        context: RequestContext<'_>,
        rows: &[Row],
    ) -> Result<Vec<Self>, ApiError> {
        let keys: Vec<i64> = rows.iter().map(|row| row.get("id")).collect();
        let counts = click_counts(context, &keys).await?;
        rows.iter()
            .map(|row| {
                let counts = counts.get(&row.get("id")).copied().unwrap_or_default();
                Ok(Self::with_counts(
                    &record_from_row(row)?,
                    row.get("landing_page_url"),
                    row.get("created_at"),
                    counts,
                ))
            })
            .collect()
    }
}

/// What [`AffiliateLink::read_all`] reads of [`FROM`].
pub fn columns() -> String {
    format!("{RECORD_COLUMNS}, l.created_at, c.landing_page_url")
}

pub const FROM: &str = "
    FROM links l
    JOIN domains d ON d.id = l.domain_id
    JOIN campaigns c ON c.id = l.campaign_id
";

async fn click_counts(
    context: RequestContext<'_>,
    keys: &[i64],
) -> Result<HashMap<i64, Counts>, ApiError> {
    let statement = context
        .db
        .prepare_cached(
            "SELECT link_key,
                    sum(clicks)::bigint AS clicks,
                    sum(unique_clicks)::bigint AS unique_clicks,
                    sum(conversions)::bigint AS conversions
             FROM link_totals
             WHERE account_id = $1 AND link_key = ANY($2)
             GROUP BY link_key",
        )
        .await?;
    let rows = context
        .db
        .query(&statement, &[&context.caller.account_id.0, &keys])
        .await?;
    let counts = rows.iter().map(|row| {
        let counts = Counts {
            clicks: row.get("clicks"),
            unique_clicks: row.get("unique_clicks"),
            conversions: row.get("conversions"),
        };
        (row.get("link_key"), counts)
    });
    Ok(counts.collect())
}

pub fn example() -> Value {
    json!({
        "id": "lnk_x7kQ2mNp",
        "campaign_id": "camp_abc123",
        "url": "https://track.affilync.com/c/x7kQ2mNp",
        "short_url": "https://afl.ink/x7kQ2aB",
        "landing_page_url": "https://example.com/spring",
        "sub_id_1": "blog-header",
        "sub_id_2": "march-2026",
        "sub_id_3": null,
        "clicks": 1423,
        "unique_clicks": 1102,
        "conversions": 87,
        "status": "active",
        "created_at": "2026-03-10T08:15:00Z",
    })
}
