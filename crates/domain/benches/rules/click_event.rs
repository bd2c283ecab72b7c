//! The JSON line of a click: the redirector writes it, the worker parses it.

use std::{borrow::Cow, hint::black_box};

use criterion::{Criterion, Throughput};
use domain::{
    click::ClickEvent,
    id::{AccountId, ClickId, LinkKey, ListId, OfferId, ShortId},
};

use crate::BROWSER_USER_AGENT;

pub fn bench(criterion: &mut Criterion) {
    let event = click_event();
    let mut line = Vec::new();
    event.write_line(&mut line);
    let now = event.click_id.time();

    let mut group = criterion.benchmark_group("click event");
    group.throughput(Throughput::Bytes(line.len() as u64));
    group.bench_function("write a line", |bencher| {
        let mut out = Vec::with_capacity(line.len());
        bencher.iter(|| {
            out.clear();
            black_box(&event).write_line(&mut out);
        });
    });
    group.bench_function("parse a line", |bencher| {
        bencher.iter(|| ClickEvent::parse_line(black_box(&line), now).expect("it is an event"));
    });
    group.finish();
}

/// A click on a link that was sent in a message.
fn click_event() -> ClickEvent<'static> {
    ClickEvent {
        click_id: ClickId::parse("01a11d5c-1e7b-7123-8123-456789abcdef").expect("it is a UUIDv7"),
        account_id: AccountId(7),
        link_key: LinkKey(123_456),
        link_id: Cow::Owned(ShortId::parse("Ab3kX9q").expect("it is a short id")),
        list_id: Some(ListId(42)),
        offer_id: Some(OfferId::parse("6789abcd1234ef5678901234").expect("it is an offer id")),
        creative_id: None,
        campaign_id: None,
        message_id: Some("msg-1".into()),
        contact_phone: Some("+18005551234".into()),
        ip: [203, 0, 113, 9].into(),
        user_agent: Some(BROWSER_USER_AGENT.into()),
        referrer: None,
        country: Some("US".into()),
        region: None,
        city: None,
        language: Some("en".into()),
        asn: Some(7922),
        sub1: Some("campaign_a".into()),
        sub2: Some("user 123".into()),
        sub3: None,
        sub4: None,
        sub5: None,
        source: Some("sms".into()),
        creative: None,
        cost: None,
        click_cost: None,
        click_cost_error: None,
        bot_reasons: Vec::new(),
        bot_rules: Vec::new(),
        confirmed: false,
        path_corrections: Vec::new(),
        traceparent: None,
    }
}
