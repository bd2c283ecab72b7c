//! Parameters of paths: ids.

#![warn(clippy::indexing_slicing)]

use std::borrow::Cow;

use actix_web::dev::{Path, Url};
use serde_json::Value;

use crate::error::ApiError;

/// Characters of an id that an error shows.
const MAX_SHOWN_CHARS: usize = 40;

/// The type of an id in a path.
pub trait PathParameter: Sized {
    /// Name in the braces of a path.
    const NAME: &'static str;
    /// Sentence for the document.
    const DESCRIPTION: &'static str;
    /// Resource that does not exist if the id is not well-formed, for the error's sentence.
    const RESOURCE: &'static str;

    fn schema() -> Value;

    fn example() -> Value;

    /// `None` if the text is not such an id.
    fn parse(text: &str) -> Option<Self>;

    /// The error for a text that is not such an id: the resource does not exist.
    fn error(text: &str) -> ApiError {
        let example = Self::example();
        ApiError::MalformedId {
            resource: Self::RESOURCE,
            found: text.chars().take(MAX_SHOWN_CHARS).collect(),
            example: example
                .as_str()
                .map_or_else(|| example.to_string(), str::to_owned),
        }
    }

    fn from_path(path: &Path<Url>) -> Result<Self, ApiError> {
        let text = decode(path.get(Self::NAME).unwrap_or_default());
        Self::parse(&text).ok_or_else(|| Self::error(&text))
    }
}

/// Decodes the sequences that actix-web leaves: it decodes all but `%25`, `%2B` and `%2F`,
/// which it needs to find the route, and leaves a percent sign that begins no valid sequence.
/// So each sequence is decoded once.
pub fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        decoded.push_str(before);
        let sequences = [
            ("25", '%'),
            ("2B", '+'),
            ("2b", '+'),
            ("2F", '/'),
            ("2f", '/'),
        ];
        let decoded_char = sequences
            .into_iter()
            .find_map(|(digits, char)| Some((char, after.strip_prefix(digits)?)));
        let (char, after) = decoded_char.unwrap_or(('%', after));
        decoded.push(char);
        rest = after;
    }
    decoded.push_str(rest);
    Cow::Owned(decoded)
}

#[cfg(test)]
mod tests {
    use actix_web::{App, HttpRequest, test as actix, web};
    use rstest::rstest;

    use super::*;

    /// A segment of a path as it is sent, and the parameter that a handler gets.
    #[rstest]
    #[case::plain("m-1", "m-1")]
    #[case::plus("%2B18005550100", "+18005550100")]
    #[case::small_letters("%2b1", "+1")]
    #[case::plus_itself("+18005550100", "+18005550100")]
    #[case::slash("a%2Fb%2fc", "a/b/c")]
    #[case::percent("100%25", "100%")]
    #[case::decoded_once("%252F", "%2F")]
    #[case::decoded_once_again("%25252B", "%252B")]
    #[case::all("%25%2B%2F", "%+/")]
    #[case::unreserved("%6D%2d1", "m-1")]
    #[case::reserved("a%3Ab%40c%3Fd%23e%26f", "a:b@c?d#e&f")]
    #[case::space("a%20b", "a b")]
    #[case::utf_8("%C3%A9", "é")]
    #[case::utf_8_and_more("%C3%A9%2F%F0%9F%92%B8", "é/💸")]
    #[actix_web::test]
    async fn a_segment_is_decoded_once(#[case] segment: &str, #[case] expected: &str) {
        let handler = |request: HttpRequest| async move {
            decode(request.match_info().get("id").unwrap_or_default()).into_owned()
        };
        let app = App::new().route("/things/{id}", web::get().to(handler));
        let app = actix::init_service(app).await;
        let request = actix::TestRequest::get().uri(&format!("/things/{segment}"));
        let body = actix::call_and_read_body(&app, request.to_request()).await;
        assert_eq!(str::from_utf8(&body), Ok(expected));
    }

    #[rstest]
    #[case("%", "%")]
    #[case("a%", "a%")]
    #[case("%2", "%2")]
    #[case("%zz%é", "%zz%é")]
    fn other_percent_signs_stand_for_themselves(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(decode(text), expected);
    }
}
