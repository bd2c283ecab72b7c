use std::borrow::Cow;

use proptest::prelude::*;

use super::*;
use crate::{
    bot::BotReason,
    id::{LinkKey, ShortId},
};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;
const NOON: u64 = 1_795_000_000_000 / DAY_MS * DAY_MS + DAY_MS / 2;

fn key() -> VisitorHashKey {
    VisitorHashKey::new(b"0123456789abcdef").unwrap()
}

/// A click `ms` after noon; `salt` tells clicks of the same time apart.
fn click_id(ms: u64, salt: u8) -> ClickId {
    let id = uuid::Builder::from_unix_timestamp_millis(NOON + ms, &[salt; 10]);
    ClickId::from_uuid(id.into_uuid()).unwrap()
}

fn event(click_id: ClickId, message: u8, contact: Option<u8>, is_bot: bool) -> ClickEvent<'static> {
    let json = serde_json::json!({
        "click_id": click_id, "account_id": 1, "link_key": message, "link_id": "Ab3kX9q",
        "ip": "203.0.113.9",
    });
    let mut event: ClickEvent<'static> = serde_json::from_value(json).unwrap();
    event.message_id = (!message.is_multiple_of(3)).then(|| Cow::Owned(format!("msg-{message}")));
    event.contact_phone = contact.map(|contact| Cow::Owned(format!("+1800555{contact:04}")));
    event.bot_reasons = if is_bot {
        vec![BotReason::UaBot]
    } else {
        vec![]
    };
    event
}

fn merged(events: &[ClickEvent<'static>]) -> BTreeMap<MessageClickKey, ClickId> {
    let keyed = events.iter().map(|event| {
        let visitor = VisitorHash::new(&key(), event.click_id.time(), event.ip, None);
        (event, MessageClickKey::for_click(event, &visitor))
    });
    let clicks = earliest_click_per_key(keyed).into_iter();
    clicks.map(|(key, (_, click_id))| (key, click_id)).collect()
}

/// Obviously right: sort all clicks by time and id, take the first of each.
fn model(events: &[ClickEvent<'static>]) -> BTreeMap<MessageClickKey, ClickId> {
    let mut people: Vec<_> = events.iter().filter(|event| !event.is_bot()).collect();
    people.sort_by_key(|event| (event.click_id.unix_ms(), event.click_id.as_uuid()));
    let mut first = BTreeMap::new();
    for event in people {
        let visitor = VisitorHash::new(&key(), event.click_id.time(), event.ip, None);
        first
            .entry(MessageClickKey::for_click(event, &visitor))
            .or_insert(event.click_id);
    }
    first
}

prop_compose! {
    fn any_event()(
        ms in 0..40_u64,
        salt in 0..3_u8,
        message in 0..5_u8,
        contact in proptest::option::of(0..4_u8),
        is_bot in proptest::bool::weighted(0.3),
    ) -> ClickEvent<'static> {
        event(click_id(ms, salt), message, contact, is_bot)
    }
}

proptest! {
    #[test]
    fn order_and_duplicates_do_not_matter(
        (events, shuffled) in prop::collection::vec(any_event(), 0..60)
            .prop_flat_map(|events| {
                let mut twice = events.clone();
                twice.extend(events.iter().take(events.len() / 2).cloned());
                (Just(events), Just(twice).prop_shuffle())
            })
    ) {
        prop_assert_eq!(merged(&events), merged(&shuffled));
    }

    #[test]
    fn the_merge_is_the_model(events in prop::collection::vec(any_event(), 0..60)) {
        prop_assert_eq!(merged(&events), model(&events));
    }

    #[test]
    fn merging_in_parts_is_merging_at_once(
        events in prop::collection::vec(any_event(), 0..60),
        cut in 0..60_usize,
    ) {
        let (left, right) = events.split_at(cut.min(events.len()));
        let mut parts = merged(left);
        for (key, click) in merged(right) {
            parts.entry(key).and_modify(|c| *c = earlier_click(*c, click)).or_insert(click);
        }
        prop_assert_eq!(parts, merged(&events));
    }
}

#[test]
fn a_link_without_message_is_its_own_message() {
    let visitor = VisitorHash::new(&key(), click_id(0, 0).time(), [10, 0, 0, 1].into(), None);
    let mut event = event(click_id(0, 0), 3, Some(1), false);
    event.link_key = LinkKey(77);
    event.link_id = Cow::Owned(ShortId::parse("Ab3kX9q").unwrap());
    assert_eq!(
        MessageClickKey::for_click(&event, &visitor).message_key,
        "l:77"
    );
    event.message_id = Some("msg-1".into());
    assert_eq!(
        MessageClickKey::for_click(&event, &visitor).message_key,
        "m:msg-1"
    );
}

#[test]
fn a_message_id_cannot_pass_for_a_link() {
    let visitor = VisitorHash::new(&key(), click_id(0, 0).time(), [10, 0, 0, 1].into(), None);
    let mut event = event(click_id(0, 0), 3, None, false);
    event.message_id = Some("l:3".into());
    assert_eq!(
        MessageClickKey::for_click(&event, &visitor).message_key,
        "m:l:3"
    );
}

#[test]
fn a_visitor_is_another_one_tomorrow_or_with_another_agent_address_or_key() {
    let ip: IpAddr = [203, 0, 113, 9].into();
    let base = VisitorHash::new(&key(), click_id(0, 0).time(), ip, Some("Safari"));
    let later = VisitorHash::new(&key(), click_id(3_600_000, 1).time(), ip, Some("Safari"));
    assert_eq!(base, later, "the same day");
    let other_key = VisitorHashKey::new(b"fedcba9876543210").unwrap();
    for other in [
        VisitorHash::new(&key(), click_id(DAY_MS, 0).time(), ip, Some("Safari")),
        VisitorHash::new(
            &key(),
            click_id(0, 0).time(),
            [203, 0, 113, 8].into(),
            Some("Safari"),
        ),
        VisitorHash::new(&key(), click_id(0, 0).time(), ip, Some("Firefox")),
        VisitorHash::new(&other_key, click_id(0, 0).time(), ip, Some("Safari")),
    ] {
        assert_ne!(base, other);
    }
}

#[test]
fn an_ipv4_address_is_the_same_visitor_when_it_comes_mapped() {
    let v4: IpAddr = "203.0.113.9".parse().unwrap();
    let mapped: IpAddr = "::ffff:203.0.113.9".parse().unwrap();
    let hash = |ip| VisitorHash::new(&key(), click_id(0, 0).time(), ip, None);
    assert_eq!(hash(v4), hash(mapped));
}

#[test]
fn a_short_visitor_key_is_refused_and_none_is_shown() {
    assert!(VisitorHashKey::new(b"0123456789abcde").is_none());
    assert_eq!(format!("{:?}", key()), "VisitorHashKey(secret)");
}
