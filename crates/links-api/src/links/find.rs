//! Links by the id that filters and reports have for them.

use domain::id::LinkCode;
use postgres::pool::GenericClient as _;

use crate::{error::ApiError, http::RequestContext};

/// The account's links of a short id, on whichever domain, or of `lnk_...`.
pub async fn link_find_keys(
    context: RequestContext<'_>,
    link_id: &str,
) -> Result<Vec<i64>, ApiError> {
    let account_id = context.caller.account_id.0;
    let rows = if let Ok(code) = LinkCode::parse_link_id(link_id) {
        let sql = "SELECT id FROM links WHERE account_id = $1 AND code = $2";
        let statement = context.db.prepare_cached(sql).await?;
        context
            .db
            .query(&statement, &[&account_id, &code.as_str()])
            .await?
    } else {
        let statement = context
            .db
            .prepare_cached(
                "SELECT l.id
                 FROM domains d
                 JOIN links l ON l.domain_id = d.id AND l.short_id = $2
                 WHERE d.account_id = $1",
            )
            .await?;
        context
            .db
            .query(&statement, &[&account_id, &link_id])
            .await?
    };
    Ok(rows.iter().map(|row| row.get("id")).collect())
}
