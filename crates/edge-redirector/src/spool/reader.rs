//! Reads the durable records, in order, and skips what is damaged or cannot be read.
//! Deleting segments is left to [`Spool`].

use std::{fs::File, io, os::unix::fs::FileExt as _};

use super::{
    Position, Spool,
    format::{MAX_FRAMED_BYTES, ParsedRecord, SEGMENT_MAGIC, find_next_record, parse_record},
};

/// Bytes that are read at once: many records, and any single record whole.
const CHUNK_BYTES: usize = 4 * MAX_FRAMED_BYTES;
/// Bytes that are read at once after a whole chunk could not be read, so that one bad
/// sector of the disk costs one page.
const PAGE_BYTES: usize = 4096;

/// Consecutive records, and where they end.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// The payloads, concatenated.
    pub bytes: Vec<u8>,
    pub n_records: usize,
    /// Start of the first record, in the segment of `end`.
    pub start: Position,
    /// End of the last record: delete through here once all are delivered.
    pub end: Position,
    /// Damaged ranges that were skipped.
    pub n_damaged: usize,
    /// Files, and ranges of files, that could not be read and were skipped.
    pub n_unreadable: usize,
}

/// Reads records from a position on. Blocks for as long as a read from the
/// page cache takes, or, after an outage, from the disk.
#[derive(Debug)]
pub struct Reader {
    spool: Spool,
    position: Position,
    /// The file of the last read, with its sequence number.
    file: Option<(u64, File)>,
    chunk: Vec<u8>,
    /// Files and ranges that were skipped since the last batch.
    n_unreadable: usize,
}

/// How much of a chunk the file had.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ChunkRead {
    Complete,
    /// The file is shorter than the bytes that were written to it.
    FileTooShort,
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

    /// Goes to a position, or to the oldest record if the position's segment is deleted.
    pub fn seek(&mut self, position: Position) {
        self.position = position;
    }

    pub fn position(&self) -> Position {
        self.position
    }

    /// Returns the next records, at most `max_records` and about `max_bytes`, or `None`
    /// if there are none. A batch without records only reports damage. Fails only if this
    /// process lacks a resource (open files, memory): the caller tries again.
    pub fn next_batch(
        &mut self,
        max_records: usize,
        max_bytes: usize,
    ) -> io::Result<Option<Batch>> {
        let mut batch = Batch::default();
        while let Some(segment_len) = self.open_segment()? {
            if self.position.offset >= segment_len {
                break;
            }
            batch.start = self.position;
            let read = self.read_chunk(segment_len);
            let is_full = self.parse_chunk(&mut batch, segment_len, max_records, max_bytes, read);
            if read == ChunkRead::FileTooShort && !is_full {
                self.skip_unreadable(
                    segment_len,
                    "the file is shorter than the bytes that were written to it",
                );
            }
            if is_full || batch.n_records > 0 {
                break;
            }
        }
        batch.end = self.position;
        batch.n_unreadable = std::mem::take(&mut self.n_unreadable);
        let is_empty = batch.n_records == 0 && batch.n_damaged == 0 && batch.n_unreadable == 0;
        Ok((!is_empty).then_some(batch))
    }

    /// Opens the segment of the position, or the next one that exists and can be opened.
    /// Returns the length up to which it can be read, or `None` if there is no segment.
    fn open_segment(&mut self) -> io::Result<Option<u64>> {
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
            let is_at_end = self.position.offset >= segment.bytes;
            let is_finished = is_at_end && segment.is_closed;
            if is_finished && self.spool.first_segment_from(sequence + 1).is_some() {
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
            if is_open || is_at_end {
                return Ok(Some(segment.bytes));
            }
            match File::open(self.spool.0.path(sequence)) {
                Ok(file) => {
                    self.file = Some((sequence, file));
                    return Ok(Some(segment.bytes));
                }
                Err(error) if is_process_resource_error(&error) => return Err(error),
                Err(error) => {
                    self.skip_unreadable(segment.bytes, &error.to_string());
                    if segment.is_closed {
                        // The file is not deleted: somebody may repair it, and the next
                        // start reads it again.
                        self.spool.remove_segment(sequence);
                    }
                }
            }
        }
    }

    /// Moves the position to `end_offset`, behind a range that cannot be read.
    fn skip_unreadable(&mut self, end_offset: u64, reason: &str) {
        self.n_unreadable += 1;
        tracing::error!(
            segment = self.position.segment,
            bytes = end_offset - self.position.offset,
            error.message = reason,
            "reading a part of the spool failed, skipping it"
        );
        self.position.offset = end_offset;
    }

    /// Reads from the position into the chunk. Pages that cannot be read become zeros,
    /// which the parser treats as damage.
    fn read_chunk(&mut self, segment_len: u64) -> ChunkRead {
        let remaining = segment_len - self.position.offset;
        let remaining = usize::try_from(remaining).unwrap_or(usize::MAX);
        self.chunk.resize(remaining.min(CHUNK_BYTES), 0);
        let (sequence, file) = self.file.as_ref().expect("open_segment opened it");
        if file
            .read_exact_at(&mut self.chunk, self.position.offset)
            .is_ok()
        {
            return ChunkRead::Complete;
        }
        let mut n_read = 0;
        while n_read < self.chunk.len() {
            let page_end = self.chunk.len().min(n_read + PAGE_BYTES);
            let file_offset = self.position.offset + n_read as u64;
            match file.read_at(&mut self.chunk[n_read..page_end], file_offset) {
                Ok(0) => {
                    self.chunk.truncate(n_read);
                    return ChunkRead::FileTooShort;
                }
                Ok(n) => n_read += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.chunk[n_read..page_end].fill(0);
                    self.n_unreadable += 1;
                    tracing::error!(
                        segment = sequence,
                        offset = file_offset,
                        bytes = page_end - n_read,
                        error.message = %error,
                        "reading a part of the spool failed, skipping it"
                    );
                    n_read = page_end;
                }
            }
        }
        ChunkRead::Complete
    }

    /// Moves the records of the chunk into the batch; returns true if the batch is full.
    fn parse_chunk(
        &mut self,
        batch: &mut Batch,
        segment_len: u64,
        max_records: usize,
        max_bytes: usize,
        read: ChunkRead,
    ) -> bool {
        let mut offset = 0;
        if self.position.offset == 0 && self.chunk.starts_with(SEGMENT_MAGIC) {
            offset = SEGMENT_MAGIC.len();
        }
        let is_segment_end = read == ChunkRead::FileTooShort
            || self.position.offset + self.chunk.len() as u64 == segment_len;
        let mut is_full = false;
        while offset < self.chunk.len() && !is_full {
            match parse_record(&self.chunk[offset..]) {
                ParsedRecord::Whole {
                    payload,
                    framed_len,
                } => {
                    batch.bytes.extend_from_slice(payload);
                    batch.n_records += 1;
                    offset += framed_len;
                    is_full = batch.n_records >= max_records || batch.bytes.len() >= max_bytes;
                }
                // The next chunk starts with this record and has room for all of it.
                ParsedRecord::Partial if !is_segment_end => break,
                ParsedRecord::Partial | ParsedRecord::Damaged => {
                    let remaining = &self.chunk[offset..];
                    match find_next_record(remaining) {
                        Some(n_skipped) => {
                            batch.n_damaged += 1;
                            offset += n_skipped;
                            tracing::error!(
                                bytes = n_skipped,
                                "skipped a damaged range of the spool"
                            );
                        }
                        // No whole record follows: a crash interrupted the last write.
                        None if is_segment_end => {
                            offset += remaining.len();
                            tracing::warn!(
                                bytes = remaining.len(),
                                "skipped the incomplete end of a spool segment"
                            );
                        }
                        // A record may begin in the last bytes: the next chunk
                        // starts with them.
                        None => {
                            offset += remaining.len().saturating_sub(MAX_FRAMED_BYTES);
                            break;
                        }
                    }
                }
            }
        }
        self.position.offset += offset as u64;
        is_full
    }
}

/// Whether this process, and not the file, is the reason: a later attempt may succeed.
fn is_process_resource_error(error: &io::Error) -> bool {
    // EMFILE, ENFILE, ENOMEM: too many open files here or in the system; no memory.
    const ERROR_NUMBERS: [i32; 3] = [24, 23, 12];
    let number = error.raw_os_error();
    error.kind() == io::ErrorKind::Interrupted
        || number.is_some_and(|number| ERROR_NUMBERS.contains(&number))
}
