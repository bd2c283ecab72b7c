//! The creatives' rows.

use domain::id::{CreativeId, OfferId};
use tokio_postgres::{
    Row,
    types::{Json, ToSql},
};

use super::fields::{CreativeFields, OfferLink};
use crate::{
    db::ListQuery,
    error::ApiError,
    http::{PageRequest, RequestContext},
};

const COLUMNS: &str =
    "id, name, message, offer_links, status, creative_type, created_at, updated_at";

/// Every offer that is named must be one of the account's.
pub async fn require_offers(
    context: RequestContext<'_>,
    fields: &CreativeFields,
) -> Result<(), ApiError> {
    let not_found = |link: &OfferLink| ApiError::OfferLinkOfferNotFound(link.key.clone());
    let mut ids = Vec::with_capacity(fields.offer_links.len());
    for link in &fields.offer_links {
        let id = OfferId::parse(&link.offer_id).map_err(|_| not_found(link))?;
        ids.push(id.to_string());
    }
    let statement = context
        .db
        .prepare_cached("SELECT id FROM offers WHERE account_id = $1 AND id = ANY($2)")
        .await?;
    let account_id = context.caller.account_id.0;
    let rows = context.db.query(&statement, &[&account_id, &ids]).await?;
    let found: Vec<&str> = rows.iter().map(|row| row.get("id")).collect();
    let links = fields.offer_links.iter().zip(&ids);
    for (link, id) in links {
        if !found.contains(&id.as_str()) {
            return Err(not_found(link));
        }
    }
    Ok(())
}

pub async fn creative_list(
    context: RequestContext<'_>,
    status: &str,
    creative_type: Option<&str>,
    page: PageRequest,
) -> Result<(Vec<Row>, i64), ApiError> {
    let listing = ListQuery {
        columns: COLUMNS,
        from: "
            FROM creatives
            WHERE account_id = $1
              AND status = $2
              AND ($3::text IS NULL OR creative_type = $3)
        ",
        order_by: "id DESC",
    };
    let account_id = context.caller.account_id.0;
    let parameters: [&(dyn ToSql + Sync); 3] = [&account_id, &status, &creative_type];
    page.fetch(context, listing, &parameters).await
}

/// `lock` is empty or a locking clause.
pub async fn creative_find(
    context: RequestContext<'_>,
    id: CreativeId,
    lock: &str,
) -> Result<Row, ApiError> {
    let sql = format!("SELECT {COLUMNS} FROM creatives WHERE account_id = $1 AND id = $2 {lock}");
    let statement = context.db.prepare_cached(&sql).await?;
    let account_id = context.caller.account_id.0;
    context
        .db
        .query_opt(&statement, &[&account_id, &id.0])
        .await?
        .ok_or(ApiError::NotFound("creative"))
}

pub async fn creative_insert(
    context: RequestContext<'_>,
    fields: &CreativeFields,
) -> Result<Row, ApiError> {
    let sql = format!(
        "INSERT INTO creatives (account_id, name, message, offer_links, status, creative_type)
         VALUES ($1, $2, $3, $4, $5, $6)
         RETURNING {COLUMNS}"
    );
    let statement = context.db.prepare_cached(&sql).await?;
    let row = context
        .db
        .query_one(
            &statement,
            &[
                &context.caller.account_id.0,
                &fields.name,
                &fields.message,
                &Json(&fields.offer_links),
                &fields.status,
                &fields.creative_type,
            ],
        )
        .await?;
    Ok(row)
}

pub async fn creative_update(
    context: RequestContext<'_>,
    id: CreativeId,
    fields: &CreativeFields,
) -> Result<Row, ApiError> {
    let sql = format!(
        "UPDATE creatives
         SET name = $2,
             message = $3,
             offer_links = $4,
             status = $5,
             creative_type = $6,
             updated_at = now()
         WHERE id = $1
         RETURNING {COLUMNS}"
    );
    let statement = context.db.prepare_cached(&sql).await?;
    let row = context
        .db
        .query_one(
            &statement,
            &[
                &id.0,
                &fields.name,
                &fields.message,
                &Json(&fields.offer_links),
                &fields.status,
                &fields.creative_type,
            ],
        )
        .await?;
    Ok(row)
}
