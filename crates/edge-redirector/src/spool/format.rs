//! The bytes of a segment, and finding records in them.

/// The first bytes of a segment; the digit is the version of the format.
pub(super) const SEGMENT_MAGIC: &[u8; 8] = b"WPSPOOL1";
/// The first bytes of a record: what is looked for behind a damaged one.
const MARKER: [u8; 4] = 0xC11C_4EC0_u32.to_le_bytes();
const HEADER_LEN: usize = 12;

/// Bytes of a record's payload. An event's texts are limited to some 8 KiB,
/// and escaping makes six bytes of one at worst.
pub const MAX_RECORD_BYTES: usize = 64 * 1024;
/// What has to be read to see any record whole.
pub(super) const MAX_FRAMED_BYTES: usize = MAX_RECORD_BYTES + HEADER_LEN;

pub(super) fn framed_len(record: &[u8]) -> u64 {
    (HEADER_LEN + record.len()) as u64
}

pub(super) fn push_record(out: &mut Vec<u8>, record: &[u8]) {
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

/// What stands at the start of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found<'a> {
    Record {
        payload: &'a [u8],
        framed_len: usize,
    },
    /// The start of a record that goes on behind these bytes.
    Partial,
    Damaged,
}

pub(super) fn record_at(bytes: &[u8]) -> Found<'_> {
    let n_marker = bytes.len().min(MARKER.len());
    if bytes[..n_marker] != MARKER[..n_marker] {
        return Found::Damaged;
    }
    let Some((header, rest)) = bytes.split_at_checked(HEADER_LEN) else {
        return Found::Partial;
    };
    let field = |at: usize| {
        u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
    };
    let (length, crc) = (field(4), field(8));
    if length as usize > MAX_RECORD_BYTES {
        return Found::Damaged;
    }
    let Some(payload) = rest.get(..length as usize) else {
        return Found::Partial;
    };
    if checksum(length, payload) != crc {
        return Found::Damaged;
    }
    Found::Record {
        payload,
        framed_len: HEADER_LEN + payload.len(),
    }
}

/// How far from the start of `bytes`, which are not a record, the next whole
/// one begins.
pub(super) fn next_record(bytes: &[u8]) -> Option<usize> {
    (1..bytes.len()).find(|&at| {
        bytes[at] == MARKER[0] && matches!(record_at(&bytes[at..]), Found::Record { .. })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_found_and_every_flipped_bit_is_noticed() {
        let mut bytes = Vec::new();
        push_record(&mut bytes, b"payload");
        let whole = Found::Record {
            payload: b"payload",
            framed_len: 19,
        };
        assert_eq!(record_at(&bytes), whole);
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(
                !matches!(record_at(&flipped), Found::Record { .. }),
                "bit {bit}"
            );
        }
    }

    #[test]
    fn every_prefix_of_a_record_is_partial() {
        let mut bytes = Vec::new();
        push_record(&mut bytes, b"payload");
        for len in 0..bytes.len() {
            assert_eq!(record_at(&bytes[..len]), Found::Partial, "{len} bytes");
        }
    }

    #[test]
    fn the_next_record_is_found_behind_garbage_that_looks_like_one() {
        let mut bytes = b"garbage".to_vec();
        bytes.extend_from_slice(&MARKER);
        bytes.extend_from_slice(&MARKER);
        let start = bytes.len();
        push_record(&mut bytes, b"");
        assert_eq!(next_record(&bytes), Some(start));
        assert_eq!(next_record(&bytes[..bytes.len() - 1]), None);
    }
}
