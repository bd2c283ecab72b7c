//! Inserting links.

use std::collections::HashMap;

use domain::{
    id::{AccountId, LinkKey},
    record::{DefaultParameters, LinkRecord},
};
use jiff::Timestamp;
use postgres::pool::GenericClient;
use serde_json::{Map, Value};
use tokio_postgres::types::Json;

use crate::error::ApiError;

/// A link to insert: its record, and the columns that redirectors do not need.
#[derive(Debug, Clone, Copy)]
pub struct LinkInsert<'a> {
    pub record: &'a LinkRecord,
    pub domain_id: i64,
    pub metadata: Option<&'a Map<String, Value>>,
    /// The placeholder of a creative that the link stands for.
    pub placeholder: Option<&'a str>,
    /// Whether the client chose the short id.
    pub is_slug: bool,
}

/// The key and the time of creation of each inserted link, by short domain and short id.
pub type InsertedLinks = HashMap<(i64, String), (LinkKey, Timestamp)>;

/// Inserts the links whose ids are free, in one statement.
pub async fn insert_all_if_free(
    client: &impl GenericClient,
    account_id: AccountId,
    links: &[LinkInsert<'_>],
) -> Result<InsertedLinks, ApiError> {
    fn column<'l, T>(links: &[LinkInsert<'l>], value: impl Fn(&LinkInsert<'l>) -> T) -> Vec<T> {
        links.iter().map(value).collect()
    }
    let default_parameters = |record: &LinkRecord| {
        let parameters = &record.default_parameters;
        (*parameters != DefaultParameters::default()).then(|| Json(parameters.clone()))
    };
    let statement = client.prepare_cached(LINK_INSERT).await?;
    let rows = client
        .query(
            &statement,
            &[
                &account_id.0,
                &column(links, |l| l.domain_id),
                &column(links, |l| l.record.link_id.as_str()),
                &column(links, |l| {
                    l.record.tracker.as_ref().map(|t| t.host.as_str())
                }),
                &column(links, |l| {
                    l.record.tracker.as_ref().map(|t| t.token.as_uuid())
                }),
                &column(links, |l| l.record.code.as_ref().map(|c| c.code.as_str())),
                &column(links, |l| l.record.code.as_ref().map(|c| c.host.as_str())),
                &column(links, |l| l.record.list_id.map(|id| id.0)),
                &column(links, |l| l.record.offer_id.map(|id| id.to_string())),
                &column(links, |l| {
                    l.record.campaign_id.as_ref().map(|id| id.as_str())
                }),
                &column(links, |l| l.record.destination.as_deref()),
                &column(links, |l| l.record.message_id.as_deref()),
                &column(links, |l| l.record.contact_phone.as_deref()),
                &column(links, |l| default_parameters(l.record)),
                &column(links, |l| l.metadata.map(Json)),
                &column(links, |l| l.record.forward_query),
                &column(links, |l| l.record.expires_at),
                &column(links, |l| l.record.creative_id.map(|id| id.0)),
                &column(links, |l| l.placeholder),
                &column(links, |l| l.is_slug),
                &column(links, |l| l.record.click_cost.as_ref().map(Json)),
            ],
        )
        .await?;
    let inserted = rows.iter().map(|row| {
        let name = (row.get("domain_id"), row.get("short_id"));
        (name, (LinkKey(row.get("id")), row.get("created_at")))
    });
    Ok(inserted.collect())
}

const LINK_INSERT: &str = "
    INSERT INTO links
        (account_id, domain_id, short_id, tracker_host, tracker_token, code, code_host, list_id,
         offer_id, campaign_id, destination, message_id, contact_phone, bound, metadata,
         forward_query, expires_at, creative_id, placeholder, is_slug, click_cost)
    SELECT $1, link.*
    FROM unnest($2::bigint[], $3::text[], $4::text[], $5::uuid[], $6::text[], $7::text[],
                $8::bigint[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[],
                $14::jsonb[], $15::jsonb[], $16::boolean[], $17::timestamptz[], $18::bigint[],
                $19::text[], $20::boolean[], $21::jsonb[]) AS link
    ON CONFLICT DO NOTHING
    RETURNING id, domain_id, short_id, created_at
";
