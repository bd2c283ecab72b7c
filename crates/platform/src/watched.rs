//! What is made of a file, and made anew when the file changes.

use std::{
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use arc_swap::{ArcSwap, Guard};

use crate::service::Shutdown;

/// Read by anybody at the price of a look.
pub struct Watched<T>(ArcSwap<T>);

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
    pub fn fixed(value: T) -> Arc<Self> {
        Arc::new(Self(ArcSwap::from_pointee(value)))
    }

    /// Reads the file with `load`, which may take its time, and from then on looks at it in this interval. One that
    /// cannot be read any more is said by its `name`, and what was read before
    /// stays; so a file may be replaced or written anew in its place.
    pub fn open(
        name: &'static str,
        path: PathBuf,
        load: impl Fn(&Path) -> anyhow::Result<T> + Clone + Send + Sync + 'static,
        interval: Duration,
        shutdown: &Shutdown,
    ) -> anyhow::Result<Arc<Self>> {
        let stamp = Stamp::of(&path);
        let watched = Self::fixed(load(&path).context(name)?);
        let stopping = shutdown.stopping().clone();
        let following = follow(name, path, stamp, load, interval, watched.clone());
        shutdown.spawn(name, async move {
            tokio::select! {
                ended = following => ended,
                () = stopping.cancelled() => Ok(()),
            }
        });
        Ok(watched)
    }

    pub fn get(&self) -> Guard<Arc<T>> {
        self.0.load()
    }
}

/// `seen` is the file's stamp from before it was read.
async fn follow<T: Send + Sync + 'static>(
    name: &'static str,
    path: PathBuf,
    mut seen: Option<Stamp>,
    load: impl Fn(&Path) -> anyhow::Result<T> + Clone + Send + Sync + 'static,
    interval: Duration,
    watched: Arc<Watched<T>>,
) -> anyhow::Result<()> {
    loop {
        tokio::time::sleep(interval).await;
        let now = Stamp::of(&path);
        if now == seen {
            continue;
        }
        seen = now;
        let (file, load) = (path.clone(), load.clone());
        match tokio::task::spawn_blocking(move || load(&file)).await? {
            Ok(value) => {
                watched.0.store(Arc::new(value));
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
