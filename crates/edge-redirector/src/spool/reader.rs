//! Reading what is durable, in order.

use std::{fs::File, io, os::unix::fs::FileExt as _};

use super::{
    Position, Spool,
    format::{Found, MAX_FRAMED_BYTES, SEGMENT_MAGIC, next_record, record_at},
};

/// Bytes that are read at once: room for many records, and for any one.
const CHUNK_BYTES: usize = 4 * MAX_FRAMED_BYTES;

/// Some records, and where they end.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// The payloads, one behind the other.
    pub bytes: Vec<u8>,
    pub n_records: usize,
    /// Where they begin; in the segment in which they end.
    pub start: Position,
    /// Release this once they are delivered.
    pub end: Position,
    /// Damaged stretches that were skipped on the way.
    pub n_damaged: usize,
    /// Files, and stretches of files, that could not be read and were skipped.
    pub n_unreadable: usize,
}

/// Reads records from a position on. Blocks, for as long as a read from the
/// page cache takes, or from the disk after an outage.
#[derive(Debug)]
pub struct Reader {
    spool: Spool,
    position: Position,
    file: Option<(u64, File)>,
    chunk: Vec<u8>,
    n_unreadable: usize,
}

/// What is read by itself when more cannot be read at once.
const PAGE_BYTES: usize = 4096;

/// How much of a file came into the chunk.
enum ChunkRead {
    All,
    /// The file is shorter than what was written to it.
    UpToItsEnd,
}

impl Reader {
    pub(super) fn new(spool: Spool) -> Self {
        Self {
            spool,
            position: Position::default(),
            file: None,
            chunk: Vec::new(),
            n_unreadable: 0,
        }
    }

    /// Goes back to a position, or to the oldest record if it is deleted.
    pub fn seek(&mut self, position: Position) {
        self.position = position;
    }

    pub fn position(&self) -> Position {
        self.position
    }

    /// The next records, at most `max_records` and about `max_bytes`; `None`
    /// if there are none. A batch without records tells of damage only. An error is one
    /// of this process (it has too many open files, say): try again.
    pub fn next_batch(
        &mut self,
        max_records: usize,
        max_bytes: usize,
    ) -> io::Result<Option<Batch>> {
        let mut batch = Batch::default();
        while let Some(segment_len) = self.enter_segment()? {
            if self.position.offset >= segment_len {
                break;
            }
            batch.start = self.position;
            let read = self.read_chunk(segment_len);
            let full = self.take_records(&mut batch, segment_len, max_records, max_bytes, &read);
            if matches!(read, ChunkRead::UpToItsEnd) && !full {
                self.skip_to(
                    segment_len,
                    "its file is shorter than what was written to it",
                );
            }
            if full || batch.n_records > 0 {
                break;
            }
        }
        batch.end = self.position;
        batch.n_unreadable = std::mem::take(&mut self.n_unreadable);
        let is_news = batch.n_records > 0 || batch.n_damaged > 0 || batch.n_unreadable > 0;
        Ok(is_news.then_some(batch))
    }

    /// Makes the position one inside a segment that exists, behind its magic;
    /// the answer is how far that can be read, `None` if there is none.
    fn enter_segment(&mut self) -> io::Result<Option<u64>> {
        loop {
            let Some(sequence) = self.spool.first_segment_from(self.position.segment) else {
                return Ok(None);
            };
            if sequence != self.position.segment {
                self.position = Position {
                    segment: sequence,
                    offset: 0,
                };
            }
            let Some(segment) = self.spool.segment(sequence) else {
                continue;
            };
            let at_end = self.position.offset >= segment.bytes;
            if at_end && segment.closed && self.spool.first_segment_from(sequence + 1).is_some() {
                self.position = Position {
                    segment: sequence + 1,
                    offset: 0,
                };
                continue;
            }
            let is_open = self
                .file
                .as_ref()
                .is_some_and(|(open, _)| *open == sequence);
            if is_open || at_end {
                return Ok(Some(segment.bytes));
            }
            match File::open(self.spool.0.path(sequence)) {
                Ok(file) => {
                    self.file = Some((sequence, file));
                    return Ok(Some(segment.bytes));
                }
                Err(error) if is_of_this_process(&error) => return Err(error),
                Err(error) => {
                    self.skip_to(segment.bytes, &error.to_string());
                    if segment.closed {
                        // Not deleted: somebody may mend it, and it is tried again after
                        // the next start.
                        self.spool.forget_segment(sequence);
                    }
                }
            }
        }
    }

    /// Goes on behind what cannot be read.
    fn skip_to(&mut self, offset: u64, why: &str) {
        self.n_unreadable += 1;
        tracing::error!(
            segment = self.position.segment,
            bytes = offset - self.position.offset,
            error = why,
            "a part of the spool cannot be read and is skipped"
        );
        self.position.offset = offset;
    }

    /// As much as there is room for; what cannot be read is zeros, which are damage.
    fn read_chunk(&mut self, segment_len: u64) -> ChunkRead {
        let left = usize::try_from(segment_len - self.position.offset).unwrap_or(usize::MAX);
        self.chunk.resize(left.min(CHUNK_BYTES), 0);
        let (sequence, file) = self.file.as_ref().expect("enter_segment opened it");
        if file
            .read_exact_at(&mut self.chunk, self.position.offset)
            .is_ok()
        {
            return ChunkRead::All;
        }
        let mut at = 0;
        while at < self.chunk.len() {
            let end = self.chunk.len().min(at + PAGE_BYTES);
            let offset = self.position.offset + at as u64;
            match file.read_at(&mut self.chunk[at..end], offset) {
                Ok(0) => {
                    self.chunk.truncate(at);
                    return ChunkRead::UpToItsEnd;
                }
                Ok(n) => at += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.chunk[at..end].fill(0);
                    self.n_unreadable += 1;
                    tracing::error!(
                        segment = sequence,
                        offset,
                        bytes = end - at,
                        error = %error,
                        "a part of the spool cannot be read and is skipped"
                    );
                    at = end;
                }
            }
        }
        ChunkRead::All
    }

    /// Moves the chunk's records into the batch; true if the batch is full.
    fn take_records(
        &mut self,
        batch: &mut Batch,
        segment_len: u64,
        max_records: usize,
        max_bytes: usize,
        read: &ChunkRead,
    ) -> bool {
        let mut at = 0;
        if self.position.offset == 0 && self.chunk.starts_with(SEGMENT_MAGIC) {
            at = SEGMENT_MAGIC.len();
        }
        let is_end = matches!(read, ChunkRead::UpToItsEnd)
            || self.position.offset + self.chunk.len() as u64 == segment_len;
        let mut full = false;
        while at < self.chunk.len() && !full {
            match record_at(&self.chunk[at..]) {
                Found::Record {
                    payload,
                    framed_len,
                } => {
                    batch.bytes.extend_from_slice(payload);
                    batch.n_records += 1;
                    at += framed_len;
                    full = batch.n_records >= max_records || batch.bytes.len() >= max_bytes;
                }
                // The next chunk starts with it and has room for all of it.
                Found::Partial if !is_end => break,
                Found::Partial | Found::Damaged => {
                    let left = &self.chunk[at..];
                    match next_record(left) {
                        Some(skip) => {
                            batch.n_damaged += 1;
                            at += skip;
                            tracing::error!(
                                bytes = skip,
                                "a damaged stretch of the spool was skipped"
                            );
                        }
                        // Nothing whole may follow: the torn tail of a crash.
                        None if is_end => {
                            at += left.len();
                            tracing::warn!(
                                bytes = left.len(),
                                "the torn tail of a spool segment was skipped"
                            );
                        }
                        // A record may begin in the last bytes: the next chunk
                        // starts with them.
                        None => {
                            at += left.len().saturating_sub(MAX_FRAMED_BYTES);
                            break;
                        }
                    }
                }
            }
        }
        self.position.offset += at as u64;
        full
    }
}

/// Not an error of the file: it may be read well a moment later.
fn is_of_this_process(error: &io::Error) -> bool {
    // EMFILE, ENFILE, ENOMEM: too many open files here, or in the system; no memory.
    const NUMBERS: [i32; 3] = [24, 23, 12];
    let number = error.raw_os_error();
    error.kind() == io::ErrorKind::Interrupted
        || number.is_some_and(|number| NUMBERS.contains(&number))
}
