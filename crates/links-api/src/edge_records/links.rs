//! Links by the names that redirectors know: short domain and short id, tracker token, code.

use domain::record::{LinkRecord, RecordKey};
use postgres::pool::GenericClient;
use tokio_postgres::types::ToSql;

use crate::{
    db::links::{RECORD_COLUMNS, RECORD_FROM, select_records},
    error::ApiError,
};

/// Whether links on domain `d` are served on its host. A host serves the links of the account
/// that holds it, that is, has a domain that is not pending. If no account holds it any more,
/// the links that it served last keep working.
const SERVES_HOST: &str = "
    d.ownership <> 'refused'
    AND (d.status <> 'pending' OR NOT EXISTS (
        SELECT FROM domains holder WHERE holder.host = d.host AND holder.status <> 'pending'
    ))
";
/// Makes `DISTINCT ON` keep, of several links with one host and short id, that of the account
/// that proved the host last.
const LATEST_PROOF_FIRST: &str = "ORDER BY d.host, l.short_id, d.proved_at DESC NULLS LAST";

/// Names of links, any number of each kind.
#[derive(Debug, Default)]
pub struct LinkNames {
    /// Short domains; each belongs to the short id at the same index.
    pub hosts: Vec<String>,
    pub short_ids: Vec<String>,
    pub tokens: Vec<uuid::Uuid>,
    pub codes: Vec<String>,
}

/// The links with these names. A link that was named twice, by its short id and its code, say,
/// is returned once for each name, with the key of that name.
pub async fn find_by_names(
    client: &impl GenericClient,
    names: &LinkNames,
) -> Result<Vec<(RecordKey, LinkRecord)>, ApiError> {
    let mut links = Vec::new();
    if !names.hosts.is_empty() {
        let sql = format!(
            "SELECT DISTINCT ON (d.host, l.short_id) {RECORD_COLUMNS}
             {RECORD_FROM}
             WHERE (d.host, l.short_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))
               AND {SERVES_HOST}
             {LATEST_PROOF_FIRST}"
        );
        let by_short_id = select_records(client, &sql, &[&names.hosts, &names.short_ids]).await?;
        links.extend(by_short_id.into_iter().map(|link| (link.short_key(), link)));
    }
    if !names.tokens.is_empty() {
        let sql = format!("SELECT {RECORD_COLUMNS} {RECORD_FROM} WHERE l.tracker_token = ANY($1)");
        let by_token = select_records(client, &sql, &[&names.tokens]).await?;
        let with_key = |link: LinkRecord| Some((link.tracker_key()?, link));
        links.extend(by_token.into_iter().filter_map(with_key));
    }
    if !names.codes.is_empty() {
        let sql = format!("SELECT {RECORD_COLUMNS} {RECORD_FROM} WHERE l.code = ANY($1)");
        let by_code = select_records(client, &sql, &[&names.codes]).await?;
        let with_key = |link: LinkRecord| Some((link.code_key()?, link));
        links.extend(by_code.into_iter().filter_map(with_key));
    }
    Ok(links)
}

/// At most two of the short domains that have a link with this short id. They are those of the
/// account that holds `host`, or, if no account holds it, those of all accounts.
pub async fn list_hosts(
    client: &impl GenericClient,
    host: &str,
    short_id: &str,
) -> Result<Vec<String>, ApiError> {
    let statement = client
        .prepare_cached("SELECT account_id FROM domains WHERE host = $1 AND status <> 'pending'")
        .await?;
    let holder = client.query_opt(&statement, &[&host]).await?;
    let account_id: Option<i64> = holder.map(|row| row.get("account_id"));
    // The query begins with the index of links, so that its work grows with the links that
    // it finds and not with the number of domains.
    let (condition, parameters): (_, &[&(dyn ToSql + Sync)]) = match &account_id {
        Some(account_id) => ("AND l.account_id = $2", &[&short_id, account_id]),
        None => ("", &[&short_id]),
    };
    let sql = format!("SELECT d.host {RECORD_FROM} WHERE l.short_id = $1 {condition} LIMIT 2");
    let statement = client.prepare_cached(&sql).await?;
    let rows = client.query(&statement, parameters).await?;
    Ok(rows.iter().map(|row| row.get("host")).collect())
}

/// At most two of the slugs on a host that differ from this short id in the case of letters
/// only, if at all.
pub async fn list_slugs(
    client: &impl GenericClient,
    host: &str,
    short_id: &str,
) -> Result<Vec<String>, ApiError> {
    let sql = format!(
        "SELECT DISTINCT l.short_id
         FROM domains d
         JOIN links l ON l.domain_id = d.id AND l.is_slug
             AND lower(l.short_id COLLATE \"C\") = lower($2::text COLLATE \"C\")
         WHERE d.host = $1 AND {SERVES_HOST}
         LIMIT 2"
    );
    let statement = client.prepare_cached(&sql).await?;
    let rows = client.query(&statement, &[&host, &short_id]).await?;
    Ok(rows.iter().map(|row| row.get("short_id")).collect())
}
