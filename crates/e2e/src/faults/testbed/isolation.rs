//! A disk and a clock that only one process sees.

use std::path::{Path, PathBuf};

/// A command that mounts a small file system over `SPOOL_DIR` in a mount namespace of its own.
/// The file system ends with the process.
pub(super) fn on_small_disk(size: &str) -> Vec<String> {
    let script = format!("mount -t tmpfs -o size={size} tmpfs \"$SPOOL_DIR\" && exec \"$0\"");
    ["unshare", "--map-root-user", "--mount", "sh", "-c", &script]
        .map(str::to_owned)
        .into()
}

/// The environment that makes libfaketime the wall clock of a process, but not its monotonic
/// clock.
pub(super) fn own_clock(file: &Path) -> Vec<(String, String)> {
    std::fs::write(file, "+0").expect("a file for the clock");
    let library = ["/usr/lib", "/usr/lib64"]
        .iter()
        .flat_map(|folder| find(folder.as_ref(), "libfaketimeMT.so.1", 3))
        .next()
        .expect("libfaketime is installed");
    [
        ("LD_PRELOAD", library.display().to_string()),
        ("FAKETIME_TIMESTAMP_FILE", file.display().to_string()),
        ("FAKETIME_CACHE_DURATION", "1".to_owned()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ("DONT_FAKE_MONOTONIC", "1".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

fn find(folder: &Path, name: &str, depth: usize) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    paths
        .flat_map(|path| {
            if path.file_name().is_some_and(|found| found == name) {
                vec![path]
            } else if depth > 0 && path.is_dir() && !path.is_symlink() {
                find(&path, name, depth - 1)
            } else {
                Vec::new()
            }
        })
        .collect()
}
