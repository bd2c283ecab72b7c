//! The names of what the rows of a report are about.

use std::collections::HashMap;

use domain::id::LinkCode;
use postgres::pool::GenericClient as _;
use serde_json::{Value, json};
use tokio_postgres::Row;

use super::{
    group::Group,
    row::{KeyedCounts, ReportRow},
};
use crate::{db::links::SHORT_URL, error::ApiError, http::RequestContext};

/// Makes rows of keys and counts, with the names of the keys.
pub async fn with_names(
    context: RequestContext<'_>,
    group: Group,
    keyed_counts: Vec<KeyedCounts>,
) -> Result<Vec<ReportRow>, ApiError> {
    let keys: Vec<_> = keyed_counts
        .iter()
        .filter_map(|(key, _)| key.clone())
        .collect();
    let names = find_names(context, group, &keys).await?;
    let row = |(key, counts): KeyedCounts| {
        let name = key.as_ref().and_then(|key| names.get(key));
        let (id, name) = match (group, &key, name) {
            (Group::Link, _, Some(link)) => (json!(link.id), json!(link.name)),
            (Group::List | Group::Creative, Some(key), name) => (
                key.parse::<i64>().map_or(Value::Null, |id| json!(id)),
                json!(name.map(|name| &name.name)),
            ),
            (_, key, name) => (json!(key), json!(name.map(|name| &name.name))),
        };
        let columns = group.key_columns().iter().map(|name| (*name).to_owned());
        ReportRow {
            key: columns.zip([id, name]).collect(),
            metrics: counts.into(),
        }
    };
    Ok(keyed_counts.into_iter().map(row).collect())
}

/// The id of the API, and the name; for a link, its short URL.
struct IdAndName {
    id: String,
    name: String,
}

/// Ids and names by key. Groups without names have none.
async fn find_names(
    context: RequestContext<'_>,
    group: Group,
    keys: &[String],
) -> Result<HashMap<String, IdAndName>, ApiError> {
    let links = format!(
        "SELECT l.id::text AS key, {SHORT_URL} AS name, l.short_id, l.code
         FROM links l
         JOIN domains d ON d.id = l.domain_id
         WHERE l.account_id = $1 AND l.id = ANY ($2::text[]::bigint[])"
    );
    let sql = match group {
        Group::Offer => {
            "SELECT id AS key, name FROM offers WHERE account_id = $1 AND id = ANY ($2)"
        }
        Group::Campaign => {
            "SELECT id AS key, name FROM campaigns WHERE account_id = $1 AND id = ANY ($2)"
        }
        Group::List => {
            "SELECT id::text AS key, list_name AS name
             FROM lists
             WHERE account_id = $1 AND id = ANY ($2::text[]::bigint[])"
        }
        Group::Creative => {
            "SELECT id::text AS key, name
             FROM creatives
             WHERE account_id = $1 AND id = ANY ($2::text[]::bigint[])"
        }
        Group::Link => &links,
        Group::Date
        | Group::Hour
        | Group::Message
        | Group::Country
        | Group::Device
        | Group::Event => return Ok(HashMap::new()),
    };
    let statement = context.db.prepare_cached(sql).await?;
    let account_id = context.caller.account_id.0;
    let rows = context.db.query(&statement, &[&account_id, &keys]).await?;
    let name = |row: &Row| {
        let key: String = row.get("key");
        let id = match group {
            Group::Link => link_id(row.get("short_id"), row.get("code")),
            _ => key.clone(),
        };
        let name = row.get("name");
        (key, IdAndName { id, name })
    };
    Ok(rows.iter().map(name).collect())
}

/// `lnk_...` for a campaign link, the short id for another link.
fn link_id(short_id: &str, code: Option<&str>) -> String {
    match code.and_then(|code| LinkCode::parse(code).ok()) {
        Some(code) => code.link_id(),
        None => short_id.to_owned(),
    }
}
