//! The spool: a local log that has every click on disk before its redirect is
//! answered.
//!
//! # What it promises
//!
//! - A record whose [`Append`] is `Ok` survives the death of the process, and
//!   with [`SyncPolicy::Always`] that of the machine.
//! - Records come out in the order in which they went in, at least once.
//! - It never grows over its limit: then [`NotRecorded::Full`] is the answer,
//!   and the redirect goes on without it.
//! - A damaged record costs itself and nothing else, and is reported. So does a stretch
//!   of a file that cannot be read, and a file that cannot be opened, which stays where
//!   it is.
//! - There is one path: an outage of the broker is a longer log.
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
//! Callers append to a buffer in memory and wait. One thread takes all that
//! has gathered, writes it with one `write` and one `fdatasync`, and wakes all
//! of them: while one group is on its way to the disk the next one gathers.
//! A process never appends to a segment of an earlier one. After a failed
//! write or sync the segment is closed for good, since nobody can know what of
//! it is on disk; the records of that group are answered as not recorded.
//!
//! # Reading and deleting
//!
//! A [`Reader`] reads what is durable, from the files: it has no other source.
//! [`Spool::release`] deletes a segment once all of it is released. The
//! position is not kept on disk: after a restart everything that is left comes
//! again, and the click id makes that harmless.
//!
//! # Recovery
//!
//! Opening lists the segments that are left. A torn tail, which is what a
//! crash in mid-write leaves, was never promised to anybody and is skipped. A
//! damaged record in the middle is skipped to the next marker whose record has
//! the right checksum, and counted.

mod append;
mod format;
mod reader;
mod writer;

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::{
        Arc, Condvar, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use tokio::sync::watch;

use append::Group;
pub use append::{Append, NotRecorded};
pub use format::MAX_RECORD_BYTES;
pub use reader::{Batch, Reader};

/// When a record counts as recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncPolicy {
    /// Once it is on disk.
    Always,
    /// Once it is written; the disk is synced this often. A power cut loses
    /// what came since.
    Every(Duration),
}

#[derive(Debug, Clone)]
pub struct SpoolSettings {
    pub folder: PathBuf,
    /// Bytes of all segments together.
    pub max_bytes: u64,
    /// Bytes after which the next segment begins.
    pub segment_bytes: u64,
    pub sync: SyncPolicy,
    /// How long [`Spool::record`] waits.
    pub timeout: Duration,
}

/// What waits for a disk that does not answer, in memory. More is refused.
const MAX_WAITING_BYTES: usize = 64 << 20;

/// Why the spool cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("the spool folder {0} is used by another process")]
    InUse(PathBuf),
    #[error("the spool folder {0} cannot be used")]
    Io(PathBuf, #[source] io::Error),
}

/// A place in the log: everything before it is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Position {
    pub segment: u64,
    /// Bytes from the segment's start.
    pub offset: u64,
}

/// A handle to append to, and to release what is delivered. Clones are the
/// same spool.
#[derive(Debug, Clone)]
pub struct Spool(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    settings: SpoolSettings,
    queue: Mutex<Queue>,
    /// Signalled when the queue changes while the writer waits.
    writer_wakes: Condvar,
    segments: Mutex<BTreeMap<u64, Segment>>,
    /// Bytes of all segments on disk.
    bytes: AtomicU64,
    /// The last group could not be written.
    is_failing: AtomicBool,
    /// The end of what is durable.
    durable: watch::Sender<Position>,
    writer: Mutex<Option<JoinHandle<()>>>,
    /// Held for the life of the spool.
    _lock: File,
}

/// What callers have appended and the writer has not taken yet.
#[derive(Debug, Default)]
struct Queue {
    buffer: Vec<u8>,
    n_records: usize,
    group: Arc<Group>,
    /// Close this segment, if nothing was added to it after this position.
    close_at: Option<Position>,
    stopping: bool,
}

#[derive(Debug, Clone, Copy)]
struct Segment {
    bytes: u64,
    /// Nothing will be added to it.
    closed: bool,
}

impl Spool {
    /// Opens a folder, makes it if need be, and starts the writer.
    pub fn open(settings: SpoolSettings) -> Result<Self, OpenError> {
        let failed = |error| OpenError::Io(settings.folder.clone(), error);
        fs::create_dir_all(&settings.folder).map_err(failed)?;
        let lock = lock(&settings.folder)?;
        let segments = leftover_segments(&settings.folder).map_err(failed)?;
        let bytes = segments.values().map(|segment| segment.bytes).sum();
        let next_segment = segments.keys().next_back().map_or(1, |last| last + 1);
        let start = Position {
            segment: next_segment,
            offset: 0,
        };
        let shared = Arc::new(Shared {
            settings,
            queue: Mutex::default(),
            writer_wakes: Condvar::new(),
            segments: Mutex::new(segments),
            bytes: AtomicU64::new(bytes),
            is_failing: AtomicBool::new(false),
            durable: watch::Sender::new(start),
            writer: Mutex::default(),
            _lock: lock,
        });
        let writer = writer::start(shared.clone(), next_segment)
            .map_err(|error| OpenError::Io(shared.settings.folder.clone(), error))?;
        *lock_of(&shared.writer) = Some(writer);
        Ok(Self(shared))
    }

    /// Appends a record, and waits until it is recorded, though not for ever: a disk
    /// that hangs must not keep people from their destination. Then it may be
    /// recorded later all the same.
    pub async fn record(&self, record: &[u8]) -> Result<(), NotRecorded> {
        let recorded = tokio::time::timeout(self.0.settings.timeout, self.append(record));
        recorded.await.unwrap_or(Err(NotRecorded::TimedOut))
    }

    /// Appends a record. The future resolves when it is recorded, by the
    /// [`SyncPolicy`]; the record is on its way even if the future is dropped.
    pub fn append(&self, record: &[u8]) -> Append {
        let shared = &self.0;
        if record.len() > MAX_RECORD_BYTES {
            return Append::refused(NotRecorded::TooLarge);
        }
        let mut queue = lock_of(&shared.queue);
        let bytes = shared.bytes.load(Ordering::Relaxed) + queue.buffer.len() as u64;
        if bytes + format::framed_len(record) > shared.settings.max_bytes {
            return Append::refused(NotRecorded::Full);
        }
        if queue.buffer.len() > MAX_WAITING_BYTES {
            return Append::refused(NotRecorded::TimedOut);
        }
        if queue.stopping {
            return Append::refused(NotRecorded::Stopped);
        }
        let writer_may_wait = queue.buffer.is_empty();
        format::push_record(&mut queue.buffer, record);
        queue.n_records += 1;
        let append = Append::waiting_for(queue.group.clone());
        drop(queue);
        if writer_may_wait {
            shared.writer_wakes.notify_one();
        }
        append
    }

    /// A reader at the oldest record there is.
    pub fn reader(&self) -> Reader {
        Reader::new(self.clone())
    }

    /// The end of what is durable, and a way to wait for more.
    pub fn durable(&self) -> watch::Receiver<Position> {
        self.0.durable.subscribe()
    }

    /// Everything before `position` is delivered: segments that end there or
    /// before are deleted.
    pub fn release(&self, position: Position) {
        self.release_over(position, 0);
    }

    /// As [`release`](Self::release), the oldest segments first and only while
    /// the spool has more bytes than these. Answers where it begins then, if
    /// something was released. A file that cannot be deleted stays, and is read again
    /// after the next start.
    pub fn release_over(&self, position: Position, bytes: u64) -> Option<Position> {
        let mut start = None;
        while self.bytes() > bytes
            && let Some((sequence, _)) = self.first_delivered(position)
        {
            // Not under the lock, which the writer needs: a delete can take
            // long, and every click would wait for it.
            if let Err(error) = fs::remove_file(self.0.path(sequence))
                && error.kind() != io::ErrorKind::NotFound
            {
                tracing::error!(
                    segment = sequence,
                    error = %error,
                    "a segment of the spool cannot be deleted: it is sent again after the next start"
                );
            }
            self.forget_segment(sequence);
            start = Some(Position {
                segment: sequence + 1,
                offset: 0,
            });
        }
        start
    }

    /// The segment is not of the spool any more, whether or not its file is there.
    fn forget_segment(&self, sequence: u64) {
        if let Some(segment) = lock_of(&self.0.segments).remove(&sequence) {
            self.0.bytes.fetch_sub(segment.bytes, Ordering::Relaxed);
        }
    }

    fn first_delivered(&self, position: Position) -> Option<(u64, Segment)> {
        let segments = lock_of(&self.0.segments);
        let (&sequence, &segment) = segments.first_key_value()?;
        let end = Position {
            segment: sequence,
            offset: segment.bytes,
        };
        (segment.closed && end <= position).then_some((sequence, segment))
    }

    /// Closes the segment that ends at `position`, so that it can be released:
    /// an idle spool is an empty one. No effect if more was appended.
    pub fn close_segment(&self, position: Position) {
        lock_of(&self.0.queue).close_at = Some(position);
        self.0.writer_wakes.notify_one();
    }

    /// Whether the last write failed: the disk may be full.
    pub fn is_failing(&self) -> bool {
        self.0.is_failing.load(Ordering::Relaxed)
    }

    /// Bytes on disk.
    pub fn bytes(&self) -> u64 {
        self.0.bytes.load(Ordering::Relaxed)
    }

    /// Writes what has gathered and ends the writer. Appending fails from now
    /// on; reading and releasing go on. Blocks.
    pub fn stop(&self) {
        lock_of(&self.0.queue).stopping = true;
        self.0.writer_wakes.notify_one();
        let writer = lock_of(&self.0.writer).take();
        if let Some(writer) = writer {
            writer
                .join()
                .expect("a panic of the writer ends the process");
        }
    }

    fn segment(&self, sequence: u64) -> Option<Segment> {
        lock_of(&self.0.segments).get(&sequence).copied()
    }

    fn first_segment_from(&self, sequence: u64) -> Option<u64> {
        let segments = lock_of(&self.0.segments);
        segments
            .range(sequence..)
            .next()
            .map(|(&sequence, _)| sequence)
    }
}

impl Shared {
    fn path(&self, sequence: u64) -> PathBuf {
        self.settings.folder.join(format!("{sequence:016x}.seg"))
    }
}

fn lock(folder: &Path) -> Result<File, OpenError> {
    let failed = |error| OpenError::Io(folder.to_owned(), error);
    let file = File::create(folder.join("lock")).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(OpenError::InUse(folder.to_owned())),
        Err(fs::TryLockError::Error(error)) => Err(failed(error)),
    }
}

fn leftover_segments(folder: &Path) -> io::Result<BTreeMap<u64, Segment>> {
    let mut segments = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let sequence = name.to_str().and_then(|name| name.strip_suffix(".seg"));
        if let Some(Ok(sequence)) = sequence.map(|hex| u64::from_str_radix(hex, 16)) {
            let bytes = entry.metadata()?.len();
            segments.insert(
                sequence,
                Segment {
                    bytes,
                    closed: true,
                },
            );
        }
    }
    Ok(segments)
}

/// A panic while one of these locks is held would be a bug in a few lines of
/// arithmetic; what they guard is consistent after every line.
fn lock_of<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
