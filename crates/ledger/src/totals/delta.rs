//! What a transaction changes in the totals.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use domain::{conversion::EventType, delivery::DeliveryOutcome};
use jiff::Timestamp;
use postgres::pool::Transaction;

use super::{
    Dimensions, Measures,
    bucket::{bucket_start, day_start},
    dimensions::TotalsBucket,
    event_totals::{EventTotalsKey, event_total_add_all},
    link_totals::{LinkTotalsKey, RecentLinkTotals, link_total_add_all, link_total_append_all},
    roll_up::roll_up,
    totals_rows::total_add_all,
};
use crate::value_totals::value_day_outdate_all;

/// A message that was sent, with its links.
#[derive(Debug)]
pub struct SentMessage {
    pub account_id: i64,
    pub list_id: i64,
    pub creative_id: Option<i64>,
    /// Key and offer of each link, in the order of the keys.
    pub links: Vec<(i64, Option<String>)>,
    /// The offers of the links that the message had before, if it was sent before and gets
    /// more links now.
    pub previous_offers: Option<Vec<Option<String>>>,
}

/// What changes in the count of a message.
#[derive(Debug, Clone, Copy, Default)]
struct MessageCounts {
    sends: i32,
    delivered: i32,
    failed: i32,
}

impl MessageCounts {
    fn add_outcome(&mut self, outcome: DeliveryOutcome, n: i32) {
        match outcome {
            DeliveryOutcome::Unknown => {}
            DeliveryOutcome::Delivered => self.delivered += n,
            DeliveryOutcome::Failed => self.failed += n,
        }
    }

    /// As the measures of one of its links or offers. The first one stands for the message.
    fn measures(self, is_first: bool) -> Measures {
        let first = i32::from(is_first);
        Measures {
            sends: self.sends,
            messages: self.sends * first,
            delivered_sends: self.delivered,
            delivered_messages: self.delivered * first,
            failed_sends: self.failed,
            failed_messages: self.failed * first,
            ..Measures::default()
        }
    }
}

/// The changes of `totals`, `link_totals` and `event_totals` that a transaction makes, gathered
/// so that it writes each row once.
#[derive(Debug, Default)]
pub struct TotalsDelta {
    /// By all dimensions but the link: the finest rows of `totals`, from which the others
    /// are rolled up.
    finest: HashMap<(TotalsBucket, Dimensions), Measures>,
    links: BTreeMap<LinkTotalsKey, Measures>,
    events: BTreeMap<EventTotalsKey, Measures>,
    /// The days by account of which clicks or conversions are added or changed, also where the
    /// totals stay the same.
    days: BTreeSet<(i64, Timestamp)>,
}

impl TotalsDelta {
    /// Tells of a click or conversion at `time` that is changed without a change of the totals.
    pub fn add_changed_day(&mut self, account_id: i64, time: Timestamp) {
        self.days.insert((account_id, day_start(time)));
    }

    /// Counts something that happened at `time`.
    pub fn add(
        &mut self,
        mut dimensions: Dimensions,
        time: Timestamp,
        currency: &str,
        measures: Measures,
    ) {
        let bucket = TotalsBucket {
            start: bucket_start(time),
            currency: currency.to_owned(),
        };
        self.add_changed_day(dimensions.account_id, time);
        self.add_link(&dimensions, &bucket, measures);
        dimensions.link_key = None;
        *self.finest.entry((bucket, dimensions)).or_default() += measures;
    }

    /// Counts a conversion, also by its event.
    pub fn add_conversion(
        &mut self,
        event: EventType,
        dimensions: Dimensions,
        time: Timestamp,
        currency: &str,
        measures: Measures,
    ) {
        let key = EventTotalsKey {
            event,
            bucket: TotalsBucket {
                start: bucket_start(time),
                currency: currency.to_owned(),
            },
            dimensions: dimensions.clone(),
        };
        *self.events.entry(key).or_default() += measures;
        self.add(dimensions, time, currency, measures);
    }

    /// Counts a message as sent, once for each of its offers and links, with what is known of
    /// its delivery.
    pub fn add_sent_message(
        &mut self,
        message: &SentMessage,
        outcome: DeliveryOutcome,
        time: Timestamp,
    ) {
        let mut counts = MessageCounts {
            sends: 1,
            ..MessageCounts::default()
        };
        counts.add_outcome(outcome, 1);
        self.add_message(message, counts, time);
    }

    /// Counts another outcome for a message that is counted as sent at `time`, with all of its
    /// links.
    pub fn change_outcome(
        &mut self,
        message: &SentMessage,
        before: DeliveryOutcome,
        after: DeliveryOutcome,
        time: Timestamp,
    ) {
        let mut counts = MessageCounts::default();
        counts.add_outcome(before, -1);
        counts.add_outcome(after, 1);
        self.add_message(message, counts, time);
    }

    fn add_message(&mut self, message: &SentMessage, counts: MessageCounts, time: Timestamp) {
        let bucket = TotalsBucket {
            start: bucket_start(time),
            currency: String::new(),
        };
        let dimensions = |offer_id: &Option<String>| Dimensions {
            account_id: message.account_id,
            list_id: Some(message.list_id),
            creative_id: message.creative_id,
            offer_id: offer_id.clone(),
            ..Dimensions::default()
        };
        let is_new = message.previous_offers.is_none();
        let mut counted_offers: Vec<_> = message.previous_offers.iter().flatten().collect();
        for (index, (link_key, offer_id)) in message.links.iter().enumerate() {
            let measures = counts.measures(is_new && index == 0);
            let link = Dimensions {
                link_key: Some(*link_key),
                ..dimensions(offer_id)
            };
            self.add_link(&link, &bucket, measures);
            if !counted_offers.contains(&offer_id) {
                let finest = self.finest.entry((bucket.clone(), dimensions(offer_id)));
                *finest.or_default() += measures;
                counted_offers.push(offer_id);
            }
        }
        // A message without links was sent nevertheless.
        if is_new && message.links.is_empty() {
            let finest = self.finest.entry((bucket, dimensions(&None)));
            *finest.or_default() += counts.measures(true);
        }
    }

    fn add_link(&mut self, dimensions: &Dimensions, bucket: &TotalsBucket, measures: Measures) {
        let Some(link_key) = dimensions.link_key else {
            return;
        };
        let key = LinkTotalsKey {
            account_id: dimensions.account_id,
            link_key,
            bucket_start: bucket.start,
            country: dimensions.country.clone().unwrap_or_default(),
            device: dimensions.device.clone().unwrap_or_default(),
            currency: bucket.currency.clone(),
        };
        *self.links.entry(key).or_default() += measures;
    }

    /// Writes the changes to the tables. The delta is empty afterwards.
    pub async fn apply(
        &mut self,
        transaction: &Transaction<'_>,
    ) -> Result<(), tokio_postgres::Error> {
        self.apply_totals(transaction).await?;
        let links = self.take_links().collect::<Vec<_>>();
        link_total_add_all(transaction, &links).await
    }

    /// Like [`apply`](Self::apply), for a writer that remembers which link totals it has
    /// written recently: it looks only for the rows of those, and appends the others, which
    /// costs less.
    pub async fn apply_with_memory(
        &mut self,
        transaction: &Transaction<'_>,
        recent: &mut RecentLinkTotals,
    ) -> Result<(), tokio_postgres::Error> {
        self.apply_totals(transaction).await?;
        let (recently_written, others): (Vec<_>, Vec<_>) =
            self.take_links().partition(|(key, _)| recent.remember(key));
        link_total_add_all(transaction, &recently_written).await?;
        link_total_append_all(transaction, others.iter()).await
    }

    async fn apply_totals(
        &mut self,
        transaction: &Transaction<'_>,
    ) -> Result<(), tokio_postgres::Error> {
        let rows = roll_up(std::mem::take(&mut self.finest));
        let rows: Vec<_> = rows.into_iter().filter(|(_, m)| m.is_change()).collect();
        total_add_all(transaction, &rows).await?;
        let events = std::mem::take(&mut self.events);
        let events: Vec<_> = events.into_iter().filter(|(_, m)| m.is_change()).collect();
        event_total_add_all(transaction, events).await?;
        value_day_outdate_all(transaction, &std::mem::take(&mut self.days)).await
    }

    fn take_links(&mut self) -> impl Iterator<Item = (LinkTotalsKey, Measures)> + use<> {
        let links = std::mem::take(&mut self.links);
        links.into_iter().filter(|(_, m)| m.is_change())
    }
}
