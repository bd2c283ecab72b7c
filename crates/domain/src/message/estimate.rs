//! The size that a message will probably have, before its placeholders are filled.

use super::template::{MessagePiece, parse_pieces};
use crate::sms::{self, Encoding};

/// The estimated size of a message. [`estimate_size`] has the rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SizeEstimate {
    pub character_count: usize,
    pub segment_count: usize,
    pub encoding: Encoding,
}

/// How many characters a short link is assumed to have.
const LINK_CHARACTERS: usize = 23;
/// How many characters a list is assumed to put around every message, such as the opt-out line.
const FRAME_CHARACTERS: usize = 34;

/// Estimates the size of a message by the rule that the API promises for creatives: each
/// link placeholder counts 23 characters, all else (variables too) counts as it is written,
/// and 34 are added. A message that does not fit into one segment has a segment for each
/// begun part.
pub fn estimate_size(template: &str) -> SizeEstimate {
    let pieces = parse_pieces(template);
    let without_links: String = pieces
        .iter()
        .map(|piece| match piece {
            MessagePiece::Text(text) => (*text).to_owned(),
            MessagePiece::Variable(name) => format!("{{{{{name}}}}}"),
            MessagePiece::Link(_) => String::new(),
        })
        .collect();
    let n_links = pieces
        .iter()
        .filter(|piece| matches!(piece, MessagePiece::Link(_)))
        .count();
    let encoding = sms::encoding_for(&without_links);
    let character_count =
        sms::length_in(&without_links, encoding) + n_links * LINK_CHARACTERS + FRAME_CHARACTERS;
    let segment_count = if character_count <= encoding.single_segment_units() {
        1
    } else {
        character_count.div_ceil(encoding.joined_segment_units())
    };
    SizeEstimate {
        character_count,
        segment_count,
        encoding,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(
        "Hot deals just for you! Shop now: {{link1}} Reply STOP to opt out.",
        114,
        1
    )]
    #[case("{{link1}}", 57, 1)]
    #[case("{{link1}}{{link1}}{{link2}}", 103, 1)]
    fn a_link_counts_23_characters_and_the_frame_34(
        #[case] template: &str,
        #[case] character_count: usize,
        #[case] segment_count: usize,
    ) {
        let estimate = estimate_size(template);
        assert_eq!(estimate.character_count, character_count);
        assert_eq!(estimate.segment_count, segment_count);
    }

    #[rstest]
    #[case("a", 103, 160, 1)]
    #[case("a", 104, 161, 2)]
    #[case("a", 249, 306, 2)]
    #[case("a", 250, 307, 3)]
    #[case("€", 52, 161, 2)]
    #[case("я", 13, 70, 1)]
    #[case("я", 14, 71, 2)]
    #[case("я", 77, 134, 2)]
    #[case("я", 78, 135, 3)]
    fn a_segment_is_added_where_one_is_full(
        #[case] unit: &str,
        #[case] n_units: usize,
        #[case] character_count: usize,
        #[case] segment_count: usize,
    ) {
        let estimate = estimate_size(&format!("{}{{{{link1}}}}", unit.repeat(n_units)));
        assert_eq!(estimate.character_count, character_count);
        assert_eq!(estimate.segment_count, segment_count);
    }
}
