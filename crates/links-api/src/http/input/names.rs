//! Names of parameters and fields, in the spelling of the client.

/// The form in which two spellings of a name are equal: `offerId` and `offer_id`.
pub fn fold(name: &str) -> String {
    name.chars()
        .filter(|c| *c != '_')
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

/// The known name that is most like an unknown one, if one is like it at all.
pub fn nearest<'n>(unknown: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    /// A lower similarity is that of different words.
    const MIN_SIMILARITY: f64 = 0.8;
    let unknown = fold(unknown);
    let similarity = |name: &&str| {
        let folded = fold(name);
        // `destination` is meant for `destination_url`.
        let is_part =
            unknown.len() >= 3 && (folded.contains(&unknown) || unknown.contains(&folded));
        let similarity = strsim::jaro_winkler(&unknown, &folded);
        if is_part {
            similarity.max(MIN_SIMILARITY)
        } else {
            similarity
        }
    };
    known
        .into_iter()
        .map(|name| (similarity(&name), name))
        .filter(|(similarity, _)| *similarity >= MIN_SIMILARITY)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("offerId", "offer_id")]
    #[case("subId1", "sub_id_1")]
    #[case("perPage", "per_page")]
    #[case("limit", "limit")]
    fn both_spellings_of_a_name_are_equal(#[case] camel_case: &str, #[case] snake_case: &str) {
        assert_eq!(fold(camel_case), fold(snake_case));
    }

    #[rstest]
    #[case("offer", Some("offer_id"))]
    #[case("ofer_id", Some("offer_id"))]
    #[case("offerid", Some("offer_id"))]
    #[case("list", Some("list_id"))]
    #[case("groupby", Some("group_by"))]
    #[case("contactPhon", Some("contactPhone"))]
    #[case("utm_source", None)]
    #[case("x", None)]
    #[case("", None)]
    fn the_nearest_name_is_one_that_is_meant(
        #[case] unknown: &str,
        #[case] expected: Option<&str>,
    ) {
        let known = [
            "offer_id",
            "list_id",
            "group_by",
            "contactPhone",
            "from",
            "to",
        ];
        assert_eq!(nearest(unknown, known), expected);
    }
}
