//! From the finest counts to the rows of every dimension: `totals` has each of them, so
//! that a report reads the rows of one dimension instead of adding up all combinations.

use std::collections::{BTreeMap, HashMap};

use super::{Dimensions, Measures, bucket::day_start, dimensions::TotalsBucket};

/// The key of a row of `totals`.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TotalsKey {
    pub account_id: i64,
    /// `quarter` or `day`, the column `span`.
    pub granularity: &'static str,
    pub dimension: &'static str,
    pub bucket: TotalsBucket,
    /// The values of the row's dimension as one text.
    pub key: String,
    /// Has values only for the dimensions of the row.
    pub dimensions: Dimensions,
}

/// The rows of every dimension to which the finest counts contribute, by key.
pub(super) fn roll_up(
    finest: HashMap<(TotalsBucket, Dimensions), Measures>,
) -> BTreeMap<TotalsKey, Measures> {
    let mut totals = BTreeMap::new();
    let mut by_day: HashMap<(TotalsBucket, Dimensions), Measures> = HashMap::new();
    for ((bucket, dimensions), measures) in &finest {
        let day = TotalsBucket {
            start: day_start(bucket.start),
            currency: bucket.currency.clone(),
        };
        *by_day.entry((day, dimensions.clone())).or_default() += *measures;
    }
    let quarters = finest.into_iter().map(|counts| ("quarter", counts));
    let days = by_day.into_iter().map(|counts| ("day", counts));
    for (granularity, ((bucket, dimensions), measures)) in quarters.chain(days) {
        for key in keys_of_all_dimensions(granularity, &bucket, dimensions) {
            let measures = measures_for_dimension(key.dimension, measures);
            *totals.entry(key).or_default() += measures;
        }
    }
    totals
}

/// A sent message has no country, device or campaign, so it does not count there. It counts
/// once for each of its offers where rows are told apart by offer, and once elsewhere.
fn measures_for_dimension(dimension: &str, measures: Measures) -> Measures {
    let counts = |sends: i32, messages: i32| match dimension {
        "cell" | "content" => (sends, messages),
        "offer" => (sends, sends),
        "all" | "list" | "creative" => (messages, messages),
        _ => (0, 0),
    };
    let m = measures;
    let (sends, messages) = counts(m.sends, m.messages);
    let (delivered_sends, delivered_messages) = counts(m.delivered_sends, m.delivered_messages);
    let (failed_sends, failed_messages) = counts(m.failed_sends, m.failed_messages);
    Measures {
        sends,
        messages,
        delivered_sends,
        delivered_messages,
        failed_sends,
        failed_messages,
        ..measures
    }
}

fn keys_of_all_dimensions(
    granularity: &'static str,
    bucket: &TotalsBucket,
    dimensions: Dimensions,
) -> [TotalsKey; 10] {
    let account_id = dimensions.account_id;
    let total = |dimension, key: String, dimensions: Dimensions| TotalsKey {
        account_id,
        granularity,
        dimension,
        bucket: bucket.clone(),
        key,
        dimensions: Dimensions {
            account_id,
            ..dimensions
        },
    };
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let number = |value: Option<i64>| value.map(|n| n.to_string()).unwrap_or_default();
    let none = Dimensions::default;
    [
        total("all", String::new(), none()),
        total(
            "offer",
            text(&dimensions.offer_id),
            Dimensions {
                offer_id: dimensions.offer_id.clone(),
                ..none()
            },
        ),
        total(
            "list",
            number(dimensions.list_id),
            Dimensions {
                list_id: dimensions.list_id,
                ..none()
            },
        ),
        total(
            "creative",
            number(dimensions.creative_id),
            Dimensions {
                creative_id: dimensions.creative_id,
                ..none()
            },
        ),
        total(
            "campaign",
            text(&dimensions.campaign_id),
            Dimensions {
                campaign_id: dimensions.campaign_id.clone(),
                ..none()
            },
        ),
        total(
            "country",
            text(&dimensions.country),
            Dimensions {
                country: dimensions.country.clone(),
                ..none()
            },
        ),
        total(
            "device",
            text(&dimensions.device),
            Dimensions {
                device: dimensions.device.clone(),
                ..none()
            },
        ),
        total(
            "content",
            content_key(&dimensions),
            Dimensions {
                country: None,
                device: None,
                ..dimensions.clone()
            },
        ),
        total(
            "audience",
            audience_key(&dimensions),
            Dimensions {
                country: dimensions.country.clone(),
                device: dimensions.device.clone(),
                ..none()
            },
        ),
        total(
            "cell",
            format!("{}|{}", content_key(&dimensions), audience_key(&dimensions)),
            dimensions,
        ),
    ]
}

fn content_key(dimensions: &Dimensions) -> String {
    let number = |value: Option<i64>| value.map(|n| n.to_string()).unwrap_or_default();
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    [
        text(&dimensions.offer_id),
        number(dimensions.list_id),
        number(dimensions.creative_id),
        text(&dimensions.campaign_id),
    ]
    .join("|")
}

fn audience_key(dimensions: &Dimensions) -> String {
    let text = |value: &Option<String>| value.as_deref().unwrap_or_default().to_owned();
    [text(&dimensions.country), text(&dimensions.device)].join("|")
}
