//! What ids are called.

use std::collections::HashMap;

use domain::id::LinkCode;
use postgres::pool::GenericClient as _;

use super::asked::Group;
use crate::{error::ApiError, http::RequestContext};

/// By key: the id as the API has it, and the name, or a link's short URL.
pub async fn names(
    context: RequestContext<'_>,
    group: Group,
    keys: &[String],
) -> Result<HashMap<String, (String, String)>, ApiError> {
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
        Group::Link => {
            "SELECT l.id::text AS key, 'https://' || d.host || '/' || l.short_id AS name,
                    l.short_id, l.code
             FROM links l
             JOIN domains d ON d.id = l.domain_id
             WHERE l.account_id = $1 AND l.id = ANY ($2::text[]::bigint[])"
        }
        Group::Date | Group::Hour | Group::Message | Group::Country | Group::Device => {
            return Ok(HashMap::new());
        }
    };
    let statement = context.db.prepare_cached(sql).await?;
    let account_id = context.caller.account_id.0;
    let rows = context.db.query(&statement, &[&account_id, &keys]).await?;
    let named = |row: &tokio_postgres::Row| {
        let key: String = row.get("key");
        let id = match group {
            Group::Link => link_id(row.get("short_id"), row.get("code")),
            _ => key.clone(),
        };
        (key, (id, row.get("name")))
    };
    Ok(rows.iter().map(named).collect())
}

/// `lnk_...` of a campaign link, else the short id.
fn link_id(short_id: &str, code: Option<&str>) -> String {
    match code.and_then(|code| LinkCode::parse(code).ok()) {
        Some(code) => code.link_id(),
        None => short_id.to_owned(),
    }
}
