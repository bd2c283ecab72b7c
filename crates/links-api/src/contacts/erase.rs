//! `DELETE /api/v2/contacts/{phone}`: a contact is forgotten. What it did still
//! counts, and is nobody's.

use actix_web::http::Method;
use ledger::{account_lock, erase::ContactErasure};
use postgres::pool::GenericClient as _;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use tokio_postgres::types::ToSql;

use super::journey::phone;
use crate::{
    auth::Scope,
    db::links::record_links_changed,
    error::ApiError,
    http::{Operation, RequestContext, Response},
};

pub fn operation() -> Operation {
    Operation::platform(Method::DELETE, "/contacts/{phone}", "erase_contact", erase_contact)
        .scope(Scope::LinksWrite).tag("contacts")
        .summary("Erase a contact").description("Takes the number, addresses, user agents, referrers, parameters and metadata off the \
             contact's messages, links, clicks and conversions. Message clicks, credits and totals \
             stay: they are of a contact that nobody knows. Clicks that are on their way at this \
             moment may still name it: erase it again a minute later.")
        .response::<Erased>(
            200,
            json!({
                "success": true,
                "erased": { "messages": 2, "links": 4, "clicks": 7, "message_clicks": 2, "conversions": 1 },
            }),
        )
        .errors([ApiError::InvalidPhone("phone")])
}

#[derive(Debug, Serialize, JsonSchema)]
struct Erased {
    success: bool,
    erased: Counts,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Counts {
    messages: u64,
    links: u64,
    clicks: u64,
    message_clicks: u64,
    conversions: u64,
}

/// How long a statement of an erasure may run, in milliseconds.
const STATEMENT_TIMEOUT_MS: u32 = 600_000;

/// The contact's links, `$2` its number; those that were erased before are not
/// found by it any more.
const LINKS: &str = "SELECT id FROM links WHERE account_id = $1 AND contact_phone = $2";

async fn erase_contact(context: RequestContext<'_>) -> Result<Response, ApiError> {
    let phone = phone(context)?;
    let account_id = context.caller.account_id.0;
    // A contact can have as many clicks as strangers like to make.
    let sql = format!("SET LOCAL statement_timeout = {STATEMENT_TIMEOUT_MS}");
    context.db.batch_execute(&sql).await?;
    let statement = context
        .db
        .prepare_cached(&format!("{LINKS} ORDER BY id FOR UPDATE"))
        .await?;
    let rows = context
        .db
        .query(&statement, &[&account_id, &phone.as_str()])
        .await?;
    let links: Vec<i64> = rows.iter().map(|row| row.get("id")).collect();
    let erasure = ContactErasure {
        transaction: context.db,
        account_id,
        phone: phone.as_str(),
        pseudonym: &format!("erased:{}", uuid::Uuid::new_v4()),
        link_keys: &links,
    };
    // Everything outside the ledger goes first, since clicks of the account wait while its
    // lock is held.
    delete_stored_responses(context, &erasure).await?;
    let messages = erase_messages(context, &erasure).await?;
    account_lock(context.db, account_id).await?;
    let erased = Counts {
        messages,
        clicks: erasure.erase_clicks().await?,
        message_clicks: erasure.erase_message_clicks().await?,
        conversions: erasure.erase_conversions().await?,
        links: erase_links(context, &links).await?,
    };
    Response::ok(&Erased {
        success: true,
        erased,
    })
}

async fn erase_messages(
    context: RequestContext<'_>,
    erasure: &ContactErasure<'_>,
) -> Result<u64, ApiError> {
    let sql = "
        UPDATE messages
        SET contact_phone = $3
        WHERE account_id = $1 AND contact_phone = $2";
    let statement = context.db.prepare_cached(sql).await?;
    let parameters: [&(dyn ToSql + Sync); 3] =
        [&erasure.account_id, &erasure.phone, &erasure.pseudonym];
    Ok(context.db.execute(&statement, &parameters).await?)
}

/// Takes the contact off its links, which keep their destination.
async fn erase_links(context: RequestContext<'_>, links: &[i64]) -> Result<u64, ApiError> {
    let sql = "
        UPDATE links
        SET contact_phone = NULL, metadata = NULL, version = version + 1, updated_at = now()
        WHERE id = ANY ($1)";
    let statement = context.db.prepare_cached(sql).await?;
    let n_links = context.db.execute(&statement, &[&links]).await?;
    record_links_changed(context.db, context.outbox, links).await?;
    Ok(n_links)
}

/// Deletes the responses that are stored for repeated requests and name the contact.
async fn delete_stored_responses(
    context: RequestContext<'_>,
    erasure: &ContactErasure<'_>,
) -> Result<(), ApiError> {
    let sql = "
        DELETE FROM idempotency_keys
        WHERE account_id = $1 AND position(convert_to($2, 'UTF8') IN body) > 0";
    let statement = context.db.prepare_cached(sql).await?;
    context
        .db
        .execute(&statement, &[&erasure.account_id, &erasure.phone])
        .await?;
    Ok(())
}
