//! Whatever the query: it is read within its limits, the first of a key wins,
//! and nothing is read that Postgres cannot hold.

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
    let again = format!("{kept}&sub1=later&source=later");
    let again = ClickQuery::parse(&again);
    if query.subs[0].is_some() {
        assert_eq!(again.subs[0], query.subs[0]);
    }
});
