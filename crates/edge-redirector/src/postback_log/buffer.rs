//! The entries that wait to be posted, bounded by their number and bytes. New ones are dropped
//! when there is no room: those that wait are in the order in which they came.

use std::collections::VecDeque;

use domain::postback::log::{MAX_BYTES_PER_REQUEST, MAX_LINES_PER_REQUEST};

const MAX_ENTRIES: usize = 20_000;
const MAX_BYTES: usize = 8 * 1024 * 1024;

#[derive(Debug, Default)]
pub(super) struct LogBuffer {
    /// Each is one line with its newline.
    lines: VecDeque<Vec<u8>>,
    n_bytes: usize,
}

impl LogBuffer {
    /// Adds a line; `false` if there is no room for it.
    pub fn push(&mut self, line: Vec<u8>) -> bool {
        if self.lines.len() >= MAX_ENTRIES || self.n_bytes + line.len() > MAX_BYTES {
            return false;
        }
        self.n_bytes += line.len();
        self.lines.push_back(line);
        true
    }

    pub fn n_entries(&self) -> usize {
        self.lines.len()
    }

    /// The oldest lines, as many as one request may have, and their number. They stay until
    /// they are removed. `None` if there are none.
    pub fn first_batch(&self) -> Option<(Vec<u8>, usize)> {
        let mut batch = Vec::new();
        let mut n_lines = 0;
        for line in self.lines.iter().take(MAX_LINES_PER_REQUEST) {
            if n_lines > 0 && batch.len() + line.len() > MAX_BYTES_PER_REQUEST {
                break;
            }
            batch.extend_from_slice(line);
            n_lines += 1;
        }
        (n_lines > 0).then_some((batch, n_lines))
    }

    /// Removes the oldest lines, which have been posted.
    pub fn remove_first(&mut self, n_lines: usize) {
        for line in self.lines.drain(..n_lines.min(self.lines.len())) {
            self.n_bytes -= line.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_buffer_is_bounded_by_entries_and_by_bytes() {
        let mut buffer = LogBuffer::default();
        let n_small = (0..100_000)
            .filter(|_| buffer.push(b"{}\n".to_vec()))
            .count();
        assert_eq!(n_small, MAX_ENTRIES);
        buffer.remove_first(MAX_ENTRIES);
        assert_eq!((buffer.n_bytes, buffer.first_batch()), (0, None));

        let n_large = (0..100_000)
            .filter(|_| buffer.push(vec![b'x'; 8_192]))
            .count();
        assert_eq!(n_large, MAX_BYTES / 8_192);
        assert!(!buffer.push(b"{}\n".to_vec()));
        buffer.remove_first(1);
        assert!(buffer.push(b"{}\n".to_vec()), "there is room again");
    }

    #[test]
    fn a_batch_has_the_oldest_lines_and_fits_into_a_request() {
        let mut buffer = LogBuffer::default();
        for n in 0..2_500 {
            assert!(buffer.push(format!("{n}\n").into_bytes()));
        }
        let mut n_seen = 0;
        while let Some((batch, n_lines)) = buffer.first_batch() {
            assert!(n_lines <= MAX_LINES_PER_REQUEST);
            let first = String::from_utf8(batch).unwrap();
            assert!(first.starts_with(&format!("{n_seen}\n")));
            buffer.remove_first(n_lines);
            n_seen += n_lines;
        }
        assert_eq!(n_seen, 2_500);

        for _ in 0..500 {
            assert!(buffer.push(vec![b'x'; 8_192]));
        }
        let (batch, n_lines) = buffer.first_batch().unwrap();
        assert_eq!((batch.len(), n_lines), (MAX_BYTES_PER_REQUEST, 128));
    }
}
