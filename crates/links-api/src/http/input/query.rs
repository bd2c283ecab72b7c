//! The names in a query.

use std::collections::BTreeSet;

use super::names::{fold, nearest};
use crate::error::ApiError;

/// The parameters of a query that no known name has, in their order.
///
/// `known` are the names that the operation has. Fails if one of these has two values, of which
/// one would be ignored.
pub fn unknown_parameters(query: &str, known: &[&str]) -> Result<Vec<UnknownParameter>, ApiError> {
    let mut seen = BTreeSet::new();
    let mut unknown_parameters = Vec::new();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let folded = fold(&name);
        if !known.iter().any(|known| fold(known) == folded) {
            let nearest = nearest(&name, known.iter().copied()).map(str::to_owned);
            let name = name.into_owned();
            unknown_parameters.push(UnknownParameter { name, nearest });
        } else if !value.is_empty() && !seen.insert(folded) {
            return Err(ApiError::invalid_field(name, "it is there more than once"));
        }
    }
    Ok(unknown_parameters)
}

/// A parameter that the operation does not have.
#[derive(Debug, PartialEq, Eq)]
pub struct UnknownParameter {
    pub name: String,
    /// What the client may have meant.
    pub nearest: Option<String>,
}

impl UnknownParameter {
    /// `known` are the names that the operation has.
    pub fn error(self, known: &[&str]) -> ApiError {
        ApiError::UnknownParameter {
            name: self.name,
            nearest: self.nearest,
            known: known.join(", "),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const KNOWN: [&str; 3] = ["offerId", "per_page", "status"];

    #[rstest]
    #[case("", &[])]
    #[case("offer_id=x&perPage=5&status=", &[])]
    #[case("status=&status=active", &[])]
    #[case("offer=x", &[("offer", Some("offerId"))])]
    #[case("utm=1&stat=a", &[("utm", None), ("stat", Some("status"))])]
    #[case("%00=1", &[("\0", None)])]
    fn unknown_parameters_are_found(
        #[case] query: &str,
        #[case] expected: &[(&str, Option<&str>)],
    ) {
        let unknown = unknown_parameters(query, &KNOWN).unwrap();
        let unknown = unknown
            .iter()
            .map(|u| (u.name.as_str(), u.nearest.as_deref()));
        assert_eq!(unknown.collect::<Vec<_>>(), expected);
    }

    #[rstest]
    #[case("status=a&status=b")]
    #[case("offerId=a&offer_id=b")]
    #[case("offerId=a&offerId=a")]
    fn a_parameter_with_two_values_is_an_error(#[case] query: &str) {
        let error = unknown_parameters(query, &KNOWN).unwrap_err();
        assert_eq!(error.code(), "invalid_field");
    }
}
