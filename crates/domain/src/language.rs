//! The language that a browser asks for.

/// The first language of an `Accept-Language` header (RFC 9110, section 12.5.4) without its
/// region, in lower case: `en` of `en-US,en;q=0.9`. `None` if the header begins with none.
///
/// Browsers write what people prefer first, so that weights need not be compared.
pub fn primary_language(header: &str) -> Option<String> {
    let first = header.split([',', ';']).next()?;
    let primary = first.split(['-', '_']).next()?.trim();
    let is_language =
        matches!(primary.len(), 2 | 3) && primary.bytes().all(|byte| byte.is_ascii_alphabetic());
    is_language.then(|| primary.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("en-US,en;q=0.9,de;q=0.8", Some("en"))]
    #[case("DE", Some("de"))]
    #[case("zh-Hant-TW", Some("zh"))]
    #[case("fil;q=0.5", Some("fil"))]
    #[case(" pt_BR", Some("pt"))]
    #[case("*", None)]
    #[case("", None)]
    #[case("english", None)]
    #[case("x", None)]
    #[case("e1,en", None)]
    #[case("日本", None)]
    fn the_first_language_counts(#[case] header: &str, #[case] expected: Option<&str>) {
        assert_eq!(primary_language(header).as_deref(), expected);
    }
}
