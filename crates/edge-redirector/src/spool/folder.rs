//! The spool's folder: its lock, and the segments that an earlier process left.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use super::{OpenError, Segment};

/// The file of a segment.
pub(super) fn segment_path(folder: &Path, sequence: u64) -> PathBuf {
    folder.join(format!("{sequence:016x}.seg"))
}

/// Locks the folder for as long as the file is open: two processes would overwrite each
/// other's segments.
pub(super) fn lock(folder: &Path) -> Result<File, OpenError> {
    let io_error = |error| OpenError::Io(folder.to_owned(), error);
    let file = File::create(folder.join("lock")).map_err(io_error)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(OpenError::InUse(folder.to_owned())),
        Err(fs::TryLockError::Error(error)) => Err(io_error(error)),
    }
}

/// The segments in the folder, by sequence number. Other files are ignored.
pub(super) fn list_segments(folder: &Path) -> io::Result<BTreeMap<u64, Segment>> {
    let mut segments = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let hex = name.to_str().and_then(|name| name.strip_suffix(".seg"));
        if let Some(Ok(sequence)) = hex.map(|hex| u64::from_str_radix(hex, 16)) {
            let segment = Segment {
                bytes: entry.metadata()?.len(),
                is_closed: true,
            };
            segments.insert(sequence, segment);
        }
    }
    Ok(segments)
}
