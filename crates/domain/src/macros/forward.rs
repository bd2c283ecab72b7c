//! Forwarding the query of a click: its parameters are appended to the destination's query.

use std::{borrow::Cow, collections::HashSet};

use url::form_urlencoded;

use super::encode::push_reencoded;

/// The URL with the parameters of a click's query behind its own. The query is raw, and the
/// caller limits its length.
///
/// A parameter of the click is left out if
/// - `is_appended` is true for its name: the click must not forge what we append, or
/// - the click's query has the name before, unless it is that of a list (`c[]=1&c[]=2`), or
/// - the URL has a value for the name already.
///
/// A parameter of the URL that is empty, or a placeholder that nobody filled, is replaced by
/// the click's parameter if that has a value.
pub(super) fn with_query(url: String, query: &str, is_appended: impl Fn(&str) -> bool) -> String {
    let fragment_start = url.find('#').unwrap_or(url.len());
    let (before_fragment, fragment) = url.split_at(fragment_start);
    let (base, url_query) = before_fragment
        .split_once('?')
        .unwrap_or((before_fragment, ""));
    let mut url_parameters: Vec<_> = url_query.split('&').map(Parameter::parse).collect();
    while url_parameters
        .last()
        .is_some_and(|parameter| parameter.raw.is_empty())
    {
        url_parameters.pop();
    }
    let may_be_forwarded = |parameter: &Parameter<'_>| {
        url_parameters
            .iter()
            .filter(|of_url| of_url.name == parameter.name)
            .all(|of_url| of_url.is_unfilled() && parameter.has_value())
    };
    let mut seen_names = HashSet::new();
    let forwarded: Vec<_> = query
        .split('&')
        .map(Parameter::parse)
        .filter(|parameter| !parameter.raw.is_empty())
        .filter(|parameter| !is_appended(&parameter.name) && may_be_forwarded(parameter))
        .filter(|parameter| parameter.is_of_list() || seen_names.insert(parameter.name.clone()))
        .collect();
    if forwarded.is_empty() {
        return url;
    }
    let is_replaced = |of_url: &Parameter<'_>| {
        forwarded
            .iter()
            .any(|parameter| parameter.name == of_url.name)
    };
    let mut out = String::with_capacity(url.len() + query.len() + 1);
    out.push_str(base);
    let mut separator = '?';
    for parameter in url_parameters.iter().filter(|of_url| !is_replaced(of_url)) {
        out.push(separator);
        out.push_str(parameter.raw);
        separator = '&';
    }
    for parameter in &forwarded {
        out.push(separator);
        parameter.push_reencoded(&mut out);
        separator = '&';
    }
    out.push_str(fragment);
    out
}

/// A parameter of a raw query.
struct Parameter<'q> {
    raw: &'q str,
    /// The decoded name.
    name: Cow<'q, str>,
    /// The decoded value. `None` for a flag, which has no `=`.
    value: Option<Cow<'q, str>>,
}

impl<'q> Parameter<'q> {
    fn parse(raw: &'q str) -> Self {
        let decoded = form_urlencoded::parse(raw.as_bytes()).next();
        let (name, value) = decoded.unwrap_or_default();
        Self {
            raw,
            name,
            value: raw.contains('=').then_some(value),
        }
    }

    /// Whether the parameter is there to take a value, and has none.
    fn is_unfilled(&self) -> bool {
        let value = self.value.as_deref();
        value.is_some_and(|value| value.is_empty() || is_placeholder(value))
    }

    fn has_value(&self) -> bool {
        self.value.is_some() && !self.is_unfilled()
    }

    fn is_of_list(&self) -> bool {
        self.name.ends_with("[]")
    }

    fn push_reencoded(&self, out: &mut String) {
        match self.raw.split_once('=') {
            Some((name, value)) => {
                push_reencoded(out, name);
                out.push('=');
                push_reencoded(out, value);
            }
            None => push_reencoded(out, self.raw),
        }
    }
}

/// Whether a value is a macro that some platform should have filled: a name between the marks
/// that platforms put around the names of their macros.
fn is_placeholder(value: &str) -> bool {
    const MARKS: [(&str, &str); 10] = [
        ("{{", "}}"),
        ("${", "}"),
        ("{", "}"),
        ("[", "]"),
        ("<", ">"),
        ("%%", "%%"),
        ("%", "%"),
        ("#", "#"),
        ("$", "$"),
        ("__", "__"),
    ];
    let value = value.trim();
    MARKS.iter().any(|(open, close)| {
        let inner = value
            .strip_prefix(open)
            .and_then(|inner| inner.strip_suffix(close));
        inner.is_some_and(|inner| is_macro_name(inner.trim()))
    })
}

fn is_macro_name(text: &str) -> bool {
    let is_allowed =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b':');
    text.bytes().any(|byte| byte.is_ascii_alphabetic()) && text.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn merged(url: &str, query: &str) -> String {
        with_query(url.to_owned(), query, |name| name == "click_id")
    }

    #[rstest]
    // A parameter of the URL without a value is replaced by the click's.
    #[case("?utm_source=", "utm_source=sms", "?utm_source=sms")]
    #[case("?gclid={gclid}&a=1", "gclid=x", "?a=1&gclid=x")]
    #[case("?a=1&gclid={{gclid}}&b=2#f", "gclid=x", "?a=1&b=2&gclid=x#f")]
    #[case("?gclid=%7Bgclid%7D", "gclid=x", "?gclid=x")]
    #[case("?ttclid=__CLICKID__", "ttclid=x", "?ttclid=x")]
    #[case(
        "?a=[tid]&b=%25%25tid%25%25&c=%23tid%23&d=%3Ctid%3E",
        "a=1&b=2&c=3&d=4",
        "?a=1&b=2&c=3&d=4"
    )]
    #[case("?c[]=", "c[]=1&c[]=2", "?c%5B%5D=1&c%5B%5D=2")]
    // It is not replaced by a parameter that has no value either.
    #[case("?gclid={gclid}", "gclid=", "?gclid={gclid}")]
    #[case("?gclid={gclid}", "gclid", "?gclid={gclid}")]
    #[case("?gclid=", "gclid={gclid}", "?gclid=")]
    #[case("?gclid=", "gclid=&gclid=x", "?gclid=x")]
    // A parameter of the URL with a value stays.
    #[case("?utm_source=own", "utm_source=sms", "?utm_source=own")]
    #[case(
        "?utm_source=&utm_source=own",
        "utm_source=sms",
        "?utm_source=&utm_source=own"
    )]
    #[case("?utm%5Fsource=own", "utm_source=sms", "?utm%5Fsource=own")]
    #[case("?debug", "debug=1", "?debug")]
    #[case("?price={10}", "price=1", "?price={10}")]
    // Lists are forwarded whole; of other names the first parameter is.
    #[case("", "c[]=1&c[]=2", "?c%5B%5D=1&c%5B%5D=2")]
    #[case("", "c%5B%5D=1&c[]=2&a=1&a=2", "?c%5B%5D=1&c%5B%5D=2&a=1")]
    // Flags stay flags, and empty values stay empty values.
    #[case("", "debug", "?debug")]
    #[case("", "debug&a=&=b", "?debug&a=&=b")]
    #[case("?x=1", "&&debug&", "?x=1&debug")]
    #[case("?x=1&", "a=1", "?x=1&a=1")]
    #[case("?", "a=1", "?a=1")]
    #[case("?x&&y", "a=1", "?x&&y&a=1")]
    // The decoded bytes stay the same, however they were encoded.
    #[case(
        "",
        "a=%E9%ff&b=%zz%&c=x+y%20z&d=%41%2d",
        "?a=%E9%FF&b=%25zz%25&c=x%20y%20z&d=A-"
    )]
    #[case(
        "",
        "a=|{}[]'\"<>\\^`/?:@",
        "?a=%7C%7B%7D%5B%5D%27%22%3C%3E%5C%5E%60%2F%3F%3A%40"
    )]
    // Parameters that we append are not taken from the click.
    #[case("", "click_id=forged&a=1", "?a=1")]
    #[case("?x=1", "", "?x=1")]
    fn a_query_is_forwarded(#[case] url_query: &str, #[case] query: &str, #[case] expected: &str) {
        let url = format!("https://e.com/{url_query}");
        let expected = format!("https://e.com/{expected}");
        assert_eq!(merged(&url, query), expected);
    }

    proptest! {
        /// Origin, path and fragment stay as they are, and so does every parameter of the URL
        /// that has a value.
        #[test]
        fn forwarding_changes_only_the_query(query in "[ -~é]{0,60}", url_query in "(\\?(a=1|b=|c=\\{c\\})(&d=2)?)?") {
            let url = format!("https://e.com/p{url_query}#f");
            let merged = url::Url::parse(&merged(&url, &query)).unwrap();
            prop_assert_eq!(merged.path(), "/p");
            prop_assert_eq!(merged.fragment(), Some("f"));
            let pairs: Vec<_> = merged.query_pairs().into_owned().collect();
            for (name, value) in url::Url::parse(&url).unwrap().query_pairs().into_owned() {
                if !value.is_empty() && value != "{c}" {
                    prop_assert!(pairs.contains(&(name, value)));
                }
            }
        }
    }
}
