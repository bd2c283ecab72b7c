//! The click's query on its way to the destination, beside the destination's own.

use std::{borrow::Cow, collections::HashSet};

use url::form_urlencoded;

use super::encode::push_reencoded;

/// The URL with the parameters of a click's query (raw, bounded by the caller) behind its
/// own. None that `is_appended` names, and of a name that is given twice the first, but for
/// lists (`c[]=1&c[]=2`).
///
/// What the URL spells out is not overwritten. A parameter of its own that is empty, or a
/// placeholder that nobody filled, gives way to a real value of the click's.
pub(super) fn with_query(url: String, query: &str, is_appended: impl Fn(&str) -> bool) -> String {
    let end = url.find('#').unwrap_or(url.len());
    let (before_fragment, fragment) = url.split_at(end);
    let (base, own) = match before_fragment.split_once('?') {
        Some((base, own)) => (base, own),
        None => (before_fragment, ""),
    };
    let mut own: Vec<_> = own.split('&').map(Pair::read).collect();
    while own.last().is_some_and(|pair| pair.raw.is_empty()) {
        own.pop();
    }
    let is_spelled_out = |name: &str| own.iter().any(|pair| pair.name == name && !pair.is_open());
    let mut seen = HashSet::new();
    let forwarded: Vec<_> = query
        .split('&')
        .map(Pair::read)
        .filter(|pair| !pair.raw.is_empty())
        .filter(|pair| !is_appended(&pair.name) && !is_spelled_out(&pair.name))
        // Beside one of the same name that is open only a real value is of use.
        .filter(|pair| pair.is_real() || own.iter().all(|own| own.name != pair.name))
        .filter(|pair| pair.name.ends_with("[]") || seen.insert(pair.name.clone()))
        .collect();
    if forwarded.is_empty() {
        return url;
    }
    let is_replaced = |own: &Pair<'_>| forwarded.iter().any(|pair| pair.name == own.name);
    let mut out = String::with_capacity(url.len() + query.len() + 1);
    out.push_str(base);
    let mut separator = '?';
    for pair in own.iter().filter(|pair| !is_replaced(pair)) {
        out.push(separator);
        out.push_str(pair.raw);
        separator = '&';
    }
    for pair in &forwarded {
        out.push(separator);
        pair.push(&mut out);
        separator = '&';
    }
    out.push_str(fragment);
    out
}

/// A parameter of a raw query.
struct Pair<'q> {
    raw: &'q str,
    /// Decoded.
    name: Cow<'q, str>,
    /// Decoded; `None` for a flag, which has no `=`.
    value: Option<Cow<'q, str>>,
}

impl<'q> Pair<'q> {
    fn read(raw: &'q str) -> Self {
        let decoded = form_urlencoded::parse(raw.as_bytes()).next();
        let (name, value) = decoded.unwrap_or_default();
        Self {
            raw,
            name,
            value: raw.contains('=').then_some(value),
        }
    }

    /// There for a value, and without one.
    fn is_open(&self) -> bool {
        let value = self.value.as_deref();
        value.is_some_and(|value| value.is_empty() || is_placeholder(value))
    }

    fn is_real(&self) -> bool {
        self.value.is_some() && !self.is_open()
    }

    fn push(&self, out: &mut String) {
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

/// Whether a value is a macro that some platform should have filled: a name within the marks
/// that platforms put around theirs.
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
    let is_name = |text: &str| {
        let mut bytes = text.bytes();
        let is_of_names =
            |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b':');
        text.bytes().any(|b| b.is_ascii_alphabetic()) && bytes.all(is_of_names)
    };
    let value = value.trim();
    MARKS.iter().any(|(before, after)| {
        let inner = value
            .strip_prefix(before)
            .and_then(|rest| rest.strip_suffix(after));
        inner.is_some_and(|inner| is_name(inner.trim()))
    })
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
    // A parameter of the offer's own that has no value gives way to the click's.
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
    // But not to another one that has none.
    #[case("?gclid={gclid}", "gclid=", "?gclid={gclid}")]
    #[case("?gclid={gclid}", "gclid", "?gclid={gclid}")]
    #[case("?gclid=", "gclid={gclid}", "?gclid=")]
    #[case("?gclid=", "gclid=&gclid=x", "?gclid=x")]
    // What it spells out stays.
    #[case("?utm_source=own", "utm_source=sms", "?utm_source=own")]
    #[case(
        "?utm_source=&utm_source=own",
        "utm_source=sms",
        "?utm_source=&utm_source=own"
    )]
    #[case("?utm%5Fsource=own", "utm_source=sms", "?utm%5Fsource=own")]
    #[case("?debug", "debug=1", "?debug")]
    #[case("?price={10}", "price=1", "?price={10}")]
    // Lists are kept whole; of other names the first wins.
    #[case("", "c[]=1&c[]=2", "?c%5B%5D=1&c%5B%5D=2")]
    #[case("", "c%5B%5D=1&c[]=2&a=1&a=2", "?c%5B%5D=1&c%5B%5D=2&a=1")]
    // A flag is a flag, an empty value an empty value.
    #[case("", "debug", "?debug")]
    #[case("", "debug&a=&=b", "?debug&a=&=b")]
    #[case("?x=1", "&&debug&", "?x=1&debug")]
    #[case("?x=1&", "a=1", "?x=1&a=1")]
    #[case("?", "a=1", "?a=1")]
    #[case("?x&&y", "a=1", "?x&&y&a=1")]
    // Bytes stay what they are, however they are written.
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
    // Ours are never the click's to say.
    #[case("", "click_id=theirs&a=1", "?a=1")]
    #[case("?x=1", "", "?x=1")]
    fn a_query_is_forwarded(#[case] own: &str, #[case] query: &str, #[case] expected: &str) {
        let (own, expected) = (
            format!("https://e.com/{own}"),
            format!("https://e.com/{expected}"),
        );
        assert_eq!(merged(&own, query), expected);
    }

    proptest! {
        /// Whatever is forwarded, origin, path and fragment stay, and so does every
        /// parameter that has a value.
        #[test]
        fn a_query_stays_in_the_query(query in "[ -~é]{0,60}", own in "(\\?(a=1|b=|c=\\{c\\})(&d=2)?)?") {
            let url = format!("https://e.com/p{own}#f");
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
