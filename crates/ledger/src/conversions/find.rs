//! What is found out about conversions before they are stored: the click that was
//! named, the offer's terms, and which are the same.

use std::collections::{BTreeSet, HashMap};

use domain::{
    id::{ClickId, ConversionId},
    postback::PostbackMode,
};
use rust_decimal::Decimal;
use tokio_postgres::Row;

use super::{Found, NewConversion, conversion_id, credit::conversion_delete_all};
use crate::{CLICK_CONTACT_KEY, CLICK_MESSAGE_KEY, column, totals::Deltas};
use postgres::pool::{GenericClient, Transaction};

/// Finds the clicks that are named, and the offers' payouts and windows.
pub(super) async fn find_all(
    transaction: &Transaction<'_>,
    conversions: Vec<NewConversion>,
) -> Result<Vec<(NewConversion, Found)>, tokio_postgres::Error> {
    let clicks = click_find_all(transaction, &conversions).await?;
    let mut rows = Vec::with_capacity(conversions.len());
    for mut conversion in conversions {
        let mut found = conversion.find_by_name();
        // Redirectors asked all others for what their account wants.
        found.is_unchecked = conversion.account_id.is_none() && !conversion.authenticated;
        if let Some(click) = conversion.click_id.and_then(|id| clicks.get(&id.as_uuid())) {
            let account_id: i64 = click.get("account_id");
            // Another account's click is as good as none.
            if conversion.account_id.is_none_or(|own| own == account_id) {
                conversion.account_id = Some(account_id);
                let click_offer = || click.get("offer_id");
                conversion.offer_id = conversion.offer_id.or_else(click_offer);
                let click_campaign = || click.get("campaign_id");
                conversion.campaign_id = conversion.campaign_id.or_else(click_campaign);
                found.message_key = click.get("message_key");
                found.contact_key = click.get("contact_key");
            }
        }
        rows.push((conversion, found));
    }
    let offers = offer_find_all(transaction, &rows).await?;
    let policies = account_find_postback_policies(transaction, &rows).await?;
    let windows = campaign_find_all(transaction, &rows).await?;
    for (conversion, found) in &mut rows {
        let offer = conversion.offer_id.as_ref().and_then(|id| offers.get(id));
        let campaign = conversion
            .campaign_id
            .as_ref()
            .and_then(|id| windows.get(id));
        found.payout = offer.and_then(|offer| offer.payout);
        found.window_days = offer.map(|offer| offer.window_days).or(campaign.copied());
        if found.is_unchecked {
            let policy = conversion.account_id.and_then(|id| policies.get(&id));
            let of_offer = offer.and_then(|offer| offer.postbacks);
            found.is_refused = policy.is_some_and(|policy| !policy.takes(conversion, of_offer));
        }
    }
    Ok(rows)
}

async fn click_find_all(
    transaction: &Transaction<'_>,
    conversions: &[NewConversion],
) -> Result<HashMap<uuid::Uuid, Row>, tokio_postgres::Error> {
    let ids: Vec<_> = conversions.iter().filter_map(|c| c.click_id).collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let sql = format!(
        "SELECT c.click_id, c.account_id, c.offer_id, c.campaign_id,
                {CLICK_MESSAGE_KEY} AS message_key, {CLICK_CONTACT_KEY} AS contact_key
         FROM unnest($1::uuid[], $2::timestamptz[]) AS n (click_id, clicked_at)
         JOIN clicks c ON c.clicked_at = n.clicked_at AND c.click_id = n.click_id"
    );
    let statement = transaction.prepare_cached(&sql).await?;
    let uuids = column(&ids, ClickId::as_uuid);
    let times = column(&ids, ClickId::time);
    let rows = transaction.query(&statement, &[&uuids, &times]).await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.get("click_id"), row))
        .collect())
}

struct OfferTerms {
    /// Per action.
    payout: Option<Decimal>,
    window_days: i32,
    /// What postbacks must prove, where the offer says it.
    postbacks: Option<PostbackMode>,
}

/// What an account takes without a secret.
struct PostbackPolicy {
    mode: PostbackMode,
    max_amount: Option<Decimal>,
}

impl PostbackPolicy {
    fn takes(&self, conversion: &NewConversion, of_offer: Option<PostbackMode>) -> bool {
        let is_open = of_offer.unwrap_or(self.mode) == PostbackMode::Open;
        let is_small = match (conversion.revenue, self.max_amount) {
            (Some(revenue), Some(max_amount)) => revenue <= max_amount,
            _ => true,
        };
        is_open && is_small
    }
}

/// Of those that came without a secret and named nothing but a click, by account.
async fn account_find_postback_policies(
    transaction: &Transaction<'_>,
    rows: &[(NewConversion, Found)],
) -> Result<HashMap<i64, PostbackPolicy>, tokio_postgres::Error> {
    let ids: BTreeSet<i64> = rows
        .iter()
        .filter(|(_, found)| found.is_unchecked)
        .filter_map(|(conversion, _)| conversion.account_id)
        .collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let statement = transaction
        .prepare_cached(
            "SELECT id, postbacks, postback_max_amount FROM accounts WHERE id = ANY($1)",
        )
        .await?;
    let ids: Vec<i64> = ids.into_iter().collect();
    let rows = transaction.query(&statement, &[&ids]).await?;
    let policies = rows.iter().map(|row| {
        let policy = PostbackPolicy {
            mode: PostbackMode::parse(row.get("postbacks")).unwrap_or_default(),
            max_amount: row.get("postback_max_amount"),
        };
        (row.get("id"), policy)
    });
    Ok(policies.collect())
}

/// Terms by id.
async fn offer_find_all(
    transaction: &Transaction<'_>,
    rows: &[(NewConversion, Found)],
) -> Result<HashMap<String, OfferTerms>, tokio_postgres::Error> {
    let ids: Vec<_> = rows
        .iter()
        .filter_map(|(c, _)| c.offer_id.as_deref())
        .collect();
    let statement = transaction
        .prepare_cached(
            "SELECT id, click_window_days, postbacks,
                    CASE WHEN payout_type IS DISTINCT FROM 'cpc' THEN payout END AS payout
             FROM offers
             WHERE id = ANY($1)",
        )
        .await?;
    let rows = transaction.query(&statement, &[&ids]).await?;
    let offers = rows.iter().map(|row| {
        let postbacks: Option<&str> = row.get("postbacks");
        let terms = OfferTerms {
            payout: row.get("payout"),
            window_days: row.get("click_window_days"),
            postbacks: postbacks.and_then(PostbackMode::parse),
        };
        (row.get("id"), terms)
    });
    Ok(offers.collect())
}

/// Windows in days, by id.
async fn campaign_find_all(
    transaction: &Transaction<'_>,
    rows: &[(NewConversion, Found)],
) -> Result<HashMap<String, i32>, tokio_postgres::Error> {
    let ids: Vec<_> = rows
        .iter()
        .filter_map(|(c, _)| c.campaign_id.as_deref())
        .collect();
    let statement = transaction
        .prepare_cached("SELECT id, cookie_window_days FROM campaigns WHERE id = ANY($1)")
        .await?;
    let rows = transaction.query(&statement, &[&ids]).await?;
    Ok(rows
        .iter()
        .map(|row| (row.get("id"), row.get("cookie_window_days")))
        .collect())
}

/// Those that are the earliest of their identity; a later one that is stored
/// makes room.
pub(super) async fn earliest_of_each(
    transaction: &Transaction<'_>,
    rows: Vec<(NewConversion, Found)>,
    deltas: &mut Deltas,
) -> Result<Vec<(NewConversion, Found)>, tokio_postgres::Error> {
    let mut rows = rows;
    rows.sort_by_key(|(c, _)| c.conversion_id);
    let statement = transaction
        .prepare_cached(
            "SELECT c.conversion_id, c.account_id, c.dedupe_key
             FROM unnest($1::bigint[], $2::text[]) AS k (account_id, dedupe_key)
             JOIN conversions c USING (account_id, dedupe_key)",
        )
        .await?;
    let accounts = column(&rows, |(c, _)| c.account_id);
    let keys = column(&rows, |(c, _)| c.dedupe_key());
    let stored = transaction.query(&statement, &[&accounts, &keys]).await?;
    let mut first: HashMap<(i64, String), ConversionId> = stored
        .iter()
        .map(|row| {
            (
                (row.get("account_id"), row.get("dedupe_key")),
                conversion_id(row),
            )
        })
        .collect();
    let mut kept = Vec::with_capacity(rows.len());
    let mut replaced = Vec::new();
    for (conversion, found) in rows {
        if let Some(account_id) = conversion.account_id {
            let id = conversion.conversion_id;
            match first.get(&(account_id, conversion.dedupe_key())) {
                Some(other) if *other < id => continue,
                // Those of this batch are in order: this one is stored.
                Some(other) => replaced.push(*other),
                None => {}
            }
            first.insert((account_id, conversion.dedupe_key()), id);
        }
        kept.push((conversion, found));
    }
    conversion_delete_all(transaction, &replaced, deltas).await?;
    Ok(kept)
}
