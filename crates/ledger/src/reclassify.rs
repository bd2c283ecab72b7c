//! Reclassification: changing the bot verdict of clicks that are stored, and everything
//! that follows from it.

use std::collections::BTreeMap;

use domain::{
    id::{AccountId, ClickId},
    message_click_key::MessageClickKey,
};
use postgres::pool::{GenericClient as _, Transaction};

use crate::{
    ClickFacts,
    conversions::{conversion_credit_all, conversion_find_affected},
    keys::{CLICK_CONTACT_KEY, CLICK_MESSAGE_KEY},
    message_clicks::message_click_rebuild_all,
    totals::{Measures, TotalsDelta},
    unnest::column,
};

/// The new verdict on a click.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reclassification {
    pub click_id: ClickId,
    /// Names of `domain::bot::BotReason`. Without a reason, the click is a person's.
    pub reasons: Vec<String>,
    pub rules: Vec<String>,
    /// Whether somebody decided it: the burst scan does not change such a click any more.
    pub is_manual: bool,
}

/// Writes the verdicts. Afterwards message clicks, credits and totals are what they would
/// be if the clicks had had these verdicts from the start. Returns how many clicks became a
/// bot's or a person's. Needs the lock of each click's account.
pub async fn click_reclassify_all(
    transaction: &Transaction<'_>,
    reclassifications: &[Reclassification],
    delta: &mut TotalsDelta,
) -> Result<u64, tokio_postgres::Error> {
    let sql = format!(
        "UPDATE clicks AS c
         SET is_bot = n.reasons <> '',
             bot_reasons = string_to_array(n.reasons, ','),
             bot_rules = string_to_array(n.rules, E'\\x1f'),
             judged = c.judged OR n.is_manual
         FROM unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::text[], $5::boolean[])
              AS n (click_id, clicked_at, reasons, rules, is_manual)
         JOIN clicks old
           ON old.clicked_at = n.clicked_at AND old.click_id = n.click_id
         WHERE c.clicked_at = n.clicked_at
           AND c.click_id = n.click_id
         RETURNING old.is_bot AS was_bot, c.is_bot, c.account_id,
                   {CLICK_MESSAGE_KEY} AS message_key, {CLICK_CONTACT_KEY} AS contact_key,
                   c.click_id, c.link_key, c.link_id, c.list_id, c.offer_id, c.creative_id,
                   c.campaign_id, c.message_id, c.contact_phone, c.country, c.device,
                   c.click_cost, c.click_cost_currency"
    );
    let statement = transaction.prepare_cached(&sql).await?;
    let rows = transaction
        .query(
            &statement,
            &[
                &column(reclassifications, |new| new.click_id.as_uuid()),
                &column(reclassifications, |new| new.click_id.time()),
                &column(reclassifications, |new| new.reasons.join(",")),
                &column(reclassifications, |new| new.rules.join("\u{1f}")),
                &column(reclassifications, |new| new.is_manual),
            ],
        )
        .await?;
    let mut keys = BTreeMap::new();
    let mut n_changed = 0;
    for row in &rows {
        let account_id = row.get("account_id");
        let click = ClickFacts::from_row(row, "", account_id).expect("a click has an id");
        // Its reasons may be others.
        delta.add_changed_day(account_id, click.time());
        let (was_bot, is_bot): (bool, bool) = (row.get("was_bot"), row.get("is_bot"));
        if was_bot == is_bot {
            continue;
        }
        n_changed += 1;
        let measures = Measures {
            bot_clicks: if is_bot { 1 } else { -1 },
            ..Measures::default()
        };
        delta.add(click.dimensions(), click.time(), "", measures);
        if let Some(amount) = row.get("click_cost") {
            let measures = Measures::of_click_cost(amount);
            let measures = if is_bot { -measures } else { measures };
            let currency = row.get("click_cost_currency");
            delta.add(click.dimensions(), click.time(), currency, measures);
        }
        let key = MessageClickKey {
            account_id: AccountId(account_id),
            message_key: row.get("message_key"),
            contact_key: row.get("contact_key"),
        };
        keys.insert(key, click.time());
    }
    let changes = message_click_rebuild_all(transaction, &keys, delta).await?;
    let conversions = conversion_find_affected(transaction, &changes).await?;
    conversion_credit_all(transaction, &conversions, delta).await?;
    Ok(n_changed)
}
