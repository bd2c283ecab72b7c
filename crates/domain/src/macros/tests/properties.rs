//! The properties that hold for all templates and values.

use std::borrow::Cow;

use proptest::prelude::*;
use url::Url;

use super::*;

/// Templates with everything that has a meaning in them, and with text that has none.
fn any_template() -> impl Strategy<Value = String> {
    let origin = prop_oneof![
        Just("https://example.com"),
        Just("http://example.com:8080"),
        Just("https://bücher.example"),
        Just("https://[2001:db8::1]"),
    ];
    let part = prop_oneof![
        Just("{click_id}".to_owned()),
        Just("{sub1}".to_owned()),
        Just("{{sub2}}".to_owned()),
        Just("{{{source}}}".to_owned()),
        Just("{user_agent}".to_owned()),
        Just("{unknown}".to_owned()),
        Just("/".to_owned()),
        Just("?".to_owned()),
        Just("#".to_owned()),
        Just("&sub1=".to_owned()),
        Just("//evil.example".to_owned()),
        Just("\\".to_owned()),
        Just("@evil.example".to_owned()),
        Just(":80".to_owned()),
        Just("..".to_owned()),
        "[ -~]{0,6}",
        "\\PC{0,4}",
    ];
    let start = prop_oneof![Just("/"), Just("?"), Just("#"), Just("\\"), Just("")];
    (origin, start, prop::collection::vec(part, 0..10)).prop_map(|(origin, start, parts)| {
        let parts = if start.is_empty() {
            String::new()
        } else {
            parts.concat()
        };
        format!("{origin}{start}{parts}")
    })
}

fn any_value() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[/.%\\\\@:?#&={}a2eE]{0,8}",
        Just("{click_id}".to_owned()),
        Just("{{sub1}}".to_owned()),
        Just("//evil.example/".to_owned()),
        Just("@evil.example".to_owned()),
        Just("\r\nLocation: https://evil.example".to_owned()),
        Just("..".to_owned()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_result_is_a_url_at_the_origin_of_the_template(
        template in any_template(),
        values in prop::collection::vec(proptest::option::of(any_value()), 8),
    ) {
        let Ok(parsed) = Template::parse(&template) else {
            return Ok(());
        };
        let value = |name: Macro| {
            let index = match name {
                Macro::ClickId => 0,
                Macro::Sub(n) => 1 + usize::from(n),
                Macro::Source => 6,
                _ => 7,
            };
            values[index].as_deref().map(Cow::Borrowed)
        };
        let url = parsed.expand(value);
        prop_assert!(url.bytes().all(|b| b.is_ascii_graphic()), "{url:?}");
        let url = Url::parse(&url).map_err(|e| TestCaseError::fail(format!("{e}: {url:?}")))?;
        let without_values = Url::parse(&parsed.expand(|_| None)).expect("the result is a URL");
        prop_assert_eq!(url.scheme(), without_values.scheme());
        prop_assert_eq!(url.host_str(), without_values.host_str());
        prop_assert_eq!(url.port(), without_values.port());
        prop_assert_eq!(url.username(), "");
        let origin = template.split(['/', '?', '#', '\\']).take(3).collect::<Vec<_>>().join("/");
        let origin = Url::parse(&origin).expect("every origin of `any_template` is a URL");
        prop_assert_eq!(url.origin(), origin.origin());
    }

    #[test]
    fn a_value_is_inserted_whole_and_not_expanded_again(
        value in any_value(),
        other in any_value(),
    ) {
        let template = Template::parse("https://e.com/p/{sub1}/q?a={sub1}&b={{sub2}}#{sub1}").unwrap();
        let url = template.expand(|name| match name {
            Macro::Sub(0) => Some(Cow::Borrowed(value.as_str())),
            Macro::Sub(1) => Some(Cow::Borrowed(other.as_str())),
            _ => Some("EXPANDED AGAIN".into()),
        });
        prop_assert!(!url.contains("EXPANDED"), "{url}");
        let url = Url::parse(&url).unwrap();
        let pairs: Vec<_> = url.query_pairs().into_owned().collect();
        prop_assert_eq!(pairs, vec![("a".to_owned(), value), ("b".to_owned(), other)]);
        prop_assert_eq!(url.path_segments().unwrap().count(), 3, "{}", url);
    }

    #[test]
    fn parsing_never_panics(text in "\\PC*", prefix in "(https://)?") {
        if let Ok(template) = Template::parse(&format!("{prefix}{text}")) {
            Url::parse(&template.expand(|_| Some("x".into()))).unwrap();
        }
    }
}
