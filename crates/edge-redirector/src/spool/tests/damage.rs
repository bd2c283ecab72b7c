//! Tests of reading segments that are damaged, cut or gone.

use std::{
    fs::OpenOptions,
    io::{Read as _, Seek as _, SeekFrom, Write as _},
    path::Path,
};

use proptest::prelude::*;

use super::*;

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

/// Reads all records that can be read. Returns them, and the number of unreadable ranges.
fn read_all_readable(reader: &mut Reader) -> (Vec<String>, usize) {
    let (mut records, mut n_unreadable) = (Vec::new(), 0);
    while let Some(batch) = reader.next_batch(3, usize::MAX).unwrap() {
        let text = String::from_utf8(batch.bytes).unwrap();
        records.extend(text.split_terminator('\n').map(str::to_owned));
        n_unreadable += batch.n_unreadable;
    }
    (records, n_unreadable)
}

/// Writes forty records into several segments and stops the spool. Returns the records and
/// the files.
fn stopped_spool(folder: &TempDir) -> (Vec<String>, Vec<PathBuf>) {
    let records = numbered_records(40);
    let spool = open(folder);
    record(&spool, &as_strs(&records));
    spool.stop();
    let files = segment_files(folder);
    assert!(files.len() >= 3, "{files:?}");
    (records, files)
}

#[test]
fn an_incomplete_last_record_is_skipped_and_not_counted_as_damage() {
    let folder = folder();
    let spool = Spool::open(SpoolSettings {
        segment_bytes: 1 << 20,
        ..settings(&folder)
    })
    .unwrap();
    let records = numbered_records(10);
    record(&spool, &as_strs(&records));
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
        spool.delete_through(Position {
            segment: 1,
            offset: 0,
        });
        spool.stop();
    }
}

#[test]
fn a_damaged_record_costs_itself_and_is_reported() {
    let records = numbered_records(10);
    for offset in [8, 12, 16, 20, 60, 200] {
        let folder = folder();
        let spool = Spool::open(SpoolSettings {
            segment_bytes: 1 << 20,
            ..settings(&folder)
        })
        .unwrap();
        record(&spool, &as_strs(&records));
        spool.stop();
        drop(spool);
        flip_byte(&segment_files(&folder)[0], offset);
        let (remaining, n_damaged) = read_all(&mut open(&folder).reader());
        assert_eq!((remaining.len(), n_damaged), (9, 1), "byte {offset}");
    }
}

#[test]
fn a_damaged_magic_costs_no_record_and_other_files_stay() {
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
    spool.delete_through(Position {
        segment: 2,
        offset: 0,
    });
    assert!(folder.path().join("notes.txt").exists());
}

#[test]
fn a_damaged_range_longer_than_a_chunk_is_skipped() {
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
    let (remaining, n_damaged) = read_all(&mut open(&folder).reader());
    assert_eq!(remaining, ["first", "last"]);
    assert!(n_damaged >= 1);
}

#[test]
fn a_segment_that_cannot_be_opened_or_read_costs_itself_and_nothing_else() {
    type Damage = fn(&Path);
    let damages: [(&str, Damage); 3] = [
        ("is gone", |path| fs::remove_file(path).unwrap()),
        ("cannot be read", |path| {
            fs::remove_file(path).unwrap();
            fs::create_dir(path).unwrap();
        }),
        ("is a dangling link", |path| {
            fs::remove_file(path).unwrap();
            std::os::unix::fs::symlink("/nowhere/at/all", path).unwrap();
        }),
    ];
    for (case, damage) in damages {
        let folder = folder();
        let (all, files) = stopped_spool(&folder);
        let spool = open(&folder);
        damage(&files[1]);
        let mut reader = spool.reader();
        let (records, n_unreadable) = read_all_readable(&mut reader);
        assert!(n_unreadable > 0, "{case}");
        assert!(records.len() < all.len(), "{case}");
        assert_eq!(records.first(), all.first(), "{case}");
        assert_eq!(records.last(), all.last(), "{case}");
        // The spool still records, and delivered records can be deleted.
        record(&spool, &["more"]);
        let (records, _) = read_all_readable(&mut reader);
        assert_eq!(records, ["more"], "{case}");
        spool.stop();
        spool.delete_through(reader.position());
        assert_eq!(spool.bytes(), 0, "{case}");
    }
}

#[test]
fn a_segment_whose_file_was_cut_is_read_to_the_end_of_the_file() {
    let folder = folder();
    let (all, files) = stopped_spool(&folder);
    let spool = open(&folder);
    let len = fs::metadata(&files[1]).unwrap().len();
    let file = File::options().write(true).open(&files[1]).unwrap();
    file.set_len(len / 2).unwrap();
    let mut reader = spool.reader();
    let (records, n_unreadable) = read_all_readable(&mut reader);
    assert_eq!(n_unreadable, 1);
    assert!(
        records.len() < all.len() && records.len() > all.len() / 2,
        "{records:?}"
    );
    assert_eq!(records.last(), all.last());
    spool.stop();
    spool.delete_through(reader.position());
    assert_eq!(spool.bytes(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Whichever bytes are damaged, the reader returns every undamaged record, in order,
    /// and no record that was not appended.
    #[test]
    fn damage_costs_only_the_records_that_it_touches(
        n in 1..40_usize,
        hits in prop::collection::vec((0.0..1.0_f64, 1..40_usize), 0..4),
    ) {
        let folder = folder();
        let spool = Spool::open(SpoolSettings { segment_bytes: 1 << 20, ..settings(&folder) }).unwrap();
        let records = numbered_records(n);
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
        for (fraction, len) in hits {
            let from = 8 + (fraction * (bytes.len() - 8) as f64) as usize;
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
        let (remaining, _) = read_all(&mut open(&folder).reader());
        prop_assert!(remaining.iter().all(|record| records.contains(record)));
        let expected: Vec<_> = records.iter().zip(&untouched).filter(|(_, whole)| **whole).map(|(r, _)| r).collect();
        // Two hits on one byte undo each other, so more records may remain.
        let undamaged: Vec<_> = remaining.iter().filter(|record| expected.contains(record)).collect();
        prop_assert_eq!(undamaged, expected);
    }
}
