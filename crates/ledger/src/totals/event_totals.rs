//! The table `event_totals`: conversions and revenue of each event by quarter of an hour and all
//! dimensions.

use std::collections::{BTreeMap, BTreeSet};

use domain::conversion::EventType;
use postgres::pool::{GenericClient as _, Transaction};

use super::{
    Dimensions, Measures,
    custom_events::{CustomEvent, OTHER_EVENTS, custom_event, custom_event_register_all},
    dimensions::TotalsBucket,
};
use crate::unnest::column;

/// What a change of `event_totals` is about, by the event of the conversion.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct EventTotalsKey {
    pub bucket: TotalsBucket,
    pub event: EventType,
    pub dimensions: Dimensions,
}

/// A row of the table, by the event that the conversion is counted for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct EventTotalsRow {
    bucket: TotalsBucket,
    event: String,
    dimensions: Dimensions,
}

impl EventTotalsKey {
    fn custom_event(&self) -> Option<CustomEvent> {
        custom_event(self.dimensions.account_id, self.event)
    }

    fn into_row(self, told_apart: &BTreeSet<CustomEvent>) -> EventTotalsRow {
        let is_counted_apart = self
            .custom_event()
            .is_none_or(|event| told_apart.contains(&event));
        EventTotalsRow {
            event: match is_counted_apart {
                true => self.event.as_str().to_owned(),
                false => OTHER_EVENTS.to_owned(),
            },
            bucket: self.bucket,
            dimensions: self.dimensions,
        }
    }
}

impl EventTotalsRow {
    /// The column `key`.
    fn key(&self) -> String {
        let number = |value: Option<i64>| value.map(|n| n.to_string()).unwrap_or_default();
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let Dimensions {
            account_id: _,
            link_key,
            offer_id,
            list_id,
            creative_id,
            campaign_id,
            country,
            device,
        } = &self.dimensions;
        [
            self.event.clone(),
            number(*link_key),
            text(offer_id),
            number(*list_id),
            number(*creative_id),
            text(campaign_id),
            text(country),
            text(device),
        ]
        .join("|")
    }
}

/// Adds to rows, or inserts them. Needs the lock of each account.
pub(super) async fn event_total_add_all(
    transaction: &Transaction<'_>,
    changes: Vec<(EventTotalsKey, Measures)>,
) -> Result<(), tokio_postgres::Error> {
    if changes.is_empty() {
        return Ok(());
    }
    let custom_events = changes.iter().filter_map(|(key, _)| key.custom_event());
    let told_apart = custom_event_register_all(transaction, &custom_events.collect()).await?;
    let mut by_row: BTreeMap<EventTotalsRow, Measures> = BTreeMap::new();
    for (key, measures) in changes {
        *by_row.entry(key.into_row(&told_apart)).or_default() += measures;
    }
    let rows: Vec<_> = by_row.into_iter().collect();
    let sql = "INSERT INTO event_totals AS t
                 (account_id, bucket, key, currency, event, link_key, offer_id, list_id,
                  creative_id, campaign_id, country, device, conversions, revenue,
                  pending_conversions, pending_revenue)
             SELECT *
             FROM unnest(
                 $1::bigint[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::bigint[],
                 $7::text[], $8::bigint[], $9::bigint[], $10::text[], $11::text[], $12::text[],
                 $13::integer[], $14::numeric[], $15::integer[], $16::numeric[]
             )
             ON CONFLICT ON CONSTRAINT event_totals_pkey DO UPDATE
             SET conversions = t.conversions + excluded.conversions,
                 revenue = t.revenue + excluded.revenue,
                 pending_conversions = t.pending_conversions + excluded.pending_conversions,
                 pending_revenue = t.pending_revenue + excluded.pending_revenue";
    let statement = transaction.prepare_cached(sql).await?;
    transaction
        .execute(
            &statement,
            &[
                &column(&rows, |(row, _)| row.dimensions.account_id),
                &column(&rows, |(row, _)| row.bucket.start),
                &column(&rows, |(row, _)| row.key()),
                &column(&rows, |(row, _)| row.bucket.currency.as_str()),
                &column(&rows, |(row, _)| row.event.as_str()),
                &column(&rows, |(row, _)| row.dimensions.link_key),
                &column(&rows, |(row, _)| row.dimensions.offer_id.as_deref()),
                &column(&rows, |(row, _)| row.dimensions.list_id),
                &column(&rows, |(row, _)| row.dimensions.creative_id),
                &column(&rows, |(row, _)| row.dimensions.campaign_id.as_deref()),
                &column(&rows, |(row, _)| row.dimensions.country.as_deref()),
                &column(&rows, |(row, _)| row.dimensions.device.as_deref()),
                &column(&rows, |(_, measures)| measures.conversions),
                &column(&rows, |(_, measures)| measures.revenue),
                &column(&rows, |(_, measures)| measures.pending_conversions),
                &column(&rows, |(_, measures)| measures.pending_revenue),
            ],
        )
        .await?;
    Ok(())
}
