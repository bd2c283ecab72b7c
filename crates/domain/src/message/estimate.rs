//! The size that a message will probably have, before its placeholders are filled.

use super::template::{MessagePiece, parse_pieces};
use crate::sms::{self, SmsSize};

/// The estimated size of a message. [`estimate_size`] has the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SizeEstimate {
    /// By the documented formula, which counts characters and knows no encoding.
    pub character_count: usize,
    pub segment_count: usize,
    /// What the encodings of SMS make of the same text.
    pub exact: SmsSize,
}

/// How many characters a short link is assumed to have.
const LINK_CHARACTERS: usize = 23;
/// How many characters a list is assumed to put around every message, such as the opt-out line.
const FRAME_CHARACTERS: usize = 34;
/// Up to how many characters the formula has one segment, and how many each of several has.
const SINGLE_SEGMENT_CHARACTERS: usize = 160;
const JOINED_SEGMENT_CHARACTERS: usize = 153;

/// Estimates the size of a message: each link placeholder counts 23 characters, all else
/// (variables too) counts as it is written, and 34 are added.
///
/// `character_count` and `segment_count` follow the formula that the API promises for creatives:
/// characters, whatever they are, in one segment up to 160 and else in segments of 153. `exact`
/// is the size of such a text in GSM-7 or UCS-2.
pub fn estimate_size(template: &str) -> SizeEstimate {
    let pieces = parse_pieces(template);
    let link = "x".repeat(LINK_CHARACTERS);
    let pieces = pieces.iter().map(|piece| match piece {
        MessagePiece::Link(_) => link.as_str(),
        piece => piece.source(),
    });
    let frame = "x".repeat(FRAME_CHARACTERS);
    let text: String = pieces.chain([frame.as_str()]).collect();
    let character_count = text.chars().count();
    SizeEstimate {
        character_count,
        segment_count: match character_count {
            0..=SINGLE_SEGMENT_CHARACTERS => 1,
            _ => character_count.div_ceil(JOINED_SEGMENT_CHARACTERS),
        },
        exact: sms::measure(&text),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::sms::Encoding;

    #[rstest]
    #[case(
        "Hot deals just for you! Shop now: {{link1}} Reply STOP to opt out.",
        114
    )]
    #[case("{{link1}}", 57)]
    #[case("{{ link1 }}", 57)]
    #[case("{{link1}}{{link1}}{{link2}}", 103)]
    #[case::variables_as_they_are_written("{{name|you}}{{link1}}", 69)]
    #[case::each_character_is_one("я€😀{{link1}}", 60)]
    fn a_link_counts_23_characters_and_the_frame_34(
        #[case] template: &str,
        #[case] character_count: usize,
    ) {
        assert_eq!(estimate_size(template).character_count, character_count);
    }

    /// The formula and the exact size of a unit that is repeated before a link.
    #[rstest]
    #[case("a", 103, (160, 1), (160, 1))]
    #[case("a", 104, (161, 2), (161, 2))]
    #[case("a", 249, (306, 2), (306, 2))]
    #[case("a", 250, (307, 3), (307, 3))]
    #[case::two_septets("€", 52, (109, 1), (161, 2))]
    #[case::cyrillic("я", 13, (70, 1), (70, 1))]
    #[case::cyrillic_of_two_segments("я", 14, (71, 1), (71, 2))]
    #[case("я", 77, (134, 1), (134, 2))]
    #[case("я", 78, (135, 1), (135, 3))]
    #[case("я", 103, (160, 1), (160, 3))]
    #[case("я", 104, (161, 2), (161, 3))]
    #[case::emoji("😀", 7, (64, 1), (71, 2))]
    fn the_formula_counts_characters_and_the_exact_size_units(
        #[case] unit: &str,
        #[case] n_units: usize,
        #[case] formula: (usize, usize),
        #[case] exact: (usize, usize),
    ) {
        let estimate = estimate_size(&format!("{}{{{{link1}}}}", unit.repeat(n_units)));
        assert_eq!((estimate.character_count, estimate.segment_count), formula);
        assert_eq!((estimate.exact.length, estimate.exact.segments), exact);
        let is_gsm = "a€".contains(unit);
        assert_eq!(estimate.exact.encoding == Encoding::Gsm7, is_gsm);
    }
}
