//! A value that is made from a file, and made again whenever the file changes, so that an
//! operator can replace bot rules or GeoIP databases without a restart.

use std::{
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use arc_swap::{ArcSwap, Guard};

use crate::service::Shutdown;

/// The current value of a file. Reading it takes no lock.
pub struct ReloadingFile<T>(ArcSwap<T>);

/// What tells two versions of a file apart without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileVersion {
    inode: u64,
    n_bytes: u64,
    modified_ns: i128,
}

impl FileVersion {
    /// `None` if there is no file, or none that can be looked at.
    fn read(path: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(path).ok()?;
        Some(Self {
            inode: metadata.ino(),
            n_bytes: metadata.len(),
            modified_ns: i128::from(metadata.mtime()) * 1_000_000_000
                + i128::from(metadata.mtime_nsec()),
        })
    }
}

impl<T: Send + Sync + 'static> ReloadingFile<T> {
    /// A fixed value without a file.
    pub fn constant(value: T) -> Arc<Self> {
        Arc::new(Self(ArcSwap::from_pointee(value)))
    }

    /// Makes the value with `load`, which may block, and again when a check of every
    /// `interval` finds that the file has changed. The file may be replaced or written in
    /// place.
    ///
    /// Fails if the first `load` fails. When a later one does, the log says so by the name
    /// of the setting, `name`, and the previous value stays.
    pub fn open(
        name: &'static str,
        path: PathBuf,
        load: impl Fn(&Path) -> anyhow::Result<T> + Clone + Send + Sync + 'static,
        interval: Duration,
        shutdown: &Shutdown,
    ) -> anyhow::Result<Arc<Self>> {
        // The version is read before the content: a change in between is loaded twice
        // instead of being missed.
        let version = FileVersion::read(&path);
        let value = Self::constant(load(&path).context(name)?);
        let stopping = shutdown.stopping().clone();
        let reloading = reload_on_change(name, path, version, load, interval, value.clone());
        shutdown.spawn(name, async move {
            tokio::select! {
                ended = reloading => ended,
                () = stopping.cancelled() => Ok(()),
            }
        });
        Ok(value)
    }

    pub fn get(&self) -> Guard<Arc<T>> {
        self.0.load()
    }
}

async fn reload_on_change<T: Send + Sync + 'static>(
    name: &'static str,
    path: PathBuf,
    mut loaded_version: Option<FileVersion>,
    load: impl Fn(&Path) -> anyhow::Result<T> + Clone + Send + Sync + 'static,
    interval: Duration,
    value: Arc<ReloadingFile<T>>,
) -> anyhow::Result<()> {
    loop {
        tokio::time::sleep(interval).await;
        let version = FileVersion::read(&path);
        if version == loaded_version {
            continue;
        }
        loaded_version = version;
        let (path, load) = (path.clone(), load.clone());
        match tokio::task::spawn_blocking(move || load(&path)).await? {
            Ok(new_value) => {
                value.0.store(Arc::new(new_value));
                tracing::info!(file = name, "a changed file was reloaded");
            }
            Err(error) => tracing::warn!(
                file = name,
                error.message = %format!("{error:#}"),
                "reloading a file failed, keeping the previous version",
            ),
        }
    }
}
