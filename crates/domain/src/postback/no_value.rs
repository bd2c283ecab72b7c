//! Values that mean that there is no value: macros that a network did not replace, and the words
//! that programs write for nothing.

/// The signs between which networks write their macros, the longer ones first.
const MACRO_SIGNS: [(&str, &str); 10] = [
    ("${", "}"),
    ("{", "}"),
    ("[", "]"),
    ("<", ">"),
    ("#", "#"),
    ("__", "__"),
    ("%7B", "%7D"),
    ("%5B", "%5D"),
    ("%23", "%23"),
    ("%", "%"),
];
const WORDS_FOR_NOTHING: [&str; 8] = [
    "null",
    "(null)",
    "undefined",
    "none",
    "nil",
    "n/a",
    "nan",
    "-",
];
/// The longest name of a macro.
const MAX_MACRO_BYTES: usize = 64;

/// Whether a text is no name or id: a macro, a word for nothing, or 0.
pub fn is_no_name(text: &str) -> bool {
    text == "0" || is_no_amount(text)
}

/// Whether a text is no amount: a macro or a word for nothing. 0 is an amount.
pub fn is_no_amount(text: &str) -> bool {
    text.is_empty()
        || WORDS_FOR_NOTHING
            .iter()
            .any(|word| word.eq_ignore_ascii_case(text))
        || is_macro(text)
}

/// Whether a text is a macro as it stands in a template: `{x}`, `{{x}}`, `${x}`, `[x]`, `<x>`,
/// `#x#`, `%x%`, `__X__`, also if it was percent-encoded twice, or the signs without a name.
/// `[12]` and a UUID in braces are values.
fn is_macro(text: &str) -> bool {
    MACRO_SIGNS.iter().any(|(open, close)| {
        strip_prefix_any_case(text, open)
            .and_then(|rest| strip_suffix_any_case(rest, close))
            .is_some_and(is_macro_name)
    })
}

fn is_macro_name(name: &str) -> bool {
    let name = name.trim_matches(|c| "{}[]<>#% _$!".contains(c));
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "_-.:|/ {}[]#%$".contains(c);
    name.len() <= MAX_MACRO_BYTES
        && name.chars().all(is_allowed)
        && name.chars().next().is_none_or(|c| c.is_ascii_alphabetic())
        && !is_uuid(name)
}

fn is_uuid(text: &str) -> bool {
    matches!(text.len(), 32 | 36) && uuid::Uuid::try_parse(text).is_ok()
}

fn strip_prefix_any_case<'t>(text: &'t str, prefix: &str) -> Option<&'t str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

fn strip_suffix_any_case<'t>(text: &'t str, suffix: &str) -> Option<&'t str> {
    let (rest, end) = text.split_at_checked(text.len().checked_sub(suffix.len())?)?;
    end.eq_ignore_ascii_case(suffix).then_some(rest)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("{transaction_id}")]
    #[case("{{transaction_id}}")]
    #[case("{transaction_id}-{goal}")]
    #[case("{transaction.id}")]
    #[case("{}")]
    #[case("${txid}")]
    #[case("[txid]")]
    #[case("[[txid]]")]
    #[case("<txid>")]
    #[case("#tid#")]
    #[case("#S2#")]
    #[case("%txid%")]
    #[case("%%txid%%")]
    #[case("__TXID__")]
    #[case("%7Btxid%7D")]
    #[case("%7btxid%7d")]
    #[case("null")]
    #[case("NULL")]
    #[case("undefined")]
    #[case("N/A")]
    #[case("None")]
    #[case("-")]
    #[case("NaN")]
    #[case("")]
    fn a_macro_is_no_value(#[case] text: &str) {
        assert!(is_no_amount(text) && is_no_name(text), "{text}");
    }

    #[rstest]
    #[case("A-1001")]
    #[case("#1001")]
    #[case("#1001#")]
    #[case("[12345]")]
    #[case("{01a11d5c-1e7b-7123-8123-456789abcdef}")]
    #[case("order-{x}")]
    #[case("nullable")]
    #[case("00")]
    #[case("-1")]
    #[case("__")]
    #[case("%")]
    #[case("ключ")]
    fn a_value_is_no_macro(#[case] text: &str) {
        assert!(!is_no_amount(text) && !is_no_name(text), "{text}");
    }

    #[test]
    fn zero_is_an_amount_and_no_name() {
        assert!(is_no_name("0") && !is_no_amount("0"));
    }
}
