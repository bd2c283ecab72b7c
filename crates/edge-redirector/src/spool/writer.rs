//! The one thread that writes.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write as _},
    sync::{Arc, atomic::Ordering},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use platform::log_rate_limit::LogRateLimiter;

use super::{
    NotRecorded, Position, Segment, Shared, SyncPolicy, append::Group, format::SEGMENT_MAGIC,
    lock_of,
};

pub(super) fn start(shared: Arc<Shared>, next_segment: u64) -> io::Result<JoinHandle<()>> {
    let writer = Writer {
        shared,
        open: None,
        next_segment,
        unsynced_since: None,
        last_group: None,
    };
    thread::Builder::new()
        .name("spool-writer".to_owned())
        .spawn(|| writer.run())
}

/// Under load a group is taken at most this often. On one core, 1 ms in place
/// of 0.5 ms made 80,600 clicks a second of 74,900, and the median answer came
/// after 1.43 ms in place of 1.57 ms (128 connections).
const GROUP_INTERVAL: Duration = Duration::from_millis(1);
/// Records of a group that say that there is load.
const SHARED_GROUP: usize = 8;

struct Writer {
    shared: Arc<Shared>,
    open: Option<OpenSegment>,
    next_segment: u64,
    /// Since when something is written and not synced.
    unsynced_since: Option<Instant>,
    /// When the last group was taken, and its records.
    last_group: Option<(Instant, usize)>,
}

struct OpenSegment {
    file: File,
    sequence: u64,
    /// Bytes that are written, all of them well.
    len: u64,
}

/// Without its writer a spool would let every click wait for ever.
impl Drop for Writer {
    fn drop(&mut self) {
        if thread::panicking() {
            tracing::error!("the spool's writer panicked: the process ends");
            std::process::abort();
        }
    }
}

/// What the writer is to do next.
enum Work {
    Write { group: Arc<Group>, n_records: usize },
    Close(Position),
    Sync,
    Stop,
}

impl Writer {
    fn run(mut self) {
        // Swapped with the queue's buffer, so that both keep their memory.
        let mut buffer = Vec::new();
        loop {
            buffer.clear();
            if let Some(wait) = self.pace() {
                thread::sleep(wait);
            }
            match self.next_work(&mut buffer) {
                Work::Write { group, n_records } => {
                    self.last_group = Some((Instant::now(), n_records));
                    let result = self.write(&buffer);
                    self.shared
                        .is_failing
                        .store(result.is_err(), Ordering::Relaxed);
                    group.complete(result.map_err(|error| {
                        static LOG_LIMIT: LogRateLimiter = LogRateLimiter::new();
                        if let Some(suppressed) = LOG_LIMIT.permit() {
                            tracing::error!(error = %error, suppressed, "the spool could not be written");
                        }
                        NotRecorded::Failed
                    }));
                }
                Work::Close(position) => self.close_if_at(position),
                Work::Sync => self.sync_late(),
                Work::Stop => {
                    self.sync_late();
                    self.close();
                    return;
                }
            }
        }
    }

    /// How long to let the next group gather: under load, until an interval
    /// after the last one was taken. A sync costs the core some 50 us, however
    /// many records it has; a caller who is alone never waits.
    fn pace(&self) -> Option<Duration> {
        let (taken, n_records) = self.last_group?;
        let wait = GROUP_INTERVAL.checked_sub(taken.elapsed())?;
        (n_records >= SHARED_GROUP).then_some(wait)
    }

    fn next_work(&self, buffer: &mut Vec<u8>) -> Work {
        let mut queue = lock_of(&self.shared.queue);
        loop {
            if !queue.buffer.is_empty() {
                std::mem::swap(&mut queue.buffer, buffer);
                return Work::Write {
                    group: std::mem::take(&mut queue.group),
                    n_records: std::mem::take(&mut queue.n_records),
                };
            }
            if let Some(position) = queue.close_at.take() {
                return Work::Close(position);
            }
            if queue.stopping {
                return Work::Stop;
            }
            let wakes = &self.shared.writer_wakes;
            queue = match self.sync_is_due_in() {
                Some(Duration::ZERO) => return Work::Sync,
                Some(wait) => {
                    let waited = wakes.wait_timeout(queue, wait);
                    waited.unwrap_or_else(std::sync::PoisonError::into_inner).0
                }
                None => wakes
                    .wait(queue)
                    .unwrap_or_else(std::sync::PoisonError::into_inner),
            };
        }
    }

    fn sync_is_due_in(&self) -> Option<Duration> {
        let since = self.unsynced_since?;
        match self.shared.settings.sync {
            SyncPolicy::Always => None,
            SyncPolicy::Every(interval) => Some(interval.saturating_sub(since.elapsed())),
        }
    }

    /// Writes a group, and syncs it if the policy says so. After a failure
    /// the segment is closed at its last good end.
    fn write(&mut self, group: &[u8]) -> io::Result<()> {
        let result = self.try_write(group);
        if result.is_err() {
            self.close();
        }
        result
    }

    fn try_write(&mut self, group: &[u8]) -> io::Result<()> {
        let full = |open: &OpenSegment| open.len >= self.shared.settings.segment_bytes;
        if self.open.as_ref().is_some_and(full) {
            self.sync_late();
            self.close();
        }
        let open = match &mut self.open {
            Some(open) => open,
            none => none.insert(open_segment(&self.shared, &mut self.next_segment)?),
        };
        open.file.write_all(group)?;
        match self.shared.settings.sync {
            SyncPolicy::Always => open.file.sync_data()?,
            SyncPolicy::Every(_) => {
                self.unsynced_since.get_or_insert_with(Instant::now);
            }
        }
        open.len += group.len() as u64;
        let (sequence, len) = (open.sequence, open.len);
        self.shared
            .bytes
            .fetch_add(group.len() as u64, Ordering::Relaxed);
        let segment = Segment {
            bytes: len,
            closed: false,
        };
        lock_of(&self.shared.segments).insert(sequence, segment);
        let end = Position {
            segment: sequence,
            offset: len,
        };
        self.shared.durable.send_replace(end);
        if self.sync_is_due_in() == Some(Duration::ZERO) {
            self.sync_late();
        }
        Ok(())
    }

    /// The sync that [`SyncPolicy::Every`] puts off.
    fn sync_late(&mut self) {
        if self.unsynced_since.take().is_none() {
            return;
        }
        if let Some(open) = &self.open
            && let Err(error) = open.file.sync_data()
        {
            tracing::error!(error = %error, "the spool could not be synced: a power cut would lose clicks");
            self.close();
        }
    }

    fn close_if_at(&mut self, position: Position) {
        let is_at =
            |open: &OpenSegment| open.sequence == position.segment && open.len == position.offset;
        if self.open.as_ref().is_some_and(is_at) {
            self.sync_late();
            self.close();
        }
    }

    /// Nothing will be added to the open segment. What a failed write left
    /// behind its last good end is cut off if the disk lets us; if not, the
    /// reader knows the good end and, after a restart, the checksums.
    fn close(&mut self) {
        let Some(open) = self.open.take() else {
            return;
        };
        if let Err(error) = open.file.set_len(open.len) {
            tracing::warn!(error = %error, "a damaged segment could not be cut");
        }
        if let Some(segment) = lock_of(&self.shared.segments).get_mut(&open.sequence) {
            segment.closed = true;
        }
    }
}

fn open_segment(shared: &Shared, next_segment: &mut u64) -> io::Result<OpenSegment> {
    let sequence = *next_segment;
    let path = shared.path(sequence);
    let mut file = OpenOptions::new()
        .create_new(true)
        .append(true)
        .open(&path)?;
    // Whatever fails from here on, this number is used up.
    *next_segment += 1;
    let written = file.write_all(SEGMENT_MAGIC).and_then(|()| {
        // The file's name must survive a power cut as well as its bytes.
        File::open(&shared.settings.folder)?.sync_all()
    });
    if let Err(error) = written {
        // An empty segment left behind is read as such after a restart.
        if let Err(error) = std::fs::remove_file(&path) {
            tracing::warn!(error = %error, "an empty segment could not be removed");
        }
        return Err(error);
    }
    let len = SEGMENT_MAGIC.len() as u64;
    shared.bytes.fetch_add(len, Ordering::Relaxed);
    lock_of(&shared.segments).insert(
        sequence,
        Segment {
            bytes: len,
            closed: false,
        },
    );
    Ok(OpenSegment {
        file,
        sequence,
        len,
    })
}
