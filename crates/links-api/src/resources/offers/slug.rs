//! The slug of a new offer: unique in its account, and made of its name if the client gives
//! none.

use domain::id::{OfferId, random_base62};

use crate::{
    db::offers::{self, OfferFields, OfferKind},
    error::ApiError,
    http::RequestContext,
};

/// Attempts to insert an offer with a slug of its name, each with other random characters
/// behind it.
const MAX_ATTEMPTS: usize = 5;

/// Inserts an offer. A slug that is taken is an error if the client gave it, and another is
/// tried if it was made of the name.
pub async fn insert_with_slug(
    context: RequestContext<'_>,
    kind: OfferKind,
    id: OfferId,
    fields: &mut OfferFields,
) -> Result<(), ApiError> {
    let account_id = context.caller.account_id;
    if fields.slug.is_some() {
        return match offers::try_insert(context.db, account_id, kind, id, fields).await? {
            true => Ok(()),
            false => Err(ApiError::SlugTaken),
        };
    }
    let base = slug_from_name(&fields.name).unwrap_or_else(|| id.to_string());
    let mut slug = base.clone();
    for _ in 0..MAX_ATTEMPTS {
        fields.slug = Some(slug);
        if offers::try_insert(context.db, account_id, kind, id, fields).await? {
            return Ok(());
        }
        slug = format!("{base}-{}", random_base62(&mut rand::rng(), 4));
    }
    Err(ApiError::SlugTaken)
}

/// A slug of the name's letters and digits, if it has at least three of them.
fn slug_from_name(name: &str) -> Option<String> {
    let name = name.to_lowercase();
    let words: Vec<_> = name
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    let slug: String = words.join("-").chars().take(55).collect();
    (slug.len() >= 3).then_some(slug)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("Summer Sale -- 50% off!", Some("summer-sale-50-off"))]
    #[case("Ünïcode ABC", Some("n-code-abc"))]
    #[case("日本", None)]
    #[case("a", None)]
    fn a_slug_is_made_of_a_name(#[case] name: &str, #[case] expected: Option<&str>) {
        assert_eq!(slug_from_name(name).as_deref(), expected);
    }
}
