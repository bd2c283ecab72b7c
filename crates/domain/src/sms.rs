//! The size of a text as an SMS: its encoding, its length, and how many segments it takes.
//!
//! The GSM 7 bit default alphabet and its extension table are those of 3GPP TS 23.038, clause
//! 6.2.1 (GSM 03.38). A text with any other character is sent in UCS-2, that is, in UTF-16
//! code units. One segment carries 160 septets or 70 units. If there are several, each has a
//! header that joins them (TS 23.040, clause 9.2.3.24.1) and carries 153 or 67. A character
//! of two septets or units is never split over two segments.

use schemars::JsonSchema;
use serde::Serialize;

/// The encoding in which a text is sent. Its unit is the septet or the UTF-16 code unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub enum Encoding {
    #[serde(rename = "GSM-7")]
    Gsm7,
    #[serde(rename = "UCS-2")]
    Ucs2,
}

impl Encoding {
    /// How many units fit into a message of one segment.
    pub fn single_segment_units(self) -> usize {
        match self {
            Self::Gsm7 => 160,
            Self::Ucs2 => 70,
        }
    }

    /// How many units fit into each segment of a message of several.
    pub fn joined_segment_units(self) -> usize {
        match self {
            Self::Gsm7 => 153,
            Self::Ucs2 => 67,
        }
    }

    /// How many units a character takes. In GSM-7 a character outside of the alphabet counts as
    /// in UCS-2.
    fn units_of(self, c: char) -> usize {
        match self {
            Self::Gsm7 => septets(c).unwrap_or_else(|| c.len_utf16()),
            Self::Ucs2 => c.len_utf16(),
        }
    }
}

/// The size of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SmsSize {
    pub encoding: Encoding,
    /// In units of the encoding.
    pub length: usize,
    /// The empty text has one segment.
    pub segments: usize,
}

/// Measures a text exactly.
pub fn measure(text: &str) -> SmsSize {
    let encoding = encoding_for(text);
    let length = length_in(text, encoding);
    SmsSize {
        encoding,
        length,
        segments: count_segments(text, encoding, length),
    }
}

/// The encoding that the characters of a text need.
pub fn encoding_for(text: &str) -> Encoding {
    if text.chars().all(|c| septets(c).is_some()) {
        Encoding::Gsm7
    } else {
        Encoding::Ucs2
    }
}

/// The length of a text in units of an encoding.
pub fn length_in(text: &str, encoding: Encoding) -> usize {
    text.chars().map(|c| encoding.units_of(c)).sum()
}

fn count_segments(text: &str, encoding: Encoding, length: usize) -> usize {
    if length <= encoding.single_segment_units() {
        return 1;
    }
    let (mut segments, mut used) = (1, 0);
    for c in text.chars() {
        let units = encoding.units_of(c);
        if used + units > encoding.joined_segment_units() {
            segments += 1;
            used = 0;
        }
        used += units;
    }
    segments
}

/// The default alphabet in the order of its codes. Code 0x1B is left out: it is not a character
/// but the escape to the extension table.
const DEFAULT_ALPHABET: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?\
    ¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
/// The characters of the extension table: form feed, `^{}\[~]|` and the euro. Each is sent as the
/// escape and its code.
const EXTENSION_TABLE: &str = "\u{c}^{}\\[~]|€";

/// How many septets a character takes: 1 or 2. `None` if it is not in the alphabet.
fn septets(c: char) -> Option<usize> {
    // Most characters of a text need no search.
    if c.is_ascii_alphanumeric() || c == ' ' {
        return Some(1);
    }
    if DEFAULT_ALPHABET.contains(c) {
        Some(1)
    } else {
        EXTENSION_TABLE.contains(c).then_some(2)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    /// The default alphabet of TS 23.038, clause 6.2.1: code and character.
    const STANDARD_TABLE: [(u32, char); 127] = standard_table();

    const fn standard_table() -> [(u32, char); 127] {
        // The table is written as code points, apart from the literal under test. Pairs of code and
        // code point where the two differ:
        let special: [(u32, u32); 46] = [
            (0x00, 0x40),
            (0x01, 0xA3),
            (0x02, 0x24),
            (0x03, 0xA5),
            (0x04, 0xE8),
            (0x05, 0xE9),
            (0x06, 0xF9),
            (0x07, 0xEC),
            (0x08, 0xF2),
            (0x09, 0xC7),
            (0x0A, 0x0A),
            (0x0B, 0xD8),
            (0x0C, 0xF8),
            (0x0D, 0x0D),
            (0x0E, 0xC5),
            (0x0F, 0xE5),
            (0x10, 0x394),
            (0x11, 0x5F),
            (0x12, 0x3A6),
            (0x13, 0x393),
            (0x14, 0x39B),
            (0x15, 0x3A9),
            (0x16, 0x3A0),
            (0x17, 0x3A8),
            (0x18, 0x3A3),
            (0x19, 0x398),
            (0x1A, 0x39E),
            (0x1C, 0xC6),
            (0x1D, 0xE6),
            (0x1E, 0xDF),
            (0x1F, 0xC9),
            (0x24, 0xA4),
            (0x40, 0xA1),
            (0x5B, 0xC4),
            (0x5C, 0xD6),
            (0x5D, 0xD1),
            (0x5E, 0xDC),
            (0x5F, 0xA7),
            (0x60, 0xBF),
            (0x7B, 0xE4),
            (0x7C, 0xF6),
            (0x7D, 0xF1),
            (0x7E, 0xFC),
            (0x7F, 0xE0),
            (0x20, 0x20),
            (0x21, 0x21),
        ];
        let mut rows = [(0, ' '); 127];
        let (mut code, mut row) = (0_u32, 0);
        while code < 128 {
            if code != 0x1B {
                // For all other characters the code is the ASCII code.
                let mut point = code;
                let mut i = 0;
                while i < special.len() {
                    if special[i].0 == code {
                        point = special[i].1;
                    }
                    i += 1;
                }
                rows[row] = match char::from_u32(point) {
                    Some(c) => (code, c),
                    None => panic!("every number in the table is a code point"),
                };
                row += 1;
            }
            code += 1;
        }
        rows
    }

    #[test]
    fn each_character_of_the_default_alphabet_is_one_septet() {
        for (code, c) in STANDARD_TABLE {
            assert_eq!(septets(c), Some(1), "{code:#04x} {c:?}");
            let index = DEFAULT_ALPHABET
                .chars()
                .position(|other| other == c)
                .unwrap();
            let code = code as usize;
            assert_eq!(index, if code > 0x1B { code - 1 } else { code }, "{c:?}");
        }
        assert_eq!(DEFAULT_ALPHABET.chars().count(), 127);
    }

    #[test]
    fn each_character_of_the_extension_table_is_two_septets() {
        let points = [0x0C, 0x5E, 0x7B, 0x7D, 0x5C, 0x5B, 0x7E, 0x5D, 0x7C, 0x20AC];
        assert_eq!(EXTENSION_TABLE.chars().count(), points.len());
        for point in points {
            let c = char::from_u32(point).unwrap();
            assert_eq!(septets(c), Some(2), "{c:?}");
        }
    }

    #[test]
    fn no_other_character_is_in_the_alphabet() {
        let n_in_alphabet = (0..=0x10_FFFF)
            .filter_map(char::from_u32)
            .filter(|c| septets(*c).is_some())
            .count();
        assert_eq!(n_in_alphabet, 127 + 10);
    }

    const GSM: Encoding = Encoding::Gsm7;
    const UCS: Encoding = Encoding::Ucs2;

    #[rstest]
    #[case("", GSM, 0, 1)]
    #[case("Hello", GSM, 5, 1)]
    #[case("10 € {x}", GSM, 11, 1)] // three of the extension table
    #[case("naïve", UCS, 5, 1)] // ï is not in the alphabet
    #[case("ça va", UCS, 5, 1)] // Ç is, ç is not
    #[case("Çà", GSM, 2, 1)]
    #[case("Ñandú", UCS, 5, 1)] // ú is not
    #[case("Ğ", UCS, 1, 1)] // a national table would have it
    #[case("`", UCS, 1, 1)]
    #[case("“quoted”", UCS, 8, 1)]
    #[case("日本", UCS, 2, 1)]
    #[case("😀", UCS, 2, 1)] // a surrogate pair
    #[case("e\u{301}", UCS, 2, 1)] // a combining mark
    #[case("👩‍👩‍👧‍👦", UCS, 11, 1)] // four pairs and three joiners
    #[case("\u{feff}", UCS, 1, 1)]
    fn a_text_has_this_size(
        #[case] text: &str,
        #[case] encoding: Encoding,
        #[case] length: usize,
        #[case] segments: usize,
    ) {
        assert_eq!(
            measure(text),
            SmsSize {
                encoding,
                length,
                segments
            }
        );
    }

    #[rstest]
    #[case("a", 160, 160, 1)]
    #[case("a", 161, 161, 2)]
    #[case("a", 306, 306, 2)]
    #[case("a", 307, 307, 3)]
    #[case("a", 459, 459, 3)]
    #[case("a", 460, 460, 4)]
    #[case("€", 80, 160, 1)]
    #[case("€", 81, 162, 2)]
    #[case("€", 152, 304, 2)] // 76 in each: the 153rd septet stays empty
    #[case("€", 153, 306, 3)] // 306 septets, but no pair is split
    #[case("я", 70, 70, 1)]
    #[case("я", 71, 71, 2)]
    #[case("я", 134, 134, 2)]
    #[case("я", 135, 135, 3)]
    #[case("😀", 35, 70, 1)]
    #[case("😀", 36, 72, 2)]
    #[case("😀", 66, 132, 2)] // 33 in each
    #[case("😀", 67, 134, 3)] // 134 units, but no pair is split
    fn a_segment_is_added_where_the_standard_says(
        #[case] unit: &str,
        #[case] n_units: usize,
        #[case] length: usize,
        #[case] segments: usize,
    ) {
        let size = measure(&unit.repeat(n_units));
        assert_eq!((size.length, size.segments), (length, segments));
    }

    #[test]
    fn one_character_outside_the_alphabet_changes_the_encoding() {
        let text = format!("{}я", "a".repeat(70));
        let size = measure(&text);
        assert_eq!((size.encoding, size.length, size.segments), (UCS, 71, 2));
    }

    proptest! {
        #[test]
        fn the_segments_have_room_for_the_text_and_no_segment_is_wasted(text in "\\PC{0,400}") {
            let size = measure(&text);
            let capacity = match size.segments {
                1 => size.encoding.single_segment_units(),
                n => n * size.encoding.joined_segment_units(),
            };
            prop_assert!(size.length <= capacity);
            // At the end of each segment at most one unit stays empty.
            let max_empty_units = size.segments - 1;
            let one_segment_less = (size.segments - 1) * size.encoding.joined_segment_units();
            prop_assert!(
                size.segments == 1 || size.length + max_empty_units > one_segment_less
            );
        }
    }
}
