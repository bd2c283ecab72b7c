//! Bytes as hexadecimal digits, and back.

/// Two lower-case digits for each byte.
pub fn encode(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|&byte| lower_digits(byte))
        .map(char::from)
        .collect()
}

/// The bytes that `2 * N` digits stand for, in upper or lower case. `None` where there are
/// more or fewer characters, or others.
pub fn decode<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    if digits.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = decode_byte(pair[0], pair[1])?;
    }
    Some(bytes)
}

/// The byte that two digits stand for, in upper or lower case.
pub fn decode_byte(high: u8, low: u8) -> Option<u8> {
    let value = |digit: u8| char::from(digit).to_digit(16);
    u8::try_from(value(high)? * 16 + value(low)?).ok()
}

/// The digits of a byte, as ASCII.
pub fn lower_digits(byte: u8) -> [u8; 2] {
    digits_of(byte, b"0123456789abcdef")
}

/// The digits of a byte, as ASCII. RFC 3986 asks for upper case in percent-escapes.
pub fn upper_digits(byte: u8) -> [u8; 2] {
    digits_of(byte, b"0123456789ABCDEF")
}

fn digits_of(byte: u8, alphabet: &[u8; 16]) -> [u8; 2] {
    [
        alphabet[usize::from(byte >> 4)],
        alphabet[usize::from(byte & 0x0f)],
    ]
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn every_byte_has_two_digits_and_comes_back() {
        for byte in 0..=u8::MAX {
            assert_eq!(encode(&[byte]), format!("{byte:02x}"));
            let [high, low] = upper_digits(byte);
            assert_eq!(decode_byte(high, low), Some(byte));
            assert_eq!(decode(&lower_digits(byte)), Some([byte]));
        }
        assert_eq!(encode(&[0x01, 0xab]), "01ab");
    }

    #[rstest]
    #[case("01aB", Some([0x01, 0xab]))]
    #[case("01a", None)]
    #[case("01ab2", None)]
    #[case("01ag", None)]
    #[case("+1ab", None)]
    fn two_bytes_are_four_digits(#[case] digits: &str, #[case] expected: Option<[u8; 2]>) {
        assert_eq!(decode(digits.as_bytes()), expected);
    }
}
