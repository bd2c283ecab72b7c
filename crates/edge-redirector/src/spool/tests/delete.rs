//! Tests of deleting segments.

use super::*;

#[test]
fn only_segments_that_end_before_the_position_are_deleted() {
    let folder = folder();
    let spool = open(&folder);
    let records = numbered_records(60);
    record(&spool, &as_strs(&records));
    let n_segments = segment_files(&folder).len();
    let mut reader = spool.reader();
    reader.next_batch(10, 1 << 20).unwrap().unwrap();
    spool.delete_through(reader.position());
    let n_remaining = segment_files(&folder).len();
    assert!(
        n_remaining < n_segments && n_remaining > 0,
        "{n_remaining} of {n_segments}"
    );
    let (records_left, _) = read_all(&mut spool.reader());
    assert!(
        records_left.len() >= 50,
        "undelivered records are gone: {}",
        records_left.len()
    );
    assert_eq!(records_left.last(), records.last());
}

#[test]
fn a_delivered_and_closed_spool_is_empty_and_records_again() {
    let folder = folder();
    let spool = open(&folder);
    record(&spool, &["one", "two"]);
    let mut reader = spool.reader();
    read_all(&mut reader);
    // A record is appended after this position, so the segment stays open.
    let earlier = reader.position();
    record(&spool, &["three"]);
    spool.close_segment_at(earlier);
    read_all(&mut reader);
    spool.close_segment_at(reader.position());
    wait_until("the spool is empty", || {
        spool.delete_through(reader.position());
        spool.bytes() == 0
    });
    assert_eq!(segment_files(&folder), Vec::<PathBuf>::new());
    record(&spool, &["four"]);
    assert_eq!(read_all(&mut reader), (vec!["four".to_owned()], 0));
}

#[test]
fn a_full_spool_refuses_records_until_segments_are_deleted() {
    let folder = folder();
    let spool = Spool::open(SpoolSettings {
        max_bytes: 600,
        ..settings(&folder)
    })
    .unwrap();
    let mut n_recorded = 0;
    let error = loop {
        match block_on(spool.append(b"some record\n")) {
            Ok(()) => n_recorded += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error, RecordError::SpoolFull);
    assert!(spool.bytes() <= 600, "{}", spool.bytes());
    let mut reader = spool.reader();
    assert_eq!(read_all(&mut reader).0.len(), n_recorded);
    spool.delete_through(reader.position());
    block_on(spool.append(b"again\n")).unwrap();
}
