//! Tests of appending: what is recorded is read again, in order.

use super::*;

#[test]
fn records_are_read_in_the_order_of_their_appends_over_many_segments() {
    let folder = folder();
    let spool = open(&folder);
    let records = numbered_records(100);
    record(&spool, &as_strs(&records));
    assert!(segment_files(&folder).len() > 10);
    assert_eq!(read_all(&mut spool.reader()), (records, 0));
}

#[test]
fn recorded_events_survive_the_death_of_the_process() {
    let folder = folder();
    let records = numbered_records(20);
    let spool = open(&folder);
    record(&spool, &as_strs(&records));
    // The spool is not stopped, as after a kill. The copy of its files has no lock.
    let copy = TempDir::new().unwrap();
    for file in segment_files(&folder) {
        fs::copy(&file, copy.path().join(file.file_name().unwrap())).unwrap();
    }
    let reopened = open(&copy);
    record(&reopened, &["later"]);
    let mut expected = records;
    expected.push("later".to_owned());
    assert_eq!(read_all(&mut reopened.reader()), (expected, 0));
}

#[test]
fn a_second_process_cannot_open_the_folder() {
    let folder = folder();
    let spool = open(&folder);
    let second = Spool::open(settings(&folder));
    assert!(matches!(second, Err(OpenError::InUse(_))), "{second:?}");
    spool.stop();
    drop(spool);
    open(&folder);
}

#[test]
fn every_concurrent_append_is_read_once() {
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

#[test]
fn events_are_recorded_with_a_sync_interval() {
    let folder = folder();
    let sync = SyncPolicy::Every(Duration::from_millis(5));
    let spool = Spool::open(SpoolSettings {
        sync,
        ..settings(&folder)
    })
    .unwrap();
    let records = numbered_records(30);
    record(&spool, &as_strs(&records));
    assert_eq!(read_all(&mut spool.reader()), (records, 0));
    spool.stop();
}

#[test]
fn a_record_is_refused_when_it_is_larger_than_the_limit() {
    let folder = folder();
    let spool = open(&folder);
    let mut line = vec![b'x'; MAX_RECORD_BYTES];
    line[MAX_RECORD_BYTES - 1] = b'\n';
    block_on(spool.append(&line)).unwrap();
    line.push(b'\n');
    assert_eq!(block_on(spool.append(&line)), Err(RecordError::TooLarge));
    assert_eq!(read_all(&mut spool.reader()).0.len(), 1);
}

#[test]
fn stopping_writes_all_queued_records_and_later_appends_fail() {
    let folder = folder();
    let spool = open(&folder);
    let appends: Vec<_> = (0..50).map(|_| spool.append(b"record\n")).collect();
    spool.stop();
    for append in appends {
        block_on(append).unwrap();
    }
    assert_eq!(block_on(spool.append(b"late\n")), Err(RecordError::Stopped));
    assert_eq!(read_all(&mut spool.reader()).0.len(), 50);
}

#[test]
fn a_failing_disk_fails_the_append_and_nothing_else() {
    let folder = folder();
    let spool = open(&folder);
    record(&spool, &["before"]);
    // After the segment is closed, the next append has to create one, which the folder of
    // that name prevents.
    let mut reader = spool.reader();
    read_all(&mut reader);
    spool.close_segment_at(reader.position());
    wait_until("the segment is closed", || {
        spool.segment(1).is_some_and(|s| s.is_closed)
    });
    let blocker = folder.path().join(format!("{:016x}.seg", 2));
    fs::create_dir(&blocker).unwrap();
    assert_eq!(
        block_on(spool.append(b"lost\n")),
        Err(RecordError::DiskFailed)
    );
    fs::remove_dir(&blocker).unwrap();
    record(&spool, &["after"]);
    assert_eq!(read_all(&mut reader), (vec!["after".to_owned()], 0));
}

/// The test holds a lock that the writer needs, which looks like a disk that hangs.
#[test]
fn a_disk_that_hangs_neither_blocks_callers_nor_fills_the_memory() {
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
    let hanging_disk = lock_ignoring_poison(&spool.0.segments);
    let recorded = runtime.block_on(spool.record(b"late\n"));
    assert_eq!(recorded, Err(RecordError::DiskTimeout));
    wait_until("the writer has taken the record", || {
        lock_ignoring_poison(&spool.0.queue).buffer.is_empty()
    });
    let large = [vec![b'x'; MAX_RECORD_BYTES - 1], vec![b'\n']].concat();
    let n_queued = (0..2000)
        .take_while(|_| {
            let mut append = std::pin::pin!(spool.append(&large));
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            append.as_mut().poll(&mut context).is_pending()
        })
        .count();
    let framed_len = usize::try_from(format::framed_len(&large)).unwrap();
    assert_eq!(n_queued, MAX_QUEUED_BYTES / framed_len + 1);
    drop(hanging_disk);
    wait_until("the disk answers again", || {
        runtime.block_on(spool.append(b"after\n")).is_ok()
    });
    let (records, _) = read_all(&mut spool.reader());
    assert_eq!(records.first().map(String::as_str), Some("late"));
}
