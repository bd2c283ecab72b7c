//! The table `totals`.

use postgres::pool::{GenericClient as _, Transaction};
use tokio_postgres::types::ToSql;

use super::{Measures, measures::MeasureColumns, roll_up::TotalsKey};
use crate::unnest::column;

/// Adds to rows, or inserts them. `rows` must be sorted by key: the transactions of one
/// account that count sent messages hold no lock, and so wait for rows in one order.
pub(super) async fn total_add_all(
    transaction: &Transaction<'_>,
    rows: &[(TotalsKey, Measures)],
) -> Result<(), tokio_postgres::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    let sql = "INSERT INTO totals AS t
                 (account_id, span, dimension, bucket, key, currency, offer_id, list_id,
                  creative_id, campaign_id, country, device, sends, messages, delivered_sends,
                  delivered_messages, failed_sends, failed_messages, clicks, unique_clicks,
                  bot_clicks, confirmed_clicks, costed_clicks, conversions, pending_conversions,
                  revenue, pending_revenue, click_cost)
             SELECT *
             FROM unnest(
                 $1::bigint[], $2::text[], $3::text[], $4::timestamptz[], $5::text[], $6::text[],
                 $7::text[], $8::bigint[], $9::bigint[], $10::text[], $11::text[], $12::text[],
                 $13::integer[], $14::integer[], $15::integer[], $16::integer[], $17::integer[],
                 $18::integer[], $19::integer[], $20::integer[], $21::integer[], $22::integer[],
                 $23::integer[], $24::integer[], $25::integer[], $26::numeric[], $27::numeric[],
                 $28::numeric[]
             )
             ON CONFLICT ON CONSTRAINT totals_pkey DO UPDATE
             SET sends = t.sends + excluded.sends,
                 messages = t.messages + excluded.messages,
                 delivered_sends = t.delivered_sends + excluded.delivered_sends,
                 delivered_messages = t.delivered_messages + excluded.delivered_messages,
                 failed_sends = t.failed_sends + excluded.failed_sends,
                 failed_messages = t.failed_messages + excluded.failed_messages,
                 clicks = t.clicks + excluded.clicks,
                 unique_clicks = t.unique_clicks + excluded.unique_clicks,
                 bot_clicks = t.bot_clicks + excluded.bot_clicks,
                 confirmed_clicks = t.confirmed_clicks + excluded.confirmed_clicks,
                 costed_clicks = t.costed_clicks + excluded.costed_clicks,
                 conversions = t.conversions + excluded.conversions,
                 pending_conversions = t.pending_conversions + excluded.pending_conversions,
                 revenue = t.revenue + excluded.revenue,
                 pending_revenue = t.pending_revenue + excluded.pending_revenue,
                 click_cost = t.click_cost + excluded.click_cost";
    let statement = transaction.prepare_cached(sql).await?;
    let measures = MeasureColumns::from_measures(rows.iter().map(|(_, measures)| measures));
    let keys: [&(dyn ToSql + Sync); 12] = [
        &column(rows, |(total, _)| total.account_id),
        &column(rows, |(total, _)| total.granularity),
        &column(rows, |(total, _)| total.dimension),
        &column(rows, |(total, _)| total.bucket.start),
        &column(rows, |(total, _)| total.key.as_str()),
        &column(rows, |(total, _)| total.bucket.currency.as_str()),
        &column(rows, |(total, _)| total.dimensions.offer_id.as_deref()),
        &column(rows, |(total, _)| total.dimensions.list_id),
        &column(rows, |(total, _)| total.dimensions.creative_id),
        &column(rows, |(total, _)| total.dimensions.campaign_id.as_deref()),
        &column(rows, |(total, _)| total.dimensions.country.as_deref()),
        &column(rows, |(total, _)| total.dimensions.device.as_deref()),
    ];
    let parameters: Vec<_> = keys.into_iter().chain(measures.parameters()).collect();
    transaction.execute(&statement, &parameters).await?;
    Ok(())
}
