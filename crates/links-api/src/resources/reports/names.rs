//! The names of what the rows of a report are about.

use std::collections::HashMap;

use domain::id::LinkCode;
use postgres::pool::GenericClient as _;
use serde_json::{Map, Value, json};
use tokio_postgres::Row;

use super::{
    group::Group,
    layout::Layout,
    previous::PreviousCounts,
    request::ReportRequest,
    row::{KeyedCounts, ReportRow},
    rows::parse_pair,
};
use crate::{db::links::SHORT_URL, error::ApiError, http::RequestContext};

/// Makes rows of keys and counts, with the names of the keys.
pub async fn with_names(
    context: RequestContext<'_>,
    request: &ReportRequest,
    layout: &Layout,
    keyed_counts: Vec<KeyedCounts>,
    mut previous: Option<PreviousCounts>,
) -> Result<Vec<ReportRow>, ApiError> {
    let keys_of_row = |key: &Option<String>| match request.then_by {
        Some(_) => parse_pair(key.as_deref()),
        None => [key.clone(), None],
    };
    let mut names_of_groups = Vec::new();
    for (index, group) in request.groups().into_iter().enumerate() {
        let keys = keyed_counts.iter().filter_map(|(key, _)| {
            let [first, second] = keys_of_row(key);
            if index == 0 { first } else { second }
        });
        let names = find_names(context, group, &keys.collect::<Vec<_>>()).await?;
        names_of_groups.push((group, names));
    }
    let now = jiff::Timestamp::now();
    let row = |(key, counts): KeyedCounts| {
        let mut columns = Map::new();
        let mut is_complete = None;
        for ((group, names), key) in names_of_groups.iter().zip(keys_of_row(&key)) {
            let slice = layout.slice(*group, key.as_deref());
            is_complete = is_complete.or(slice.map(|(_, end)| end <= now));
            let values = match slice {
                Some((slice, _)) => [json!(slice.name), Value::Null],
                None => key_columns(*group, key, names),
            };
            let names = group.key_columns().iter().map(|name| (*name).to_owned());
            columns.extend(names.zip(values));
        }
        ReportRow {
            key: columns,
            metrics: counts.into(),
            is_complete,
            previous: previous
                .as_mut()
                .map(|previous| previous.remove(&key).unwrap_or_default().into()),
        }
    };
    Ok(keyed_counts.into_iter().map(row).collect())
}

/// The values of the columns of a key.
fn key_columns(
    group: Group,
    key: Option<String>,
    names: &HashMap<String, IdAndName>,
) -> [Value; 2] {
    let name = key.as_ref().and_then(|key| names.get(key));
    match (group, &key, name) {
        (Group::Link, _, Some(link)) => [json!(link.id), json!(link.name)],
        (group, Some(key), name) if group.has_number() => [
            key.parse::<i64>().map_or(Value::Null, |id| json!(id)),
            json!(name.map(|name| &name.name)),
        ],
        (_, key, name) => [json!(key), json!(name.map(|name| &name.name))],
    }
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
        _ => return Ok(HashMap::new()),
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
