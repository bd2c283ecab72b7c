//! What is made of a file, and made anew when the file changes.

use std::{
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use arc_swap::{ArcSwap, Guard};
use tokio_util::sync::CancellationToken;

/// How a file is read; it may take its time.
pub type Load<T> = fn(&Path) -> anyhow::Result<T>;

/// Read by anybody at the price of a look; changed by [`Watched::follow`].
pub struct Watched<T> {
    current: ArcSwap<T>,
    file: Option<File<T>>,
}

struct File<T> {
    path: PathBuf,
    load: Load<T>,
    /// Before it was first read.
    stamp: Option<Stamp>,
}

/// A file as it was: another of these is another file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    bytes: u64,
    modified_ns: i128,
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(path).ok()?;
        Some(Self {
            inode: metadata.ino(),
            bytes: metadata.len(),
            modified_ns: i128::from(metadata.mtime()) * 1_000_000_000
                + i128::from(metadata.mtime_nsec()),
        })
    }
}

impl<T: Send + Sync + 'static> Watched<T> {
    /// Of no file: it stays as it is.
    pub fn fixed(value: T) -> Self {
        Self {
            current: ArcSwap::from_pointee(value),
            file: None,
        }
    }

    /// Reads the file.
    pub fn open(path: PathBuf, load: Load<T>) -> anyhow::Result<Self> {
        let stamp = Stamp::of(&path);
        Ok(Self {
            current: ArcSwap::from_pointee(load(&path)?),
            file: Some(File { path, load, stamp }),
        })
    }

    pub fn get(&self) -> Guard<Arc<T>> {
        self.current.load()
    }

    /// Looks at the file in this interval. One that cannot be read is said,
    /// and what was read before stays; so a file may be replaced or written
    /// anew in its place.
    pub async fn follow(
        self: Arc<Self>,
        name: &'static str,
        interval: Duration,
        stopping: CancellationToken,
    ) -> anyhow::Result<()> {
        let Some(File { path, load, stamp }) = &self.file else {
            return Ok(());
        };
        let (load, mut seen) = (*load, *stamp);
        loop {
            tokio::select! {
                () = tokio::time::sleep(interval) => {}
                () = stopping.cancelled() => return Ok(()),
            }
            let now = Stamp::of(path);
            if now == seen {
                continue;
            }
            seen = now;
            let file = path.clone();
            match tokio::task::spawn_blocking(move || load(&file)).await? {
                Ok(value) => {
                    self.current.store(Arc::new(value));
                    tracing::info!(file = name, "a file has changed and is used");
                }
                Err(error) => tracing::warn!(
                    file = name,
                    error = %format!("{error:#}"),
                    "a file cannot be used: what was read of it before stays",
                ),
            }
        }
    }
}
