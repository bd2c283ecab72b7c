//! Judging clicks again, and all that follows from it.

use std::collections::BTreeMap;

use domain::{
    id::{AccountId, ClickId},
    message_click_key::MessageClickKey,
};

use super::{
    CLICK_CONTACT_KEY, CLICK_MESSAGE_KEY, Clicked, column,
    conversions::{conversion_credit_all, conversion_find_affected},
    message_clicks::message_click_rebuild_all,
    totals::{Deltas, Measures},
};
use postgres::pool::{GenericClient, Transaction};

/// What a click is to be from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub click_id: ClickId,
    /// Names of domain::bot::BotReason; none is a person's click.
    pub reasons: Vec<String>,
    pub rules: Vec<String>,
    /// Whether bursts leave it alone from now on.
    pub is_final: bool,
}

/// Writes verdicts; answers how many clicks changed sides. Message clicks,
/// credits and totals are afterwards what they would be had the verdicts been
/// these from the start. Needs the lock of each click's account.
pub async fn click_judge_all(
    transaction: &Transaction<'_>,
    verdicts: &[Verdict],
    deltas: &mut Deltas,
) -> Result<u64, tokio_postgres::Error> {
    let sql = format!(
        "UPDATE clicks AS c
         SET is_bot = n.reasons <> '',
             bot_reasons = string_to_array(n.reasons, ','),
             bot_rules = string_to_array(n.rules, E'\\x1f'),
             judged = c.judged OR n.is_final
         FROM unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::text[], $5::boolean[])
              AS n (click_id, clicked_at, reasons, rules, is_final)
         JOIN clicks was
           ON was.clicked_at = n.clicked_at AND was.click_id = n.click_id
         WHERE c.clicked_at = n.clicked_at
           AND c.click_id = n.click_id
         RETURNING was.is_bot AS was_bot, c.is_bot, c.account_id,
                   {CLICK_MESSAGE_KEY} AS message_key, {CLICK_CONTACT_KEY} AS contact_key,
                   c.click_id, c.link_key, c.link_id, c.list_id, c.offer_id, c.creative_id,
                   c.campaign_id, c.message_id, c.contact_phone, c.country, c.device"
    );
    let statement = transaction.prepare_cached(&sql).await?;
    let rows = transaction
        .query(
            &statement,
            &[
                &column(verdicts, |verdict| verdict.click_id.as_uuid()),
                &column(verdicts, |verdict| verdict.click_id.time()),
                &column(verdicts, |verdict| verdict.reasons.join(",")),
                &column(verdicts, |verdict| verdict.rules.join("\u{1f}")),
                &column(verdicts, |verdict| verdict.is_final),
            ],
        )
        .await?;
    let mut keys = BTreeMap::new();
    let mut n_changed = 0;
    for row in &rows {
        let (was_bot, is_bot): (bool, bool) = (row.get("was_bot"), row.get("is_bot"));
        if was_bot == is_bot {
            continue;
        }
        n_changed += 1;
        let account_id = row.get("account_id");
        let click = Clicked::read(row, "", account_id).expect("a click has an id");
        let measures = Measures {
            bot_clicks: if is_bot { 1 } else { -1 },
            ..Measures::default()
        };
        deltas.add(click.place(), click.time(), "", measures);
        let key = MessageClickKey {
            account_id: AccountId(account_id),
            message_key: row.get("message_key"),
            contact_key: row.get("contact_key"),
        };
        keys.insert(key, click.time());
    }
    let changes = message_click_rebuild_all(transaction, &keys, deltas).await?;
    let conversions = conversion_find_affected(transaction, &changes).await?;
    conversion_credit_all(transaction, &conversions, deltas).await?;
    Ok(n_changed)
}
