//! The bot verdict of a click. Redirectors keep the match of a user agent for later clicks, so
//! the verdict is measured with it and without it.

use std::hint::black_box;

use criterion::Criterion;
use domain::bot::{BotRules, CountryFilter, RequestSignals};

use crate::BROWSER_USER_AGENT;

/// A crawler that a list names, and no rule of ours.
const CRAWLER_USER_AGENT: &str =
    "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)";

pub fn bench(criterion: &mut Criterion) {
    let rules = BotRules::built_in();
    for (name, user_agent) in [
        ("bot/match a browser", BROWSER_USER_AGENT),
        ("bot/match a crawler", CRAWLER_USER_AGENT),
    ] {
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| rules.match_user_agent(Some(black_box(user_agent))));
        });
    }

    let countries = CountryFilter {
        allowed: vec!["US".to_owned(), "CA".to_owned()],
        blocked: Vec::new(),
    };
    let signals = RequestSignals {
        method: "GET",
        header: &|name| browser_header(name),
        ip: [203, 0, 113, 9].into(),
        asn: Some(7922),
        country: Some("US"),
        countries: &countries,
    };
    let user_agent_match = rules.match_user_agent(Some(BROWSER_USER_AGENT));
    assert!(!rules.verdict(&signals, &user_agent_match).is_bot());
    criterion.bench_function("bot/verdict, user agent known", |bencher| {
        bencher.iter(|| {
            rules
                .verdict(black_box(&signals), &user_agent_match)
                .is_bot()
        });
    });
    criterion.bench_function("bot/verdict, new user agent", |bencher| {
        bencher.iter(|| {
            let user_agent_match = rules.match_user_agent(Some(black_box(BROWSER_USER_AGENT)));
            rules.verdict(&signals, &user_agent_match).is_bot()
        });
    });
}

/// The headers that every browser sends when it opens a page.
fn browser_header(name: &str) -> Option<&'static str> {
    match name {
        "user-agent" => Some(BROWSER_USER_AGENT),
        "accept" => Some("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
        "accept-language" => Some("en-US,en;q=0.9"),
        "accept-encoding" => Some("gzip, deflate, br"),
        _ => None,
    }
}
