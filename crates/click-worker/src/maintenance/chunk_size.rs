//! How many rows a job changes in one transaction.

use std::time::Duration;

/// The most rows that a transaction changes under the lock of an account.
pub(super) const MAX_CHUNK: usize = 1_000;
/// How long such a transaction should take at most, because events of the account wait for it.
const MAX_CHUNK_TIME: Duration = Duration::from_millis(50);

/// The number of rows of the next chunk: fewer after a chunk that took too long, more after one
/// that was fast.
#[derive(Debug, Clone, Copy)]
pub(super) struct ChunkSize(usize);

impl Default for ChunkSize {
    fn default() -> Self {
        Self(MAX_CHUNK / 4)
    }
}

impl ChunkSize {
    pub fn n_rows(self) -> usize {
        self.0
    }

    /// Adapts the size to the time that a chunk took.
    pub fn adapt(&mut self, time: Duration) {
        self.0 = match time {
            time if time > MAX_CHUNK_TIME => self.0 / 2,
            time if time < MAX_CHUNK_TIME / 2 => self.0 * 2,
            _ => self.0,
        };
        self.0 = self.0.clamp(1, MAX_CHUNK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_become_smaller_and_larger_within_their_limits() {
        let mut size = ChunkSize::default();
        for _ in 0..20 {
            size.adapt(Duration::from_millis(1));
        }
        assert_eq!(size.n_rows(), MAX_CHUNK);
        size.adapt(MAX_CHUNK_TIME * 2);
        assert_eq!(size.n_rows(), MAX_CHUNK / 2);
        size.adapt(MAX_CHUNK_TIME);
        assert_eq!(size.n_rows(), MAX_CHUNK / 2);
        for _ in 0..20 {
            size.adapt(MAX_CHUNK_TIME * 2);
        }
        assert_eq!(size.n_rows(), 1);
    }
}
