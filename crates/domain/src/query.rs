//! The query of a click: its limits, and the parameters in it that have a meaning.
//!
//! Anybody can put any query behind a link, so it is cut to [`MAX_QUERY_BYTES`] and
//! [`MAX_QUERY_PARAMETERS`] before anything reads it. What is cut off is ignored, and the
//! redirect still works.

use std::borrow::Cow;

use url::form_urlencoded;

/// The most bytes of the raw query that are read. A parameter that does not fit whole is ignored.
pub const MAX_QUERY_BYTES: usize = 4096;
/// The most parameters that are read.
pub const MAX_QUERY_PARAMETERS: usize = 100;

/// The longest start of a raw query that has whole parameters and is within both limits.
pub fn truncate_to_limits(raw: &str) -> &str {
    let mut kept_len = 0;
    let mut start = 0;
    for _ in 0..MAX_QUERY_PARAMETERS {
        let unread = raw.split_at(start).1;
        let end = unread.find('&').map_or(raw.len(), |len| start + len);
        if end > MAX_QUERY_BYTES {
            break;
        }
        kept_len = end;
        if end == raw.len() {
            break;
        }
        start = end + 1;
    }
    raw.split_at(kept_len).0
}

/// The parameters of a click's query that have a meaning. All others are kept on the hop from
/// the short link to the click tracker URL, and dropped then.
///
/// Of a key that is there twice the first value counts, and an empty value counts as none. `+`
/// and `%20` are spaces. Bytes that are not UTF-8 become U+FFFD, and so does U+0000, which
/// Postgres cannot store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClickQuery<'a> {
    /// `sub1` to `sub5`.
    pub subs: [Option<Cow<'a, str>>; 5],
    pub source: Option<Cow<'a, str>>,
    pub creative: Option<Cow<'a, str>>,
    pub cost: Option<Cow<'a, str>>,
}

impl<'a> ClickQuery<'a> {
    /// Parses a raw query, cut by [`truncate_to_limits`].
    pub fn parse(raw: &'a str) -> Self {
        let mut query = Self::default();
        let mut seen = [false; 8];
        for (key, value) in form_urlencoded::parse(truncate_to_limits(raw).as_bytes()) {
            let Some(index) = Self::field_index(&key) else {
                continue;
            };
            if std::mem::replace(&mut seen[index], true) || value.is_empty() {
                continue;
            }
            *query.field_mut(index) = Some(replace_nul(value));
        }
        query
    }

    fn field_index(key: &str) -> Option<usize> {
        Some(match key {
            "sub1" => 0,
            "sub2" => 1,
            "sub3" => 2,
            "sub4" => 3,
            "sub5" => 4,
            "source" => 5,
            "creative" => 6,
            "cost" => 7,
            _ => return None,
        })
    }

    fn field_mut(&mut self, index: usize) -> &mut Option<Cow<'a, str>> {
        match index {
            5 => &mut self.source,
            6 => &mut self.creative,
            7 => &mut self.cost,
            sub_index => &mut self.subs[sub_index],
        }
    }
}

/// The value of any parameter of a raw query, by the rules of [`ClickQuery`].
pub fn find_parameter<'a>(raw: &'a str, name: &str) -> Option<Cow<'a, str>> {
    let mut parameters = form_urlencoded::parse(truncate_to_limits(raw).as_bytes());
    let (_, value) = parameters.find(|(key, _)| key == name)?;
    (!value.is_empty()).then(|| replace_nul(value))
}

/// Replaces U+0000, the only character that Postgres cannot store in a text, by U+FFFD.
pub fn replace_nul(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.contains('\0') {
        Cow::Owned(text.replace('\0', "\u{fffd}"))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_parameters_are_read() {
        let query = ClickQuery::parse("sub1=campaign_a&sub2=user_123&source=sms");
        assert_eq!(query.subs[0].as_deref(), Some("campaign_a"));
        assert_eq!(query.subs[1].as_deref(), Some("user_123"));
        assert_eq!(query.source.as_deref(), Some("sms"));
        assert_eq!(query.subs[2], None);
    }

    #[test]
    fn of_a_key_that_is_there_twice_the_first_value_counts() {
        let query = ClickQuery::parse("sub1=a&sub1=b&source=&source=late");
        assert_eq!(query.subs[0].as_deref(), Some("a"));
        assert_eq!(
            query.source, None,
            "the first value counts, and it is empty"
        );
    }

    #[test]
    fn escapes_are_decoded_once() {
        let query = ClickQuery::parse("sub1=a%2526b&sub2=x+y%20z&sub3=%00&sub4=%FF&cost=1.5");
        assert_eq!(query.subs[0].as_deref(), Some("a%26b"));
        assert_eq!(query.subs[1].as_deref(), Some("x y z"));
        assert_eq!(query.subs[2].as_deref(), Some("\u{fffd}"));
        assert_eq!(query.subs[3].as_deref(), Some("\u{fffd}"));
        assert_eq!(query.cost.as_deref(), Some("1.5"));
    }

    #[test]
    fn a_parameter_of_any_name_is_found_by_the_same_rules() {
        let found = |raw, name| find_parameter(raw, name).map(Cow::into_owned);
        assert_eq!(
            found("a=1&my+bid=0%2C5&my%20bid=2", "my bid").unwrap(),
            "0,5"
        );
        assert_eq!(found("bid=&bid=1", "bid"), None, "the first value is empty");
        assert_eq!(found("bid=%00", "bid").unwrap(), "\u{fffd}");
        assert_eq!(found("Bid=1", "bid"), None);
        let late = format!("filler={}&bid=1", "x".repeat(MAX_QUERY_BYTES));
        assert_eq!(found(&late, "bid"), None);
    }

    #[test]
    fn system_values_are_not_read_from_the_query() {
        let query = ClickQuery::parse("click_id=forged&ip=1.2.3.4&offer_id=1&account_id=2");
        assert_eq!(query, ClickQuery::default());
    }

    #[test]
    fn a_query_over_4_kib_is_cut_between_two_parameters() {
        let long = format!("sub1=a&filler={}&sub2=b", "x".repeat(MAX_QUERY_BYTES));
        assert_eq!(truncate_to_limits(&long), "sub1=a");
        let query = ClickQuery::parse(&long);
        assert_eq!(query.subs[0].as_deref(), Some("a"));
        assert_eq!(query.subs[1], None);

        let exact = format!("sub1={}", "x".repeat(MAX_QUERY_BYTES - 5));
        assert_eq!(truncate_to_limits(&exact), exact);
        assert_eq!(truncate_to_limits(&format!("{exact}x")), "");
    }

    #[test]
    fn a_query_is_cut_after_the_hundredth_parameter() {
        let filler = |n: usize| vec!["k=v"; n].join("&");
        let query = format!("{}&sub1=in", filler(99));
        assert_eq!(ClickQuery::parse(&query).subs[0].as_deref(), Some("in"));
        let query = format!("{}&sub1=out", filler(100));
        assert_eq!(ClickQuery::parse(&query).subs[0], None);
        assert_eq!(truncate_to_limits(&query), filler(100));
    }
}
