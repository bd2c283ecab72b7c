//! `DELETE /api/v2/contacts/{phone}`: erases a contact. What it did still counts, but no
//! longer as that of the contact.

use ledger::{account_lock, erase::ContactErasure};
use postgres::pool::GenericClient as _;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    db::{
        audit_log, coupons,
        links::{self, record_links_changed},
        messages, postback_log,
    },
    error::ApiError,
    fields::PhoneNumber,
    http::{RequestContext, Response},
};

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Erased")]
pub struct EraseResponse {
    success: bool,
    erased: ErasedCounts,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Counts")]
struct ErasedCounts {
    messages: u64,
    links: u64,
    clicks: u64,
    message_clicks: u64,
    conversions: u64,
    /// Entries of the log of postbacks.
    postbacks: u64,
    coupons: u64,
}

impl EraseResponse {
    pub fn example() -> Value {
        json!({
            "success": true,
            "erased": {
                "messages": 2,
                "links": 4,
                "clicks": 7,
                "message_clicks": 2,
                "conversions": 1,
                "postbacks": 1,
                "coupons": 0,
            },
        })
    }
}

/// Longest time of a statement: anybody can make as many clicks on a contact's links as they
/// like.
const STATEMENT_TIMEOUT_MS: u32 = 600_000;

pub async fn erase_contact(
    context: RequestContext<'_>,
    phone: PhoneNumber,
) -> Result<Response, ApiError> {
    let account_id = context.caller.account_id;
    let phone = phone.as_str();
    let sql = format!("SET LOCAL statement_timeout = {STATEMENT_TIMEOUT_MS}");
    context.db.batch_execute(&sql).await?;
    let link_keys = links::find_and_lock_keys_of_contact(context.db, account_id, phone).await?;
    let erasure = ContactErasure {
        transaction: context.db,
        account_id: account_id.0,
        phone,
        pseudonym: &format!("erased:{}", uuid::Uuid::new_v4()),
        link_keys: &link_keys,
    };
    // Everything outside the ledger goes first, since clicks of the account wait while its
    // lock is held.
    delete_stored_responses(context, phone).await?;
    let messages =
        messages::replace_contact(context.db, account_id, phone, erasure.pseudonym).await?;
    let postbacks = postback_log::erase_contact(context.db, account_id, phone, &link_keys).await?;
    audit_log::erase_links(context.db, account_id, &link_keys).await?;
    audit_log::erase_conversions(context.db, account_id, phone, &link_keys).await?;
    audit_log::erase_number(context.db, account_id, phone).await?;
    let coupons = coupons::erase_contact(context.db, account_id, phone).await?;
    let n_coupons = coupons.len() as u64;
    context.outbox.record_changed(coupons).await?;
    account_lock(context.db, account_id.0).await?;
    let erased = ErasedCounts {
        messages,
        clicks: erasure.erase_clicks().await?,
        message_clicks: erasure.erase_message_clicks().await?,
        conversions: erasure.erase_conversions().await?
            + erasure.erase_coupon_conversions().await?,
        links: links::erase_contact(context.db, &link_keys).await?,
        postbacks,
        coupons: n_coupons,
    };
    record_links_changed(context.db, context.outbox, &link_keys).await?;
    Response::ok(&EraseResponse {
        success: true,
        erased,
    })
}

/// Deletes the responses that are stored for repeated requests and contain the number.
async fn delete_stored_responses(context: RequestContext<'_>, phone: &str) -> Result<(), ApiError> {
    let sql = "
        DELETE FROM idempotency_keys
        WHERE account_id = $1 AND position(convert_to($2, 'UTF8') IN body) > 0";
    let statement = context.db.prepare_cached(sql).await?;
    let account_id = context.caller.account_id.0;
    context
        .db
        .execute(&statement, &[&account_id, &phone])
        .await?;
    Ok(())
}
