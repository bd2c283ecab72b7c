//! The spool: a local log that has every click on disk before its redirect is
//! answered.
//!
//! # What it promises
//!
//! - A record whose [`AppendFuture`] is `Ok` survives the death of the process, and
//!   with [`SyncPolicy::Always`] a power cut.
//! - Records are read in the order in which they were appended, at least once.
//! - The spool never grows over its limit: an append then fails with
//!   [`RecordError::SpoolFull`], and the redirect is answered without a record.
//! - A damaged record costs itself and nothing else, and is reported. So does a range
//!   of a file that cannot be read, and a file that cannot be opened, which stays where
//!   it is.
//! - Every record takes the same path: an outage of the broker only makes the log longer.
//!
//! # Format
//!
//! A folder of segments, `<sequence, 16 hex digits>.seg`, and the file `lock`,
//! which is locked while a process uses the folder. All numbers are little
//! endian.
//!
//! ```text
//! segment: | "WPSPOOL1" | record | record | ...
//! record:  | marker u32 | length u32 | CRC-32 of length and payload u32 | payload |
//! ```
//!
//! # Writing
//!
//! Callers append to a buffer in memory and wait (group commit). One thread takes the
//! whole buffer, writes it with one `write` and one `fdatasync`, and wakes all callers:
//! while one group is on its way to the disk, the next one fills the buffer.
//! A process never appends to a segment of an earlier process. After a failed
//! write or sync the writer closes the segment for good, since nobody can know which
//! bytes are on disk; the appends of that group fail.
//!
//! # Reading and deleting
//!
//! A [`Reader`] reads the durable records from the files: it has no other source.
//! [`Spool::delete_through`] deletes the segments that end at a position or before it.
//! The position is not stored on disk: after a restart all remaining records are read
//! again, and the click id makes that harmless.
//!
//! # Recovery
//!
//! Opening lists the segments that are left. A crash during a write leaves an incomplete
//! last record; no caller was told that it is recorded, so the reader skips it. From a
//! damaged record in the middle the reader skips to the next marker whose record has
//! the right checksum, and counts the damage.

mod append;
mod folder;
mod format;
mod reader;
mod writer;

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    path::PathBuf,
    sync::{
        Arc, Condvar, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use tokio::sync::watch;

use append::WriteGroup;
pub use append::{AppendFuture, RecordError};
pub use format::MAX_RECORD_BYTES;
pub use reader::{Batch, Reader};

/// When an append succeeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncPolicy {
    /// Once the record is synced to the disk.
    Always,
    /// Once the record is written; the file is synced at this interval. A power cut loses
    /// the records since the last sync.
    Every(Duration),
}

#[derive(Debug, Clone)]
pub struct SpoolSettings {
    pub folder: PathBuf,
    /// Limit of the bytes of all segments together.
    pub max_bytes: u64,
    /// Bytes after which the next segment begins.
    pub segment_bytes: u64,
    pub sync: SyncPolicy,
    /// How long [`Spool::record`] waits for the disk.
    pub timeout: Duration,
}

/// Bytes that may wait in memory for a disk that does not answer; further appends fail.
const MAX_QUEUED_BYTES: usize = 64 << 20;

/// Why the spool could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("the spool folder {0} is used by another process")]
    InUse(PathBuf),
    #[error("the spool folder {0} cannot be used")]
    Io(PathBuf, #[source] io::Error),
}

/// A position in the log. As a bound it means all records before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Position {
    pub segment: u64,
    /// Bytes from the start of the segment.
    pub offset: u64,
}

/// Appends records, and deletes segments that are no longer needed. Clones share one spool.
#[derive(Debug, Clone)]
pub struct Spool(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    settings: SpoolSettings,
    queue: Mutex<Queue>,
    /// Notified when the queue changes, which the writer waits for.
    queue_changed: Condvar,
    segments: Mutex<BTreeMap<u64, Segment>>,
    /// Bytes of all segments on disk.
    bytes: AtomicU64,
    last_write_failed: AtomicBool,
    /// End of the durable records.
    durable_end: watch::Sender<Position>,
    writer: Mutex<Option<JoinHandle<()>>>,
    /// Locked until the spool is dropped.
    _lock_file: File,
}

/// Records that callers have appended and the writer has not taken yet.
#[derive(Debug, Default)]
struct Queue {
    buffer: Vec<u8>,
    n_records: usize,
    group: Arc<WriteGroup>,
    /// The writer closes the open segment if it ends at this position.
    close_segment_at: Option<Position>,
    is_stopping: bool,
}

#[derive(Debug, Clone, Copy)]
struct Segment {
    bytes: u64,
    /// The writer appends nothing to it any more.
    is_closed: bool,
}

impl Spool {
    /// Opens the folder, creates it if it is missing, and starts the writer.
    pub fn open(settings: SpoolSettings) -> Result<Self, OpenError> {
        let io_error = |error| OpenError::Io(settings.folder.clone(), error);
        fs::create_dir_all(&settings.folder).map_err(io_error)?;
        let lock_file = folder::lock(&settings.folder)?;
        let segments = folder::list_segments(&settings.folder).map_err(io_error)?;
        let bytes = segments.values().map(|segment| segment.bytes).sum();
        let next_segment = segments.keys().next_back().map_or(1, |last| last + 1);
        let start = Position {
            segment: next_segment,
            offset: 0,
        };
        let shared = Arc::new(Shared {
            settings,
            queue: Mutex::default(),
            queue_changed: Condvar::new(),
            segments: Mutex::new(segments),
            bytes: AtomicU64::new(bytes),
            last_write_failed: AtomicBool::new(false),
            durable_end: watch::Sender::new(start),
            writer: Mutex::default(),
            _lock_file: lock_file,
        });
        let writer = writer::start(shared.clone(), next_segment)
            .map_err(|error| OpenError::Io(shared.settings.folder.clone(), error))?;
        *lock_ignoring_poison(&shared.writer) = Some(writer);
        Ok(Self(shared))
    }

    /// Appends a record and waits until it is recorded, or until the timeout: a disk
    /// that hangs must not keep people from their destination. After the timeout the
    /// record may still be written.
    pub async fn record(&self, record: &[u8]) -> Result<(), RecordError> {
        let result = tokio::time::timeout(self.0.settings.timeout, self.append(record));
        result.await.unwrap_or(Err(RecordError::DiskTimeout))
    }

    /// Appends a record. The future resolves when the record is recorded by the
    /// [`SyncPolicy`]; the writer writes it even if the future is dropped.
    pub fn append(&self, record: &[u8]) -> AppendFuture {
        let shared = &self.0;
        if record.len() > MAX_RECORD_BYTES {
            return AppendFuture::failed(RecordError::TooLarge);
        }
        let mut queue = lock_ignoring_poison(&shared.queue);
        let bytes = shared.bytes.load(Ordering::Relaxed) + queue.buffer.len() as u64;
        if bytes + format::framed_len(record) > shared.settings.max_bytes {
            return AppendFuture::failed(RecordError::SpoolFull);
        }
        if queue.buffer.len() > MAX_QUEUED_BYTES {
            return AppendFuture::failed(RecordError::DiskTimeout);
        }
        if queue.is_stopping {
            return AppendFuture::failed(RecordError::Stopped);
        }
        let writer_may_wait = queue.buffer.is_empty();
        format::append_record(&mut queue.buffer, record);
        queue.n_records += 1;
        let future = AppendFuture::for_group(queue.group.clone());
        drop(queue);
        if writer_may_wait {
            shared.queue_changed.notify_one();
        }
        future
    }

    /// A reader that starts at the oldest record.
    pub fn reader(&self) -> Reader {
        Reader::new(self.clone())
    }

    /// The end of the durable records; the receiver is notified when it moves.
    pub fn durable_end(&self) -> watch::Receiver<Position> {
        self.0.durable_end.subscribe()
    }

    /// Deletes the closed segments that end at `position` or before it.
    pub fn delete_through(&self, position: Position) {
        self.shrink_to(0, position);
    }

    /// Deletes closed segments that end at `position` or before it, the oldest first, until
    /// the spool has at most `max_bytes`. Returns the start of the spool if a segment was
    /// deleted. A file that cannot be deleted stays, and its records are read again after
    /// the next start.
    pub fn shrink_to(&self, max_bytes: u64, position: Position) -> Option<Position> {
        let mut start = None;
        while self.bytes() > max_bytes
            && let Some(sequence) = self.first_segment_to_delete(position)
        {
            // Deletes without the lock, which the writer needs: deleting can take long,
            // and every click would wait for it.
            if let Err(error) = fs::remove_file(self.0.path(sequence))
                && error.kind() != io::ErrorKind::NotFound
            {
                tracing::error!(
                    segment = sequence,
                    error.message = %error,
                    "deleting a spool segment failed, its events are resent after the next start"
                );
            }
            self.remove_segment(sequence);
            start = Some(Position {
                segment: sequence + 1,
                offset: 0,
            });
        }
        start
    }

    /// Removes the segment from the list, whether or not its file is deleted.
    fn remove_segment(&self, sequence: u64) {
        if let Some(segment) = lock_ignoring_poison(&self.0.segments).remove(&sequence) {
            self.0.bytes.fetch_sub(segment.bytes, Ordering::Relaxed);
        }
    }

    /// The oldest segment, if it is closed and ends at `position` or before it.
    fn first_segment_to_delete(&self, position: Position) -> Option<u64> {
        let segments = lock_ignoring_poison(&self.0.segments);
        let (&sequence, &segment) = segments.first_key_value()?;
        let end = Position {
            segment: sequence,
            offset: segment.bytes,
        };
        (segment.is_closed && end <= position).then_some(sequence)
    }

    /// Closes the segment that ends at `position`, so that it can be deleted: an idle
    /// spool is an empty one. Has no effect if more was appended.
    pub fn close_segment_at(&self, position: Position) {
        lock_ignoring_poison(&self.0.queue).close_segment_at = Some(position);
        self.0.queue_changed.notify_one();
    }

    /// Whether the last write failed: the disk may be full.
    pub fn last_write_failed(&self) -> bool {
        self.0.last_write_failed.load(Ordering::Relaxed)
    }

    /// Bytes of all segments on disk.
    pub fn bytes(&self) -> u64 {
        self.0.bytes.load(Ordering::Relaxed)
    }

    /// Writes the queued records and ends the writer; blocks until then. Later appends
    /// fail; reading and deleting go on.
    pub fn stop(&self) {
        lock_ignoring_poison(&self.0.queue).is_stopping = true;
        self.0.queue_changed.notify_one();
        let writer = lock_ignoring_poison(&self.0.writer).take();
        if let Some(writer) = writer {
            writer
                .join()
                .expect("a panic of the writer ends the process");
        }
    }

    /// The segment, unless it is deleted.
    fn segment(&self, sequence: u64) -> Option<Segment> {
        lock_ignoring_poison(&self.0.segments)
            .get(&sequence)
            .copied()
    }

    /// The first segment with this sequence number or a higher one.
    fn first_segment_from(&self, sequence: u64) -> Option<u64> {
        let segments = lock_ignoring_poison(&self.0.segments);
        segments
            .range(sequence..)
            .next()
            .map(|(&sequence, _)| sequence)
    }
}

impl Shared {
    fn path(&self, sequence: u64) -> PathBuf {
        folder::segment_path(&self.settings.folder, sequence)
    }
}

/// Locks a mutex whether or not a thread panicked while it held the lock. Such a panic
/// would be a bug in a few lines of arithmetic, and the data behind these mutexes is
/// consistent after every line.
fn lock_ignoring_poison<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
