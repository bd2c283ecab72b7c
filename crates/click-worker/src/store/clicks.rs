//! The table of all clicks.

use std::{borrow::Cow, collections::HashSet};

use ::store::pool::{GenericClient, Transaction};
use domain::{bot::BotReason, click::ClickEvent};
use uuid::Uuid;

use super::Row;

/// Inserts what is not there yet; the ids of those.
pub(super) async fn click_insert_all(
    transaction: &Transaction<'_>,
    rows: &[&Row<'_>],
) -> Result<HashSet<Uuid>, tokio_postgres::Error> {
    let statement = transaction
        .prepare_cached(
            "INSERT INTO clicks
                 (click_id, clicked_at, account_id, link_key, link_id, list_id, offer_id,
                  creative_id, message_id, contact_phone, visitor, ip, user_agent, referrer,
                  country, sub1, sub2, sub3, sub4, sub5, source, creative, cost, is_bot,
                  bot_reasons, bot_rules, asn, confirmed, device, os, browser, campaign_id)
             SELECT click_id, clicked_at, account_id, link_key, link_id, list_id, offer_id,
                    creative_id, message_id, contact_phone, visitor, ip, user_agent,
                    referrer, country, sub1, sub2, sub3, sub4, sub5, source, creative, cost,
                    bot_reasons <> '', string_to_array(bot_reasons, ','),
                    string_to_array(bot_rules, E'\\x1f'), asn, confirmed, device, os, browser,
                    campaign_id
             FROM unnest(
                 $1::uuid[], $2::timestamptz[], $3::bigint[], $4::bigint[], $5::text[],
                 $6::bigint[], $7::text[], $8::bigint[], $9::text[], $10::text[], $11::text[],
                 $12::inet[], $13::text[], $14::text[], $15::text[], $16::text[], $17::text[],
                 $18::text[], $19::text[], $20::text[], $21::text[], $22::text[], $23::text[],
                 $24::text[], $25::text[], $26::bigint[], $27::boolean[], $28::text[],
                 $29::text[], $30::text[], $31::text[]
             ) AS event
                 (click_id, clicked_at, account_id, link_key, link_id, list_id, offer_id,
                  creative_id, message_id, contact_phone, visitor, ip, user_agent, referrer,
                  country, sub1, sub2, sub3, sub4, sub5, source, creative, cost, bot_reasons,
                  bot_rules, asn, confirmed, device, os, browser, campaign_id)
             ON CONFLICT DO NOTHING
             RETURNING click_id",
        )
        .await?;
    let text = |value: for<'e> fn(&'e ClickEvent<'static>) -> &'e Option<Cow<'static, str>>| {
        column(rows, move |row| value(row.event).as_deref())
    };
    let inserted = transaction
        .query(
            &statement,
            &[
                &column(rows, |row| row.event.click_id.as_uuid()),
                &column(rows, |row| row.event.click_id.time()),
                &column(rows, |row| row.event.account_id.0),
                &column(rows, |row| row.event.link_key.0),
                &column(rows, |row| row.event.link_id.as_str()),
                &column(rows, |row| row.event.list_id.map(|id| id.0)),
                &column(rows, |row| row.event.offer_id.map(|id| id.to_string())),
                &column(rows, |row| row.event.creative_id.map(|id| id.0)),
                &text(|event| &event.message_id),
                &text(|event| &event.contact_phone),
                &column(rows, |row| row.visitor.to_string()),
                &column(rows, |row| row.kept_ip),
                &text(|event| &event.user_agent),
                &text(|event| &event.referrer),
                &text(|event| &event.country),
                &text(|event| &event.sub1),
                &text(|event| &event.sub2),
                &text(|event| &event.sub3),
                &text(|event| &event.sub4),
                &text(|event| &event.sub5),
                &text(|event| &event.source),
                &text(|event| &event.creative),
                &text(|event| &event.cost),
                &column(rows, |row| joined(&row.event.bot_reasons)),
                // Rules' names are an operator's: no comma parts them.
                &column(rows, |row| row.event.bot_rules.join("\u{1f}")),
                &column(rows, |row| row.event.asn.map(i64::from)),
                &column(rows, |row| row.event.confirmed),
                &column(rows, |row| row.device.class),
                &column(rows, |row| row.device.os.as_deref()),
                &column(rows, |row| row.device.browser.as_deref()),
                &column(rows, |row| {
                    row.event.campaign_id.as_ref().map(|id| id.as_str())
                }),
            ],
        )
        .await?;
    Ok(inserted.iter().map(|row| row.get("click_id")).collect())
}

/// A column of a batch, for `unnest`.
fn column<'r, T>(rows: &'r [&'r Row<'r>], value: impl Fn(&'r Row<'r>) -> T) -> Vec<T> {
    rows.iter().map(|row| value(row)).collect()
}

/// Arrays of arrays would have to be rectangular.
fn joined(reasons: &[BotReason]) -> String {
    let names: Vec<_> = reasons.iter().map(|reason| reason.as_str()).collect();
    names.join(",")
}
