//! Benches of the rules that run for every click or message. Run with `cargo bench -p domain`,
//! or with `cargo bench -p domain --bench rules -- bot` for those of one module.

mod bot;
mod click_event;
mod macros;
mod sms;

use criterion::{criterion_group, criterion_main};

/// The user agent of a person's browser, which no rule and no crawler list knows: the longest
/// way through the bot rules.
const BROWSER_USER_AGENT: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) \
    AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1";

criterion_group!(
    benches,
    macros::bench,
    bot::bench,
    click_event::bench,
    sms::bench
);
criterion_main!(benches);
