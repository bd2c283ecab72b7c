//! How long a text is as an SMS, in which encoding and in how many segments.
//!
//! The GSM 7 bit default alphabet and its extension table are those of 3GPP
//! TS 23.038, clause 6.2.1 (GSM 03.38). A text with any other character is
//! sent in UCS-2, that is, in UTF-16 code units. One segment carries 160
//! septets or 70 units; with the header that joins several (TS 23.040, clause
//! 9.2.3.24.1), 153 or 67. A character of two septets or units is never split
//! over two segments.

use schemars::JsonSchema;
use serde::Serialize;

/// How a text is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub enum Encoding {
    #[serde(rename = "GSM-7")]
    Gsm7,
    #[serde(rename = "UCS-2")]
    Ucs2,
}

impl Encoding {
    /// What a message of one segment holds.
    pub fn single_segment_units(self) -> usize {
        match self {
            Self::Gsm7 => 160,
            Self::Ucs2 => 70,
        }
    }

    /// What each of several segments holds.
    pub fn joined_segment_units(self) -> usize {
        match self {
            Self::Gsm7 => 153,
            Self::Ucs2 => 67,
        }
    }

    /// Septets or UTF-16 units of a character. A character outside of the
    /// GSM alphabet counts as in UCS-2.
    fn units(self, c: char) -> usize {
        match self {
            Self::Gsm7 => septets(c).unwrap_or_else(|| c.len_utf16()),
            Self::Ucs2 => c.len_utf16(),
        }
    }
}

/// What a text takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SmsSize {
    pub encoding: Encoding,
    /// Septets, or UTF-16 units.
    pub length: usize,
    /// 1 for the empty text.
    pub segments: usize,
}

/// The exact size of a text.
pub fn measure(text: &str) -> SmsSize {
    let encoding = encoding(text);
    let length = text.chars().map(|c| encoding.units(c)).sum();
    SmsSize {
        encoding,
        length,
        segments: segments(text, encoding, length),
    }
}

/// The encoding that the characters of a text need.
pub fn encoding(text: &str) -> Encoding {
    if text.chars().all(|c| septets(c).is_some()) {
        Encoding::Gsm7
    } else {
        Encoding::Ucs2
    }
}

/// The length of a text in an encoding.
pub fn length(text: &str, encoding: Encoding) -> usize {
    text.chars().map(|c| encoding.units(c)).sum()
}

fn segments(text: &str, encoding: Encoding, length: usize) -> usize {
    if length <= encoding.single_segment_units() {
        return 1;
    }
    let (mut segments, mut used) = (1, 0);
    for c in text.chars() {
        let units = encoding.units(c);
        if used + units > encoding.joined_segment_units() {
            segments += 1;
            used = 0;
        }
        used += units;
    }
    segments
}

/// The default alphabet in the order of its codes; 0x1B is the escape to the
/// extension table, and no character.
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?\
    ¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
/// What follows an escape: form feed, `^{}\[~]|` and the euro.
const EXTENSION: &str = "\u{c}^{}\\[~]|€";

/// 1 or 2, `None` outside of the alphabet.
fn septets(c: char) -> Option<usize> {
    // Most of a text, without a search.
    if c.is_ascii_alphanumeric() || c == ' ' {
        return Some(1);
    }
    if BASIC.contains(c) {
        Some(1)
    } else {
        EXTENSION.contains(c).then_some(2)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// TS 23.038, table of clause 6.2.1, row by row: code, character.
    const TABLE: [(u32, char); 127] = table();

    const fn table() -> [(u32, char); 127] {
        // By code points, and not by the literal under test.
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
                // Everywhere else the code is the ASCII code.
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
                    None => panic!("a code point"),
                };
                row += 1;
            }
            code += 1;
        }
        rows
    }

    #[test]
    fn the_whole_default_alphabet_is_one_septet_each() {
        for (code, c) in TABLE {
            assert_eq!(septets(c), Some(1), "{code:#04x} {c:?}");
            let at = BASIC.chars().position(|basic| basic == c).unwrap();
            let code = code as usize;
            assert_eq!(at, if code > 0x1B { code - 1 } else { code }, "{c:?}");
        }
        assert_eq!(BASIC.chars().count(), 127);
    }

    #[test]
    fn the_extension_table_is_two_septets_each() {
        let points = [0x0C, 0x5E, 0x7B, 0x7D, 0x5C, 0x5B, 0x7E, 0x5D, 0x7C, 0x20AC];
        assert_eq!(EXTENSION.chars().count(), points.len());
        for point in points {
            let c = char::from_u32(point).unwrap();
            assert_eq!(septets(c), Some(2), "{c:?}");
        }
    }

    #[test]
    fn nothing_else_is_in_the_alphabet() {
        let n_known = (0..=0x10_FFFF)
            .filter_map(char::from_u32)
            .filter(|c| septets(*c).is_some())
            .count();
        assert_eq!(n_known, 127 + 10);
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
    fn texts_are_measured(
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
    fn borders_are_where_the_standard_has_them(
        #[case] unit: &str,
        #[case] n: usize,
        #[case] length: usize,
        #[case] segments: usize,
    ) {
        let size = measure(&unit.repeat(n));
        assert_eq!((size.length, size.segments), (length, segments));
    }

    #[test]
    fn one_character_changes_the_encoding_of_all() {
        let text = format!("{}я", "a".repeat(70));
        let size = measure(&text);
        assert_eq!((size.encoding, size.length, size.segments), (UCS, 71, 2));
    }
}
