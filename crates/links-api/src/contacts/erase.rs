//! `DELETE /api/v2/contacts/{phone}`: a contact is forgotten. What it did still
//! counts, and is nobody's.

use actix_web::http::Method;
use domain::message_click_key::phone_contact_key;
use ledger::account_lock;
use postgres::pool::GenericClient as _;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use tokio_postgres::types::ToSql;

use super::journey::phone;
use crate::{
    auth::Scope,
    error::ApiError,
    http::{Operation, RequestContext, Response},
    links::update::link_changed,
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
    let eraser = Eraser {
        context,
        phone: phone.as_str(),
        nobody: format!("erased:{}", uuid::Uuid::new_v4()),
        links,
    };
    // What the ledger does not know goes first: clicks of the account wait for the rest.
    eraser.answers().await?;
    let messages = eraser.messages().await?;
    account_lock(context.db, account_id).await?;
    let erased = Counts {
        messages,
        clicks: eraser.clicks().await?,
        message_clicks: eraser.message_clicks().await?,
        conversions: eraser.conversions().await?,
        links: eraser.links().await?,
    };
    Response::ok(&Erased {
        success: true,
        erased,
    })
}

/// Puts nobody in a contact's place: the same nobody everywhere, so that what
/// was one contact's is still counted once.
struct Eraser<'c> {
    context: RequestContext<'c>,
    phone: &'c str,
    nobody: String,
    links: Vec<i64>,
}

impl Eraser<'_> {
    async fn execute(
        &self,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<u64, ApiError> {
        let statement = self.context.db.prepare_cached(sql).await?;
        Ok(self.context.db.execute(&statement, parameters).await?)
    }

    fn account_id(&self) -> i64 {
        self.context.caller.account_id.0
    }

    async fn clicks(&self) -> Result<u64, ApiError> {
        let sql = "
            UPDATE clicks
            SET contact_phone = $3, visitor = 'erased', ip = NULL, user_agent = NULL,
                referrer = NULL, sub1 = NULL, sub2 = NULL, sub3 = NULL, sub4 = NULL, sub5 = NULL,
                source = NULL, creative = NULL, cost = NULL
            WHERE link_key = ANY ($4) AND account_id = $1 AND contact_phone = $2";
        self.execute(
            sql,
            &[&self.account_id(), &self.phone, &self.nobody, &self.links],
        )
        .await
    }

    async fn message_clicks(&self) -> Result<u64, ApiError> {
        let sql = "
            UPDATE message_clicks
            SET contact_phone = $3, contact_key = $4, visitor = NULL
            WHERE account_id = $1
              AND contact_key = $2
              AND message_key IN (
                  SELECT CASE WHEN message_id IS NULL THEN 'l:' || id ELSE 'm:' || message_id END
                  FROM links
                  WHERE id = ANY ($5)
              )";
        let (was, is) = (
            phone_contact_key(self.phone),
            phone_contact_key(&self.nobody),
        );
        self.execute(
            sql,
            &[&self.account_id(), &was, &self.nobody, &is, &self.links],
        )
        .await
    }

    async fn conversions(&self) -> Result<u64, ApiError> {
        let sql = "
            UPDATE conversions
            SET contact_phone = CASE WHEN contact_phone = $2 THEN $3 ELSE contact_phone END,
                contact_key = CASE WHEN contact_key = $4 THEN $5 ELSE contact_key END,
                credited_contact_phone =
                    CASE WHEN credited_contact_phone = $2 THEN $3 ELSE credited_contact_phone END,
                visitor = 'erased', customer_email_hash = NULL, metadata = NULL
            WHERE account_id = $1
              AND (contact_phone = $2 OR contact_key = $4 OR credited_contact_phone = $2)
              AND message_key IN (
                  SELECT CASE WHEN message_id IS NULL THEN 'l:' || id ELSE 'm:' || message_id END
                  FROM links
                  WHERE id = ANY ($6)
              )";
        let (was, is) = (
            phone_contact_key(self.phone),
            phone_contact_key(&self.nobody),
        );
        self.execute(
            sql,
            &[
                &self.account_id(),
                &self.phone,
                &self.nobody,
                &was,
                &is,
                &self.links,
            ],
        )
        .await
    }

    async fn messages(&self) -> Result<u64, ApiError> {
        let sql = "
            UPDATE messages
            SET contact_phone = $3
            WHERE account_id = $1 AND contact_phone = $2";
        self.execute(sql, &[&self.account_id(), &self.phone, &self.nobody])
            .await
    }

    /// A link goes on leading where it leads.
    async fn links(&self) -> Result<u64, ApiError> {
        let sql = "
            UPDATE links
            SET contact_phone = NULL, metadata = NULL, version = version + 1, updated_at = now()
            WHERE id = ANY ($1)";
        let n_links = self.execute(sql, &[&self.links]).await?;
        link_changed(self.context, &self.links).await?;
        Ok(n_links)
    }

    /// Answers that are kept for a replay may name the contact.
    async fn answers(&self) -> Result<(), ApiError> {
        let sql = "
            DELETE FROM idempotency_keys
            WHERE account_id = $1 AND position(convert_to($2, 'UTF8') IN body) > 0";
        self.execute(sql, &[&self.account_id(), &self.phone])
            .await?;
        Ok(())
    }
}
