//! The parameters of a postback, from its query and its body.

use std::{borrow::Cow, collections::BTreeMap};

use sha2::{Digest as _, Sha256};
use url::form_urlencoded;

use super::{error::PostbackError, json, multipart};
use crate::hex;

/// The most parameters that are read; the rest is dropped.
const MAX_PARAMETERS: usize = 500;

/// Names and values in the order in which they were added. Of a name that is there twice the
/// first value counts, and an empty value counts as none. A member of nested JSON has a dotted
/// name, such as `order.id`, and so has `order[id]` of a form.
#[derive(Debug, Default)]
pub struct PostbackParameters<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> PostbackParameters<'a> {
    /// Adds the parameters of a query or of a form. Senders that copied their URL from a page
    /// of HTML write `&amp;` for `&`.
    pub fn add_form(&mut self, raw: &'a [u8]) {
        for (name, value) in form_urlencoded::parse(raw) {
            let name = match name {
                Cow::Borrowed(name) => Cow::Borrowed(name.strip_prefix("amp;").unwrap_or(name)),
                Cow::Owned(name) => match name.strip_prefix("amp;") {
                    Some(name) => Cow::Owned(name.to_owned()),
                    None => Cow::Owned(name),
                },
            };
            let is_in_brackets = name.ends_with(']');
            let name = match name.split_once('[') {
                Some((start, rest)) if is_in_brackets && !start.is_empty() => {
                    let rest = rest.trim_end_matches(']').replace("][", ".");
                    Cow::Owned(format!("{start}.{rest}"))
                }
                _ => name,
            };
            self.add(name, value);
        }
    }

    /// Adds the parameters of a body: of a form, of JSON or of `multipart/form-data`. Many
    /// senders name a wrong type, so the body itself decides. Fails if it looks like JSON and
    /// is none.
    pub fn add_body(&mut self, content_type: &str, body: &'a [u8]) -> Result<(), PostbackError> {
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        let body = body.trim_ascii();
        match body.first() {
            None => Ok(()),
            Some(b'{' | b'[') => {
                self.add_all(json::members(body)?);
                Ok(())
            }
            _ if is_json(content_type) && json::is_scalar(body) => Ok(()),
            Some(b'-') if body.starts_with(b"--") => {
                self.add_all(multipart::fields(body));
                Ok(())
            }
            Some(_) => {
                self.add_form(body);
                Ok(())
            }
        }
    }

    /// Adds one parameter.
    pub fn add(&mut self, name: impl Into<Cow<'a, str>>, value: impl Into<Cow<'a, str>>) {
        if self.0.len() < MAX_PARAMETERS {
            self.0.push((name.into(), value.into()));
        }
    }

    fn add_all(&mut self, parameters: Vec<(String, String)>) {
        for (name, value) in parameters {
            self.add(name, value);
        }
    }

    /// The value of this exact name without blanks around it, if it is not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(key, _)| key == name)?;
        Some(value.trim()).filter(|value| !value.is_empty())
    }

    /// Names and values, without blanks around the values.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, value.trim()))
    }

    /// The name and value at a place.
    pub(super) fn at(&self, index: usize) -> Option<(&str, &str)> {
        let (name, value) = self.0.get(index)?;
        Some((name, value.trim()))
    }

    /// A digest of all names and values, whatever their order: the same request again has the
    /// same digest.
    pub fn digest(&self) -> String {
        let mut parameters: Vec<_> = self.iter().collect();
        parameters.sort_unstable();
        let mut sha256 = Sha256::new();
        for (name, value) in parameters {
            for text in [name, value] {
                sha256.update(text.len().to_le_bytes());
                sha256.update(text.as_bytes());
            }
        }
        let digest = sha256.finalize();
        let (start, _) = digest.split_at(16);
        hex::encode(start)
    }
}

impl<'a> From<&'a BTreeMap<Cow<'_, str>, Cow<'_, str>>> for PostbackParameters<'a> {
    /// The parameters that an event of a conversion has kept.
    fn from(parameters: &'a BTreeMap<Cow<'_, str>, Cow<'_, str>>) -> Self {
        let parameters = parameters.iter();
        Self(
            parameters
                .map(|(name, value)| (Cow::Borrowed(&**name), Cow::Borrowed(&**value)))
                .collect(),
        )
    }
}

fn is_json(content_type: &str) -> bool {
    content_type.to_ascii_lowercase().contains("json")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn form(query: &str) -> String {
        let mut parameters = PostbackParameters::default();
        parameters.add_form(query.as_bytes());
        text(&parameters)
    }

    fn text(parameters: &PostbackParameters<'_>) -> String {
        let pairs: Vec<_> = parameters
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        pairs.join(" ")
    }

    #[rstest]
    #[case("a=1&b=2", "a=1 b=2")]
    #[case("a=1&amp;b=2&amp;c=%26amp;", "a=1 b=2 c=&amp;")]
    #[case("order[id]=5&a[b][c]=6", "order.id=5 a.b.c=6")]
    #[case("[a]=1&b]=2", "[a]=1 b]=2")]
    #[case("a=+1+", "a=1")]
    fn a_query_is_read(#[case] query: &str, #[case] expected: &str) {
        assert_eq!(form(query), expected);
    }

    #[rstest]
    #[case("application/json", "a=1&b=2", "a=1 b=2")]
    #[case("text/plain", "a=1", "a=1")]
    #[case("", "a=1", "a=1")]
    #[case("application/x-www-form-urlencoded", r#"{"a": 1}"#, "a=1")]
    #[case("text/html", "\u{feff} {\"a\": 1}", "a=1")]
    #[case("application/json", "", "")]
    #[case("application/json", "  ", "")]
    #[case("application/json", "null", "")]
    #[case("application/json", "\"\"", "")]
    #[case(
        "application/x-www-form-urlencoded",
        "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--x--",
        "a=1"
    )]
    fn a_body_is_read_whatever_its_type_says(
        #[case] content_type: &str,
        #[case] body: &str,
        #[case] expected: &str,
    ) {
        let mut parameters = PostbackParameters::default();
        let added = parameters.add_body(content_type, body.as_bytes());
        assert_eq!(added, Ok(()));
        assert_eq!(text(&parameters), expected);
    }

    #[test]
    fn a_digest_does_not_depend_on_the_order() {
        let digest = |query: &str| {
            let mut parameters = PostbackParameters::default();
            parameters.add_form(query.as_bytes());
            parameters.digest()
        };
        assert_eq!(digest("a=1&b=2"), digest("b=2&a=1"));
        assert_ne!(digest("a=1&b=2"), digest("a=12&b="));
        assert_ne!(digest("a=1"), digest("a=1&a=1"));
        assert_eq!(digest("a=1").len(), 32);
    }

    #[test]
    fn parameters_are_limited() {
        let query = "a=1&".repeat(600);
        let mut parameters = PostbackParameters::default();
        parameters.add_form(query.as_bytes());
        assert_eq!(parameters.iter().len(), MAX_PARAMETERS);
    }
}
