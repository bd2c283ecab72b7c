//! Expanding any template with any values gives a URL with the template's scheme, host and port.
//! No value adds a line break or a fragment.

#![no_main]

use domain::macros::{AffiliatePlatform, Template, append_parameters, lint};
use libfuzzer_sys::fuzz_target;
use url::Url;

fuzz_target!(|input: (&str, &str, &str)| {
    let (text, value, query) = input;
    check(text, value, query);
    // Few of the generated texts are URLs by themselves.
    check(&format!("https://example.com/{text}"), value, query);
});

fn origin(url: &str) -> (String, Option<String>, Option<u16>) {
    let url = Url::parse(url).expect("a template expands to a URL");
    let host = url.host_str().map(str::to_owned);
    (url.scheme().to_owned(), host, url.port())
}

fn check(text: &str, value: &str, query: &str) {
    let _findings = lint(text);
    let Ok(template) = Template::parse(text) else {
        return;
    };
    let without_values = template.expand(|_| None);
    let expanded = template.expand(|_| Some(value.into()));
    let with_query = template.expand_with_query(query, |_| Some(value.into()));
    for url in [&expanded, &with_query] {
        assert_eq!(origin(url), origin(&without_values), "{url}");
        let is_graphic = url.bytes().all(|byte| byte.is_ascii_graphic());
        assert!(is_graphic, "{url:?}");
    }
    let n_fragments = |url: &str| url.matches('#').count();
    assert_eq!(
        n_fragments(&expanded),
        n_fragments(&without_values),
        "{expanded}"
    );

    // A template with more parameters is a template with the same origin.
    let longer = append_parameters(text, &AffiliatePlatform::Tune.parameters());
    if let Ok(longer) = Template::parse(&longer) {
        assert_eq!(
            origin(&longer.expand(|_| None)),
            origin(&without_values),
            "{text}"
        );
    }
}
