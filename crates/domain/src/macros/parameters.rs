//! Parameters that links-api adds to a template before it is parsed.

use url::form_urlencoded;

/// An affiliate platform, whose tracking URLs need certain parameters so that its postbacks can
/// return the id of the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AffiliatePlatform {
    Tune,
    Everflow,
}

impl AffiliatePlatform {
    /// Names and values, in the order in which they are appended. The values are macros.
    pub fn parameters(self) -> [(&'static str, &'static str); 4] {
        match self {
            Self::Tune => [
                ("aff_sub", "{link_id}"),
                ("aff_sub2", "{sub1}"),
                ("aff_sub3", "{sub2}"),
                ("source", "{source}"),
            ],
            Self::Everflow => [
                ("sub1", "{link_id}"),
                ("sub2", "{sub1}"),
                ("sub3", "{sub2}"),
                ("source_id", "{source}"),
            ],
        }
    }
}

/// The template with these parameters at the end of its query. A parameter is left out if the
/// query has its name already.
pub fn append_parameters(template: &str, parameters: &[(&str, &str)]) -> String {
    let template = template.trim();
    let (before_fragment, fragment) = split_before(template, '#');
    let (_, query) = split_before(before_fragment, '?');
    let mut out = before_fragment.to_owned();
    let mut separator = match query.strip_prefix('?') {
        None => "?",
        Some(query) if query.is_empty() || query.ends_with('&') => "",
        Some(_) => "&",
    };
    for (name, value) in parameters {
        if !query_has_key(query.trim_start_matches('?'), name) {
            out.push_str(separator);
            out.push_str(name);
            out.push('=');
            out.push_str(value);
            separator = "&";
        }
    }
    out.push_str(fragment);
    out
}

/// Whether a raw query has a parameter with this name.
pub(super) fn query_has_key(query: &str, key: &str) -> bool {
    form_urlencoded::parse(query.as_bytes()).any(|(query_key, _)| query_key == key)
}

/// The text before the first `mark`, and the text from there on.
fn split_before(text: &str, mark: char) -> (&str, &str) {
    text.split_at(text.find(mark).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("https://e.com", "https://e.com?a=1&b={link_id}")]
    #[case("https://e.com/", "https://e.com/?a=1&b={link_id}")]
    #[case("https://e.com/?", "https://e.com/?a=1&b={link_id}")]
    #[case("https://e.com/?x=1", "https://e.com/?x=1&a=1&b={link_id}")]
    #[case("https://e.com/?x=1&", "https://e.com/?x=1&a=1&b={link_id}")]
    #[case("https://e.com/?a=mine", "https://e.com/?a=mine&b={link_id}")]
    #[case("https://e.com/?%61=mine", "https://e.com/?%61=mine&b={link_id}")]
    #[case("https://e.com/?b=&a", "https://e.com/?b=&a")]
    #[case("https://e.com/#a=1?b", "https://e.com/?a=1&b={link_id}#a=1?b")]
    #[case(" https://e.com/?q#f ", "https://e.com/?q&a=1&b={link_id}#f")]
    fn parameters_are_appended_where_the_query_lacks_them(
        #[case] template: &str,
        #[case] expected: &str,
    ) {
        let parameters = [("a", "1"), ("b", "{link_id}")];
        assert_eq!(append_parameters(template, &parameters), expected);
    }

    #[rstest]
    #[case(
        AffiliatePlatform::Tune,
        "https://t.com/aff_c?offer_id=1&aff_sub2=x",
        "https://t.com/aff_c?offer_id=1&aff_sub2=x&aff_sub={link_id}&aff_sub3={sub2}&source={source}"
    )]
    #[case(
        AffiliatePlatform::Everflow,
        "https://e.com/ABC/1/",
        "https://e.com/ABC/1/?sub1={link_id}&sub2={sub1}&sub3={sub2}&source_id={source}"
    )]
    fn affiliate_platforms_get_the_link_id(
        #[case] platform: AffiliatePlatform,
        #[case] url: &str,
        #[case] expected: &str,
    ) {
        assert_eq!(append_parameters(url, &platform.parameters()), expected);
    }
}
