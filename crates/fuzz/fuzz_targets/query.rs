//! Any query is read within its limits, the first value of a key counts, and no value is read that
//! Postgres cannot store.

#![no_main]

use domain::query::{ClickQuery, MAX_QUERY_BYTES, MAX_QUERY_PARAMETERS, truncate_to_limits};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|raw: &str| {
    let kept = truncate_to_limits(raw);
    assert!(raw.starts_with(kept));
    assert!(kept.len() <= MAX_QUERY_BYTES);
    assert!(kept.split('&').count() <= MAX_QUERY_PARAMETERS);
    assert_eq!(truncate_to_limits(kept), kept);
    let query = ClickQuery::parse(raw);
    assert_eq!(query, ClickQuery::parse(kept));
    let values = query
        .subs
        .iter()
        .chain([&query.source, &query.creative, &query.cost]);
    for value in values.flatten() {
        assert!(!value.is_empty() && !value.contains('\0'), "{value:?}");
    }
    let with_second_sub1 = format!("{kept}&sub1=later&source=later");
    let with_second_sub1 = ClickQuery::parse(&with_second_sub1);
    if query.subs[0].is_some() {
        assert_eq!(with_second_sub1.subs[0], query.subs[0]);
    }
});
