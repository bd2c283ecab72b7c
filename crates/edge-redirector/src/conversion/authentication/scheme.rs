//! The signatures of shops and payment services, by the schemes that they document.

use domain::postback::{Field, SignatureScheme, SigningKey};
use url::form_urlencoded;

use super::{clickbank, digistore24, request::SignedRequest, shopify, stripe};

/// What the query may name beside a signature of the body: whom the request is for, and how it
/// is read. A signature of the body does not cover it, so it must not say what was bought.
const ALLOWED_IN_QUERY: [Field; 6] = [
    Field::AccountId,
    Field::OfferId,
    Field::LinkId,
    Field::Preset,
    Field::Token,
    Field::PostbackSecret,
];

/// Whether the owner of one of the keys has signed the request by this scheme.
pub fn is_signed_by_scheme(
    scheme: SignatureScheme,
    request: &SignedRequest<'_>,
    keys: &[SigningKey],
) -> bool {
    let is_signed = match scheme {
        SignatureScheme::Stripe => stripe::is_signed,
        SignatureScheme::Shopify => shopify::is_signed,
        SignatureScheme::Clickbank => clickbank::is_signed,
        SignatureScheme::Digistore24 => digistore24::is_signed,
    };
    is_query_allowed(request.query) && keys.iter().any(|key| is_signed(request, key.as_bytes()))
}

fn is_query_allowed(query: &str) -> bool {
    form_urlencoded::parse(query.as_bytes()).all(|(name, _)| {
        let name = name.strip_prefix("amp;").unwrap_or(&name);
        Field::parse(name).is_some_and(|field| ALLOWED_IN_QUERY.contains(&field))
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("", true)]
    #[case("account_id=1&preset=stripe&token=a", true)]
    #[case("account_id=1&amp;Link_ID=Ab3kX9q", true)]
    #[case("account_id=1&revenue=99", false)]
    #[case("account_id=1&r%65venue=99", false)]
    #[case("account_id=1&amp;revenue=99", false)]
    #[case("click_id=01a11d5c1e7b71238123456789abcdef", false)]
    #[case("anything=1", false)]
    fn a_query_beside_a_signed_body_says_nothing_about_the_conversion(
        #[case] query: &str,
        #[case] expected: bool,
    ) {
        assert_eq!(is_query_allowed(query), expected);
    }
}
