use std::{
    fs::OpenOptions,
    io::{Read as _, Seek as _, SeekFrom, Write as _},
};

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

fn settings(folder: &TempDir) -> SpoolSettings {
    SpoolSettings {
        folder: folder.path().to_owned(),
        max_bytes: 1 << 20,
        segment_bytes: 256,
        sync: SyncPolicy::Always,
        timeout: Duration::from_secs(60),
    }
}

fn open(folder: &TempDir) -> Spool {
    Spool::open(settings(folder)).unwrap()
}

fn folder() -> TempDir {
    TempDir::new().unwrap()
}

/// Appends records one after the other, each awaited.
fn record(spool: &Spool, records: &[&str]) {
    for record in records {
        block_on(spool.append(format!("{record}\n").as_bytes())).unwrap();
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(future)
}

/// All there is, and the damage met on the way.
fn read_all(reader: &mut Reader) -> (Vec<String>, usize) {
    let mut text = String::new();
    let mut n_damaged = 0;
    while let Some(batch) = reader.next_batch(3, 1 << 20).unwrap() {
        assert_eq!(
            batch.n_records,
            batch.bytes.iter().filter(|&&b| b == b'\n').count()
        );
        text.push_str(std::str::from_utf8(&batch.bytes).unwrap());
        n_damaged += batch.n_damaged;
    }
    (text.lines().map(str::to_owned).collect(), n_damaged)
}

/// The writer is another thread.
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = std::time::Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(std::time::Instant::now() < deadline, "waited for: {what}");
        std::thread::yield_now();
    }
}

fn numbered(n: usize) -> Vec<String> {
    (0..n)
        .map(|i| format!("record {i} {}", "x".repeat(i % 60)))
        .collect()
}

fn strs(records: &[String]) -> Vec<&str> {
    records.iter().map(String::as_str).collect()
}

fn segment_files(folder: &TempDir) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "seg"))
        .collect();
    files.sort();
    files
}

fn flip_byte(path: &Path, offset: u64) {
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .unwrap();
    let mut byte = [0];
    file.seek(SeekFrom::Start(offset)).unwrap();
    file.read_exact(&mut byte).unwrap();
    file.seek(SeekFrom::Start(offset)).unwrap();
    file.write_all(&[byte[0] ^ 0xff]).unwrap();
}

#[test]
fn records_come_out_in_order_over_many_segments() {
    let folder = folder();
    let spool = open(&folder);
    let records = numbered(100);
    record(&spool, &strs(&records));
    assert!(segment_files(&folder).len() > 10);
    assert_eq!(read_all(&mut spool.reader()), (records, 0));
}

#[test]
fn what_was_recorded_is_there_after_the_process_is_gone() {
    let folder = folder();
    let records = numbered(20);
    let spool = open(&folder);
    record(&spool, &strs(&records));
    // Not stopped: as after a kill. Only the lock has to go.
    let stolen = TempDir::new().unwrap();
    for file in segment_files(&folder) {
        fs::copy(&file, stolen.path().join(file.file_name().unwrap())).unwrap();
    }
    let after = open(&stolen);
    record(&after, &["later"]);
    let mut expected = records;
    expected.push("later".to_owned());
    assert_eq!(read_all(&mut after.reader()), (expected, 0));
}

#[test]
fn a_folder_has_one_user() {
    let folder = folder();
    let spool = open(&folder);
    let second = Spool::open(settings(&folder));
    assert!(matches!(second, Err(OpenError::InUse(_))), "{second:?}");
    spool.stop();
    drop(spool);
    open(&folder);
}

#[test]
fn released_segments_are_deleted_and_others_are_not() {
    let folder = folder();
    let spool = open(&folder);
    let records = numbered(60);
    record(&spool, &strs(&records));
    let n_segments = segment_files(&folder).len();
    let mut reader = spool.reader();
    reader.next_batch(10, 1 << 20).unwrap().unwrap();
    spool.release(reader.position());
    let left = segment_files(&folder).len();
    assert!(left < n_segments && left > 0, "{left} of {n_segments}");
    let (rest, _) = read_all(&mut spool.reader());
    assert!(
        rest.len() >= 50,
        "nothing unreleased is gone: {}",
        rest.len()
    );
    assert_eq!(rest.last(), records.last());
}

#[test]
fn a_delivered_and_closed_spool_is_empty_and_takes_more() {
    let folder = folder();
    let spool = open(&folder);
    record(&spool, &["one", "two"]);
    let mut reader = spool.reader();
    read_all(&mut reader);
    // More came since: the segment stays open.
    let before = reader.position();
    record(&spool, &["three"]);
    spool.close_segment(before);
    read_all(&mut reader);
    spool.close_segment(reader.position());
    wait_until("the spool is empty", || {
        spool.release(reader.position());
        spool.bytes() == 0
    });
    assert_eq!(segment_files(&folder), Vec::<PathBuf>::new());
    record(&spool, &["four"]);
    assert_eq!(read_all(&mut reader), (vec!["four".to_owned()], 0));
}

#[test]
fn a_full_spool_refuses_and_takes_again_when_there_is_room() {
    let folder = folder();
    let spool = Spool::open(SpoolSettings {
        max_bytes: 600,
        ..settings(&folder)
    })
    .unwrap();
    let mut n_recorded = 0;
    let refused = loop {
        match block_on(spool.append(b"some record\n")) {
            Ok(()) => n_recorded += 1,
            Err(reason) => break reason,
        }
    };
    assert_eq!(refused, NotRecorded::Full);
    assert!(spool.bytes() <= 600, "{}", spool.bytes());
    let mut reader = spool.reader();
    assert_eq!(read_all(&mut reader).0.len(), n_recorded);
    spool.release(reader.position());
    block_on(spool.append(b"again\n")).unwrap();
}

#[test]
fn a_record_over_the_limit_is_refused_and_one_at_it_is_not() {
    let folder = folder();
    let spool = open(&folder);
    let mut line = vec![b'x'; MAX_RECORD_BYTES];
    line[MAX_RECORD_BYTES - 1] = b'\n';
    block_on(spool.append(&line)).unwrap();
    line.push(b'\n');
    assert_eq!(block_on(spool.append(&line)), Err(NotRecorded::TooLarge));
    assert_eq!(read_all(&mut spool.reader()).0.len(), 1);
}

#[test]
fn a_stopped_spool_has_written_everything_and_takes_no_more() {
    let folder = folder();
    let spool = open(&folder);
    let waiting: Vec<_> = (0..50).map(|_| spool.append(b"record\n")).collect();
    spool.stop();
    for append in waiting {
        block_on(append).unwrap();
    }
    assert_eq!(block_on(spool.append(b"late\n")), Err(NotRecorded::Stopped));
    assert_eq!(read_all(&mut spool.reader()).0.len(), 50);
}

#[test]
fn a_failing_disk_fails_the_append_and_nothing_else() {
    let folder = folder();
    let spool = open(&folder);
    record(&spool, &["before"]);
    // Close the segment, so that the next append has to make one, and make
    // that impossible.
    let mut reader = spool.reader();
    read_all(&mut reader);
    spool.close_segment(reader.position());
    wait_until("the segment is closed", || {
        spool.segment(1).is_some_and(|s| s.closed)
    });
    let blocker = folder.path().join(format!("{:016x}.seg", 2));
    fs::create_dir(&blocker).unwrap();
    assert_eq!(block_on(spool.append(b"lost\n")), Err(NotRecorded::Failed));
    fs::remove_dir(&blocker).unwrap();
    record(&spool, &["after"]);
    assert_eq!(read_all(&mut reader), (vec!["after".to_owned()], 0));
}

#[test]
fn the_interval_policy_records_too() {
    let folder = folder();
    let sync = SyncPolicy::Every(Duration::from_millis(5));
    let spool = Spool::open(SpoolSettings {
        sync,
        ..settings(&folder)
    })
    .unwrap();
    let records = numbered(30);
    record(&spool, &strs(&records));
    assert_eq!(read_all(&mut spool.reader()), (records, 0));
    spool.stop();
}

#[test]
fn a_torn_tail_is_skipped_without_damage() {
    let folder = folder();
    let spool = Spool::open(SpoolSettings {
        segment_bytes: 1 << 20,
        ..settings(&folder)
    })
    .unwrap();
    let records = numbered(10);
    record(&spool, &strs(&records));
    spool.stop();
    drop(spool);
    let segment = &segment_files(&folder)[0];
    let len = fs::metadata(segment).unwrap().len();
    for cut in 1..30 {
        OpenOptions::new()
            .write(true)
            .open(segment)
            .unwrap()
            .set_len(len - cut)
            .unwrap();
        let spool = open(&folder);
        let mut reader = spool.reader();
        assert_eq!(
            read_all(&mut reader),
            (records[..9].to_vec(), 0),
            "cut by {cut}"
        );
        assert!(spool.bytes() > 0);
        spool.release(Position {
            segment: 1,
            offset: 0,
        });
        spool.stop();
    }
}

/// Reads all, skipping what cannot be read: the records, and how often that was so.
fn read_what_can_be(reader: &mut Reader) -> (Vec<String>, usize) {
    let (mut records, mut n_unreadable) = (Vec::new(), 0);
    while let Some(batch) = reader.next_batch(3, usize::MAX).unwrap() {
        let text = String::from_utf8(batch.bytes).unwrap();
        records.extend(text.split_terminator('\n').map(str::to_owned));
        n_unreadable += batch.n_unreadable;
    }
    (records, n_unreadable)
}

/// Forty records in several segments, of a process that has ended.
fn several_segments(folder: &TempDir) -> (Vec<String>, Vec<PathBuf>) {
    let records = numbered(40);
    let spool = open(folder);
    record(&spool, &strs(&records));
    spool.stop();
    let files = segment_files(folder);
    assert!(files.len() >= 3, "{files:?}");
    (records, files)
}

#[test]
fn a_segment_that_cannot_be_opened_or_read_costs_itself_and_nothing_else() {
    type Harm = fn(&Path);
    let harms: [(&str, Harm); 3] = [
        ("is gone", |path| fs::remove_file(path).unwrap()),
        ("cannot be read", |path| {
            fs::remove_file(path).unwrap();
            fs::create_dir(path).unwrap();
        }),
        ("is a link to nowhere", |path| {
            fs::remove_file(path).unwrap();
            std::os::unix::fs::symlink("/nowhere/at/all", path).unwrap();
        }),
    ];
    for (what, harm) in harms {
        let folder = folder();
        let (all, files) = several_segments(&folder);
        let spool = open(&folder);
        harm(&files[1]);
        let mut reader = spool.reader();
        let (records, n_unreadable) = read_what_can_be(&mut reader);
        assert!(n_unreadable > 0, "{what}");
        assert!(records.len() < all.len(), "{what}");
        assert_eq!(records.first(), all.first(), "{what}");
        assert_eq!(records.last(), all.last(), "{what}");
        // It takes more, and what is delivered is released, with it or without it.
        record(&spool, &["more"]);
        let (records, _) = read_what_can_be(&mut reader);
        assert_eq!(records, ["more"], "{what}");
        spool.stop();
        spool.release(reader.position());
        assert_eq!(spool.bytes(), 0, "{what}");
    }
}

#[test]
fn a_segment_that_is_shorter_than_it_was_is_read_up_to_its_end() {
    let folder = folder();
    let (all, files) = several_segments(&folder);
    let spool = open(&folder);
    let len = fs::metadata(&files[1]).unwrap().len();
    let file = File::options().write(true).open(&files[1]).unwrap();
    file.set_len(len / 2).unwrap();
    let mut reader = spool.reader();
    let (records, n_unreadable) = read_what_can_be(&mut reader);
    assert_eq!(n_unreadable, 1);
    assert!(
        records.len() < all.len() && records.len() > all.len() / 2,
        "{records:?}"
    );
    assert_eq!(records.last(), all.last());
    spool.stop();
    spool.release(reader.position());
    assert_eq!(spool.bytes(), 0);
}

#[test]
fn a_damaged_record_costs_itself_and_is_reported() {
    let records = numbered(10);
    for offset in [8, 12, 16, 20, 60, 200] {
        let folder = folder();
        let spool = Spool::open(SpoolSettings {
            segment_bytes: 1 << 20,
            ..settings(&folder)
        })
        .unwrap();
        record(&spool, &strs(&records));
        spool.stop();
        drop(spool);
        flip_byte(&segment_files(&folder)[0], offset);
        let (left, n_damaged) = read_all(&mut open(&folder).reader());
        assert_eq!((left.len(), n_damaged), (9, 1), "byte {offset}");
    }
}

#[test]
fn a_damaged_magic_costs_nothing_and_a_foreign_file_is_left_alone() {
    let folder = folder();
    let spool = open(&folder);
    record(&spool, &["one", "two"]);
    spool.stop();
    drop(spool);
    fs::write(folder.path().join("notes.txt"), "mine").unwrap();
    flip_byte(&segment_files(&folder)[0], 0);
    let spool = open(&folder);
    let mut reader = spool.reader();
    assert_eq!(read_all(&mut reader).0, ["one", "two"]);
    spool.release(Position {
        segment: 2,
        offset: 0,
    });
    assert!(folder.path().join("notes.txt").exists());
}

#[test]
fn a_long_damaged_stretch_is_skipped_over_chunks() {
    let folder = folder();
    let large = SpoolSettings {
        segment_bytes: 1 << 30,
        max_bytes: 1 << 30,
        ..settings(&folder)
    };
    let spool = Spool::open(large).unwrap();
    let filler = format!("{}\n", "x".repeat(MAX_RECORD_BYTES - 1));
    record(&spool, &["first"]);
    for _ in 0..12 {
        block_on(spool.append(filler.as_bytes())).unwrap();
    }
    record(&spool, &["last"]);
    spool.stop();
    drop(spool);
    let segment = &segment_files(&folder)[0];
    let len = fs::metadata(segment).unwrap().len();
    let file = OpenOptions::new().write(true).open(segment).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &vec![0; len as usize - 200], 30).unwrap();
    let (left, n_damaged) = read_all(&mut open(&folder).reader());
    assert_eq!(left, ["first", "last"]);
    assert!(n_damaged >= 1);
}

#[test]
fn concurrent_appends_are_all_there_once() {
    let folder = folder();
    let spool = open(&folder);
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let spool = spool.clone();
            scope.spawn(move || {
                for i in 0..100 {
                    record(&spool, &[&format!("{thread}/{i}")]);
                }
            });
        }
    });
    let (mut read, _) = read_all(&mut spool.reader());
    read.sort();
    let mut expected: Vec<_> = (0..8)
        .flat_map(|t| (0..100).map(move |i| format!("{t}/{i}")))
        .collect();
    expected.sort();
    assert_eq!(read, expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Whatever is done to the bytes, every record that is untouched comes
    /// out, in order, and nothing comes out that was not put in.
    #[test]
    fn no_damage_costs_more_than_what_it_touches(
        n in 1..40_usize,
        hits in prop::collection::vec((0.0..1.0_f64, 1..40_usize), 0..4),
    ) {
        let folder = folder();
        let spool = Spool::open(SpoolSettings { segment_bytes: 1 << 20, ..settings(&folder) }).unwrap();
        let records = numbered(n);
        let mut ends = Vec::new();
        for text in &records {
            record(&spool, &[text]);
            ends.push(spool.bytes());
        }
        spool.stop();
        drop(spool);
        let segment = segment_files(&folder)[0].clone();
        let mut bytes = fs::read(&segment).unwrap();
        let mut untouched: Vec<bool> = vec![true; n];
        for (at, len) in hits {
            let from = 8 + (at * (bytes.len() - 8) as f64) as usize;
            let to = (from + len).min(bytes.len());
            bytes[from..to].iter_mut().for_each(|byte| *byte ^= 0x55);
            for (i, end) in ends.iter().enumerate() {
                let start = if i == 0 { 8 } else { ends[i - 1] as usize };
                if from < *end as usize && start < to {
                    untouched[i] = false;
                }
            }
        }
        fs::write(&segment, bytes).unwrap();
        let (left, _) = read_all(&mut open(&folder).reader());
        prop_assert!(left.iter().all(|record| records.contains(record)));
        let expected: Vec<_> = records.iter().zip(&untouched).filter(|(_, whole)| **whole).map(|(r, _)| r).collect();
        // Two hits on one byte undo each other, so more may be left.
        let kept: Vec<_> = left.iter().filter(|record| expected.contains(record)).collect();
        prop_assert_eq!(kept, expected);
    }
}

/// Whoever holds what the writer needs is a disk that hangs.
#[test]
fn a_disk_that_hangs_holds_nobody_up_and_fills_no_memory() {
    let folder = folder();
    let spool = Spool::open(SpoolSettings {
        timeout: Duration::from_millis(20),
        max_bytes: 1 << 30,
        ..settings(&folder)
    })
    .unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let disk = lock_of(&spool.0.segments);
    let recorded = runtime.block_on(spool.record(b"late\n"));
    assert_eq!(recorded, Err(NotRecorded::TimedOut));
    wait_until("the writer has it", || {
        lock_of(&spool.0.queue).buffer.is_empty()
    });
    let large = [vec![b'x'; MAX_RECORD_BYTES - 1], vec![b'\n']].concat();
    let n_waiting = (0..2000)
        .take_while(|_| {
            let mut append = std::pin::pin!(spool.append(&large));
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            append.as_mut().poll(&mut context).is_pending()
        })
        .count();
    let framed_len = usize::try_from(format::framed_len(&large)).unwrap();
    assert_eq!(n_waiting, MAX_WAITING_BYTES / framed_len + 1);
    drop(disk);
    wait_until("the disk is back", || {
        runtime.block_on(spool.append(b"after\n")).is_ok()
    });
    let (records, _) = read_all(&mut spool.reader());
    assert_eq!(records.first().map(String::as_str), Some("late"));
}
