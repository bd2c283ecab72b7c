//! The bytes of a segment: writes records, and finds them again in damaged bytes. Files
//! and positions are left to `writer` and `reader`.

/// The first bytes of a segment; the digit is the version of the format.
pub(super) const SEGMENT_MAGIC: &[u8; 8] = b"WPSPOOL1";
/// The first bytes of a record: the reader searches for them after a damaged record.
const MARKER: [u8; 4] = 0xC11C_4EC0_u32.to_le_bytes();
const HEADER_LEN: usize = 12;

/// Largest payload of a record, in bytes. The texts of an event are limited to some
/// 8 KiB, and escaping makes at worst six bytes of one.
pub const MAX_RECORD_BYTES: usize = 64 * 1024;
/// Bytes that must be read to see any record whole.
pub(super) const MAX_FRAMED_BYTES: usize = MAX_RECORD_BYTES + HEADER_LEN;

/// Bytes that a record takes in a segment, with its header.
pub(super) fn framed_len(record: &[u8]) -> u64 {
    (HEADER_LEN + record.len()) as u64
}

/// Appends a record with its header to `out`.
pub(super) fn append_record(out: &mut Vec<u8>, record: &[u8]) {
    let length = u32::try_from(record.len()).expect("the caller checked the limit");
    out.extend_from_slice(&MARKER);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&checksum(length, record).to_le_bytes());
    out.extend_from_slice(record);
}

fn checksum(length: u32, payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&length.to_le_bytes());
    hasher.update(payload);
    hasher.finalize()
}

/// What the first bytes of a slice are.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ParsedRecord<'a> {
    Whole {
        payload: &'a [u8],
        framed_len: usize,
    },
    /// The start of a record whose end lies behind the slice.
    Partial,
    Damaged,
}

/// Parses the record at the start of `bytes`.
pub(super) fn parse_record(bytes: &[u8]) -> ParsedRecord<'_> {
    let marker_len = bytes.len().min(MARKER.len());
    if bytes[..marker_len] != MARKER[..marker_len] {
        return ParsedRecord::Damaged;
    }
    let Some((header, body)) = bytes.split_at_checked(HEADER_LEN) else {
        return ParsedRecord::Partial;
    };
    let header_u32 = |offset: usize| {
        u32::from_le_bytes([
            header[offset],
            header[offset + 1],
            header[offset + 2],
            header[offset + 3],
        ])
    };
    let (length, expected_checksum) = (header_u32(4), header_u32(8));
    if length as usize > MAX_RECORD_BYTES {
        return ParsedRecord::Damaged;
    }
    let Some(payload) = body.get(..length as usize) else {
        return ParsedRecord::Partial;
    };
    if checksum(length, payload) != expected_checksum {
        return ParsedRecord::Damaged;
    }
    ParsedRecord::Whole {
        payload,
        framed_len: HEADER_LEN + payload.len(),
    }
}

/// Offset of the next whole record in `bytes`, which do not start with one.
pub(super) fn find_next_record(bytes: &[u8]) -> Option<usize> {
    (1..bytes.len()).find(|&offset| {
        bytes[offset] == MARKER[0]
            && matches!(parse_record(&bytes[offset..]), ParsedRecord::Whole { .. })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_parsed_and_every_flipped_bit_is_noticed() {
        let mut bytes = Vec::new();
        append_record(&mut bytes, b"payload");
        let whole = ParsedRecord::Whole {
            payload: b"payload",
            framed_len: 19,
        };
        assert_eq!(parse_record(&bytes), whole);
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(
                !matches!(parse_record(&flipped), ParsedRecord::Whole { .. }),
                "bit {bit}"
            );
        }
    }

    #[test]
    fn every_prefix_of_a_record_is_partial() {
        let mut bytes = Vec::new();
        append_record(&mut bytes, b"payload");
        for len in 0..bytes.len() {
            assert_eq!(
                parse_record(&bytes[..len]),
                ParsedRecord::Partial,
                "{len} bytes"
            );
        }
    }

    #[test]
    fn the_next_record_is_found_behind_bytes_that_look_like_one() {
        let mut bytes = b"garbage".to_vec();
        bytes.extend_from_slice(&MARKER);
        bytes.extend_from_slice(&MARKER);
        let record_offset = bytes.len();
        append_record(&mut bytes, b"");
        assert_eq!(find_next_record(&bytes), Some(record_offset));
        assert_eq!(find_next_record(&bytes[..bytes.len() - 1]), None);
    }
}
