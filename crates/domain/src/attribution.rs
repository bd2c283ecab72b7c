//! Which click becomes the message click of its key: the earliest that is not a bot's.
//!
//! The rule is a merge that does not depend on the order of arrival: of two clicks it takes
//! the smaller click id, and a click id starts with its time. Clicks that arrive late or
//! twice give the same result, and message clicks can be rebuilt from the stored clicks at
//! any time.

use std::collections::BTreeMap;

use crate::{click::ClickEvent, id::ClickId, message_click_key::MessageClickKey};

/// The message click of each key among these clicks. The value has the index at which the
/// iterator returned the click. Clicks of bots are left out.
pub fn earliest_click_per_key<'e>(
    clicks: impl Iterator<Item = (&'e ClickEvent<'static>, MessageClickKey)>,
) -> BTreeMap<MessageClickKey, (usize, ClickId)> {
    let mut earliest = BTreeMap::new();
    for (index, (event, key)) in clicks.enumerate() {
        if event.is_bot() {
            continue;
        }
        let candidate = (index, event.click_id);
        earliest
            .entry(key)
            .and_modify(|current: &mut (usize, ClickId)| {
                if candidate.1 < current.1 {
                    *current = candidate;
                }
            })
            .or_insert(candidate);
    }
    earliest
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use proptest::prelude::*;

    use super::*;
    use crate::{
        bot::BotReason,
        visitor::{VisitorHash, tests::visitor_hash_key},
    };

    const DAY_MS: u64 = 24 * 60 * 60 * 1000;
    const NOON_MS: u64 = 1_795_000_000_000 / DAY_MS * DAY_MS + DAY_MS / 2;

    /// A click id of `ms_after_noon`; `salt` makes ids of the same time differ.
    fn click_id(ms_after_noon: u64, salt: u8) -> ClickId {
        let unix_ms = NOON_MS + ms_after_noon;
        let uuid = uuid::Builder::from_unix_timestamp_millis(unix_ms, &[salt; 10]);
        ClickId::from_uuid(uuid.into_uuid()).unwrap()
    }

    fn event(
        click_id: ClickId,
        message: u8,
        contact: Option<u8>,
        is_bot: bool,
    ) -> ClickEvent<'static> {
        let json = serde_json::json!({
            "click_id": click_id, "account_id": 1, "link_key": message, "link_id": "Ab3kX9q",
            "ip": "203.0.113.9",
        });
        let mut event: ClickEvent<'static> = serde_json::from_value(json).unwrap();
        let has_message_id = !message.is_multiple_of(3);
        event.message_id = has_message_id.then(|| Cow::Owned(format!("msg-{message}")));
        event.contact_phone = contact.map(|contact| Cow::Owned(format!("+1800555{contact:04}")));
        event.bot_reasons = match is_bot {
            true => vec![BotReason::UaBot],
            false => vec![],
        };
        event
    }

    fn key(event: &ClickEvent<'_>) -> MessageClickKey {
        let time = event.click_id.time();
        let visitor = VisitorHash::new(&visitor_hash_key(), time, event.ip, None);
        MessageClickKey::for_click(event, &visitor)
    }

    fn merged(events: &[ClickEvent<'static>]) -> BTreeMap<MessageClickKey, ClickId> {
        let clicks = earliest_click_per_key(events.iter().map(|event| (event, key(event))));
        let clicks = clicks.into_iter();
        clicks.map(|(key, (_, click_id))| (key, click_id)).collect()
    }

    /// A model that is obviously right: it sorts the clicks by time and id, and takes the
    /// first of each key.
    fn model(events: &[ClickEvent<'static>]) -> BTreeMap<MessageClickKey, ClickId> {
        let mut people: Vec<_> = events.iter().filter(|event| !event.is_bot()).collect();
        people.sort_by_key(|event| (event.click_id.unix_ms(), event.click_id.as_uuid()));
        let mut first = BTreeMap::new();
        for event in people {
            first.entry(key(event)).or_insert(event.click_id);
        }
        first
    }

    prop_compose! {
        fn any_event()(
            ms_after_noon in 0..40_u64,
            salt in 0..3_u8,
            message in 0..5_u8,
            contact in proptest::option::of(0..4_u8),
            is_bot in proptest::bool::weighted(0.3),
        ) -> ClickEvent<'static> {
            event(click_id(ms_after_noon, salt), message, contact, is_bot)
        }
    }

    proptest! {
        #[test]
        fn order_and_duplicates_do_not_matter(
            (events, shuffled) in prop::collection::vec(any_event(), 0..60)
                .prop_flat_map(|events| {
                    let mut with_duplicates = events.clone();
                    with_duplicates.extend(events.iter().take(events.len() / 2).cloned());
                    (Just(events), Just(with_duplicates).prop_shuffle())
                })
        ) {
            prop_assert_eq!(merged(&events), merged(&shuffled));
        }

        #[test]
        fn the_merge_finds_what_the_model_finds(
            events in prop::collection::vec(any_event(), 0..60),
        ) {
            prop_assert_eq!(merged(&events), model(&events));
        }

        #[test]
        fn merging_two_parts_is_merging_all_at_once(
            events in prop::collection::vec(any_event(), 0..60),
            cut in 0..60_usize,
        ) {
            let (left, right) = events.split_at(cut.min(events.len()));
            let mut parts = merged(left);
            for (key, click_id) in merged(right) {
                parts
                    .entry(key)
                    .and_modify(|current| *current = click_id.min(*current))
                    .or_insert(click_id);
            }
            prop_assert_eq!(parts, merged(&events));
        }
    }
}
