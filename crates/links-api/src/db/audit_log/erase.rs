//! What the audit trail says of a contact. Rows have its number masked; but a sender may have
//! written it into any text, and a row about one of its links has the link's metadata.

use domain::id::AccountId;
use postgres::pool::GenericClient;
use serde_json::{Value, json};
use tokio_postgres::types::Json;
use uuid::Uuid;

use crate::{audit::ObjectKind, enumeration::Enumeration as _, error::ApiError};

/// How many rows are read at once.
const MAX_ROWS: i64 = 1_000;

/// Removes the values from the rows about some links.
pub async fn erase_links(
    client: &impl GenericClient,
    account_id: AccountId,
    link_keys: &[i64],
) -> Result<(), ApiError> {
    let sql = "SELECT short_id FROM links WHERE id = ANY ($1)";
    let statement = client.prepare_cached(sql).await?;
    let rows = client.query(&statement, &[&link_keys]).await?;
    let ids: Vec<String> = rows.iter().map(|row| row.get("short_id")).collect();
    erase_values(client, account_id, ObjectKind::Link, &ids).await
}

/// Removes the values from the rows about the conversions of a contact: those that name it or one
/// of its links, or are credited to it.
pub async fn erase_conversions(
    client: &impl GenericClient,
    account_id: AccountId,
    phone: &str,
    link_keys: &[i64],
) -> Result<(), ApiError> {
    let statement = client
        .prepare_cached(
            "SELECT DISTINCT a.object_id
             FROM audit_log a
             JOIN conversions c ON c.conversion_id = a.object_id::uuid
             WHERE a.account_id = $1
               AND a.object_kind = $2
               AND c.account_id = $1
               AND (c.contact_phone = $3 OR c.credited_contact_phone = $3
                    OR c.link_key = ANY ($4))",
        )
        .await?;
    let kind = ObjectKind::Conversion;
    let rows = client
        .query(
            &statement,
            &[&account_id.0, &kind.name(), &phone, &link_keys],
        )
        .await?;
    let ids: Vec<String> = rows.iter().map(|row| row.get("object_id")).collect();
    erase_values(client, account_id, kind, &ids).await
}

async fn erase_values(
    client: &impl GenericClient,
    account_id: AccountId,
    kind: ObjectKind,
    ids: &[String],
) -> Result<(), ApiError> {
    let statement = client
        .prepare_cached(
            "UPDATE audit_log
             SET before = NULL, after = $4
             WHERE account_id = $1 AND object_kind = $2 AND object_id = ANY ($3)",
        )
        .await?;
    let erased = Json(json!({ "erased": true }));
    client
        .execute(&statement, &[&account_id.0, &kind.name(), &ids, &erased])
        .await?;
    Ok(())
}

/// Replaces the number of a contact in all texts of the account's rows.
pub async fn erase_number(
    client: &impl GenericClient,
    account_id: AccountId,
    phone: &str,
) -> Result<(), ApiError> {
    let digits = phone.trim_start_matches('+');
    let select = client
        .prepare_cached(
            "SELECT audit_id, object_id, request_id, before, after
             FROM audit_log
             WHERE account_id = $1
               AND audit_id > $2
               AND strpos(concat_ws(' ', object_id, request_id, before, after), $3) > 0
             ORDER BY audit_id
             LIMIT $4",
        )
        .await?;
    let update = client
        .prepare_cached(
            "UPDATE audit_log
             SET object_id = $2, request_id = $3, before = $4, after = $5
             WHERE audit_id = $1",
        )
        .await?;
    let mut last_id = Uuid::nil();
    loop {
        let rows = client
            .query(&select, &[&account_id.0, &last_id, &digits, &MAX_ROWS])
            .await?;
        for row in &rows {
            last_id = row.get("audit_id");
            let text = |column: &str| {
                let text: Option<String> = row.get(column);
                text.map(|text| text.replace(digits, ERASED))
            };
            let value = |column: &str| {
                let value: Option<Json<Value>> = row.get(column);
                value.map(|Json(mut value)| {
                    replace_number(&mut value, digits);
                    Json(value)
                })
            };
            client
                .execute(
                    &update,
                    &[
                        &last_id,
                        &text("object_id"),
                        &text("request_id"),
                        &value("before"),
                        &value("after"),
                    ],
                )
                .await?;
        }
        if (rows.len() as i64) < MAX_ROWS {
            return Ok(());
        }
    }
}

const ERASED: &str = "***";

/// Replaces the digits in texts, names and numbers.
fn replace_number(value: &mut Value, digits: &str) {
    match value {
        Value::String(text) => *text = text.replace(digits, ERASED),
        Value::Number(number) if number.to_string().contains(digits) => {
            *value = json!(number.to_string().replace(digits, ERASED));
        }
        Value::Array(values) => {
            for value in values {
                replace_number(value, digits);
            }
        }
        Value::Object(fields) => {
            let replaced = std::mem::take(fields).into_iter().map(|(name, mut value)| {
                replace_number(&mut value, digits);
                (name.replace(digits, ERASED), value)
            });
            fields.extend(replaced);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_replaced_wherever_it_stands() {
        let mut value = json!({
            "url": "https://e.com/?p=%2B18005550123", "n": 18005550123_u64, "other": 1800555,
            "18005550123": ["+18005550123", null, true],
        });
        replace_number(&mut value, "18005550123");
        let expected = json!({
            "url": "https://e.com/?p=%2B***", "n": "***", "other": 1800555,
            "***": ["+***", null, true],
        });
        assert_eq!(value, expected);
    }
}
