//! Whatever the template and the values: the result is a URL with the
//! template's scheme, host and port, and no value brings a line break or a
//! fragment of its own.

#![no_main]

use domain::macros::{AffiliatePlatform, Template, append_parameters, lint};
use libfuzzer_sys::fuzz_target;
use url::Url;

fuzz_target!(|input: (&str, &str, &str)| {
    let (text, value, query) = input;
    check(text, value, query);
    // Few of the texts that are tried are URLs.
    check(&format!("https://example.com/{text}"), value, query);
});

fn origin(url: &str) -> (String, Option<String>, Option<u16>) {
    let url = Url::parse(url).expect("a URL");
    let host = url.host_str().map(str::to_owned);
    (url.scheme().to_owned(), host, url.port())
}

fn check(text: &str, value: &str, query: &str) {
    let _findings = lint(text);
    let Ok(template) = Template::parse(text) else {
        return;
    };
    let empty = template.expand(|_| None);
    let expanded = template.expand(|_| Some(value.into()));
    let forwarding = template.expand_with_query(query, |_| Some(value.into()));
    for url in [&expanded, &forwarding] {
        assert_eq!(origin(url), origin(&empty), "{url}");
        let is_plain = url.bytes().all(|byte| byte.is_ascii_graphic());
        assert!(is_plain, "{url:?}");
    }
    let n_fragments = |url: &str| url.matches('#').count();
    assert_eq!(n_fragments(&expanded), n_fragments(&empty), "{expanded}");

    // What is put behind a template is a template too.
    let longer = append_parameters(text, &AffiliatePlatform::Tune.parameters());
    if let Ok(longer) = Template::parse(&longer) {
        assert_eq!(origin(&longer.expand(|_| None)), origin(&empty), "{text}");
    }
}
