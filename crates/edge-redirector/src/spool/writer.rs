//! The one thread that writes: it takes groups of records from the queue, writes and syncs
//! them, and opens and closes segments. Deleting segments is left to [`Spool`](super::Spool).

use std::{
    fs::{File, OpenOptions},
    io::{self, Write as _},
    sync::{Arc, PoisonError, atomic::Ordering},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use platform::log_rate_limit::LogRateLimiter;

use super::{
    Position, RecordError, Segment, Shared, SyncPolicy, append::WriteGroup, format::SEGMENT_MAGIC,
    lock_ignoring_poison,
};

/// Starts the thread; its first segment gets the number `next_segment`.
pub(super) fn start(shared: Arc<Shared>, next_segment: u64) -> io::Result<JoinHandle<()>> {
    let writer = Writer {
        shared,
        open: None,
        next_segment,
        oldest_unsynced_write: None,
        last_group: None,
    };
    thread::Builder::new()
        .name("spool-writer".to_owned())
        .spawn(|| writer.run())
}

/// Under load the writer takes a group at most this often. On one core, 1 ms in place
/// of 0.5 ms made 80,600 clicks a second of 74,900, and the median response came
/// after 1.43 ms in place of 1.57 ms (128 connections).
const GROUP_COMMIT_INTERVAL: Duration = Duration::from_millis(1);
/// A last group of at least this many records means that there is load.
const LOAD_THRESHOLD_RECORDS: usize = 8;

struct Writer {
    shared: Arc<Shared>,
    open: Option<OpenSegment>,
    next_segment: u64,
    /// Time of the oldest write that is not synced yet.
    oldest_unsynced_write: Option<Instant>,
    /// When the writer took the last group, and how many records that had.
    last_group: Option<(Instant, usize)>,
}

struct OpenSegment {
    file: File,
    sequence: u64,
    /// Bytes that were written without an error.
    len: u64,
}

/// Without a writer every click would wait for the timeout, so a panic ends the process.
impl Drop for Writer {
    fn drop(&mut self) {
        if thread::panicking() {
            tracing::error!("the spool writer panicked, aborting the process");
            std::process::abort();
        }
    }
}

/// What the writer does next.
enum WriterTask {
    Write {
        group: Arc<WriteGroup>,
        n_records: usize,
    },
    CloseSegmentAt(Position),
    Sync,
    Stop,
}

impl Writer {
    fn run(mut self) {
        // Swapped with the queue's buffer, so that neither is allocated again.
        let mut buffer = Vec::new();
        loop {
            buffer.clear();
            if let Some(delay) = self.group_commit_delay() {
                thread::sleep(delay);
            }
            match self.next_task(&mut buffer) {
                WriterTask::Write { group, n_records } => {
                    self.last_group = Some((Instant::now(), n_records));
                    let result = self.write(&buffer);
                    self.shared
                        .last_write_failed
                        .store(result.is_err(), Ordering::Relaxed);
                    group.complete(result.map_err(|error| {
                        static LOG_LIMIT: LogRateLimiter = LogRateLimiter::new();
                        if let Some(suppressed) = LOG_LIMIT.permit() {
                            tracing::error!(
                                error.message = %error,
                                suppressed,
                                "writing to the spool failed, its events are unrecorded"
                            );
                        }
                        RecordError::DiskFailed
                    }));
                }
                WriterTask::CloseSegmentAt(position) => self.close_segment_at(position),
                WriterTask::Sync => self.sync_deferred(),
                WriterTask::Stop => {
                    self.sync_deferred();
                    self.close_segment();
                    return;
                }
            }
        }
    }

    /// How long the next group may fill before it is written: under load, until an interval
    /// after the last group was taken. A sync costs the core some 50 us, however
    /// many records it has; without load no caller waits.
    fn group_commit_delay(&self) -> Option<Duration> {
        let (taken_at, n_records) = self.last_group?;
        let delay = GROUP_COMMIT_INTERVAL.checked_sub(taken_at.elapsed())?;
        (n_records >= LOAD_THRESHOLD_RECORDS).then_some(delay)
    }

    /// Waits for the next task. For a write, `buffer` (empty) gets the records.
    fn next_task(&self, buffer: &mut Vec<u8>) -> WriterTask {
        let mut queue = lock_ignoring_poison(&self.shared.queue);
        loop {
            if !queue.buffer.is_empty() {
                std::mem::swap(&mut queue.buffer, buffer);
                return WriterTask::Write {
                    group: std::mem::take(&mut queue.group),
                    n_records: std::mem::take(&mut queue.n_records),
                };
            }
            if let Some(position) = queue.close_segment_at.take() {
                return WriterTask::CloseSegmentAt(position);
            }
            if queue.is_stopping {
                return WriterTask::Stop;
            }
            let queue_changed = &self.shared.queue_changed;
            queue = match self.time_until_sync() {
                Some(Duration::ZERO) => return WriterTask::Sync,
                Some(wait) => {
                    let woken = queue_changed.wait_timeout(queue, wait);
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
                None => queue_changed
                    .wait(queue)
                    .unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// Time until the deferred sync of [`SyncPolicy::Every`]; `None` if all is synced.
    fn time_until_sync(&self) -> Option<Duration> {
        let written_at = self.oldest_unsynced_write?;
        match self.shared.settings.sync {
            SyncPolicy::Always => None,
            SyncPolicy::Every(interval) => Some(interval.saturating_sub(written_at.elapsed())),
        }
    }

    /// Writes a group, and syncs it if the policy says so. After a failure it closes
    /// the segment at the end of the last good write.
    fn write(&mut self, group: &[u8]) -> io::Result<()> {
        let result = self.try_write(group);
        if result.is_err() {
            self.close_segment();
        }
        result
    }

    fn try_write(&mut self, group: &[u8]) -> io::Result<()> {
        let is_full = |open: &OpenSegment| open.len >= self.shared.settings.segment_bytes;
        if self.open.as_ref().is_some_and(is_full) {
            self.sync_deferred();
            self.close_segment();
        }
        let open = match &mut self.open {
            Some(open) => open,
            none => none.insert(open_segment(&self.shared, &mut self.next_segment)?),
        };
        open.file.write_all(group)?;
        match self.shared.settings.sync {
            SyncPolicy::Always => open.file.sync_data()?,
            SyncPolicy::Every(_) => {
                self.oldest_unsynced_write.get_or_insert_with(Instant::now);
            }
        }
        open.len += group.len() as u64;
        let (sequence, len) = (open.sequence, open.len);
        self.shared
            .bytes
            .fetch_add(group.len() as u64, Ordering::Relaxed);
        let segment = Segment {
            bytes: len,
            is_closed: false,
        };
        lock_ignoring_poison(&self.shared.segments).insert(sequence, segment);
        let end = Position {
            segment: sequence,
            offset: len,
        };
        self.shared.durable_end.send_replace(end);
        if self.time_until_sync() == Some(Duration::ZERO) {
            self.sync_deferred();
        }
        Ok(())
    }

    /// Does the sync that [`SyncPolicy::Every`] defers.
    fn sync_deferred(&mut self) {
        if self.oldest_unsynced_write.take().is_none() {
            return;
        }
        if let Some(open) = &self.open
            && let Err(error) = open.file.sync_data()
        {
            tracing::error!(
                error.message = %error,
                "syncing the spool failed, a power cut would lose clicks"
            );
            self.close_segment();
        }
    }

    fn close_segment_at(&mut self, position: Position) {
        let ends_there =
            |open: &OpenSegment| open.sequence == position.segment && open.len == position.offset;
        if self.open.as_ref().is_some_and(ends_there) {
            self.sync_deferred();
            self.close_segment();
        }
    }

    /// Closes the open segment for good. Cuts off the bytes that a failed write left behind
    /// the last good one, if the disk allows that; if not, the reader knows the good end
    /// and, after a restart, the checksums.
    fn close_segment(&mut self) {
        let Some(open) = self.open.take() else {
            return;
        };
        if let Err(error) = open.file.set_len(open.len) {
            tracing::warn!(
                error.message = %error,
                "truncating a spool segment failed, the reader skips its damaged end"
            );
        }
        if let Some(segment) = lock_ignoring_poison(&self.shared.segments).get_mut(&open.sequence) {
            segment.is_closed = true;
        }
    }
}

/// Creates the segment `next_segment` and increments that number.
fn open_segment(shared: &Shared, next_segment: &mut u64) -> io::Result<OpenSegment> {
    let sequence = *next_segment;
    let path = shared.path(sequence);
    let mut file = OpenOptions::new()
        .create_new(true)
        .append(true)
        .open(&path)?;
    // Whatever fails from here on, the number is not used again.
    *next_segment += 1;
    let written = file.write_all(SEGMENT_MAGIC).and_then(|()| {
        // The file's name must survive a power cut as well as its bytes.
        File::open(&shared.settings.folder)?.sync_all()
    });
    if let Err(error) = written {
        // If the empty segment stays, a restart reads it as one without records.
        if let Err(error) = std::fs::remove_file(&path) {
            tracing::warn!(
                error.message = %error,
                "deleting an empty spool segment failed, it stays until the next start"
            );
        }
        return Err(error);
    }
    let len = SEGMENT_MAGIC.len() as u64;
    shared.bytes.fetch_add(len, Ordering::Relaxed);
    lock_ignoring_poison(&shared.segments).insert(
        sequence,
        Segment {
            bytes: len,
            is_closed: false,
        },
    );
    Ok(OpenSegment {
        file,
        sequence,
        len,
    })
}
