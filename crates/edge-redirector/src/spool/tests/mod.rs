//! Tests of the whole spool, on real files: what they share.

mod append;
mod damage;
mod delete;

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

/// Appends records and waits for each before the next.
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

/// Reads all records. Returns them, and the number of damaged ranges.
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

/// Waits for the writer, which is another thread.
fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = std::time::Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(std::time::Instant::now() < deadline, "waited for: {what}");
        std::thread::yield_now();
    }
}

fn numbered_records(n: usize) -> Vec<String> {
    (0..n)
        .map(|i| format!("record {i} {}", "x".repeat(i % 60)))
        .collect()
}

fn as_strs(records: &[String]) -> Vec<&str> {
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
