//! The life of a process: it runs, drains on the first signal, aborts on the
//! second, flushes its telemetry whatever happened, and exits 0 only if all
//! of it went well.

use std::{fmt::Display, future::Future, process::ExitCode, time::Duration};

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    health::{DependencyHealth, Health},
    telemetry::{self, TelemetrySettings},
};

/// How often dependencies are looked at: `/ready` is as old as that at most.
const WATCH_INTERVAL: Duration = Duration::from_secs(1);

/// What ends a service, and what must end with it.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    signalled: CancellationToken,
    stopping: CancellationToken,
    tasks: TaskTracker,
    failed: CancellationToken,
}

impl Shutdown {
    /// Cancelled by the first signal: `stopping` comes after it.
    pub fn signalled(&self) -> &CancellationToken {
        &self.signalled
    }

    /// Cancelled after the first signal, or by the failure of a task.
    pub fn stopping(&self) -> &CancellationToken {
        &self.stopping
    }

    /// Spawns a task the service cannot do without: when it fails or panics,
    /// the process drains and exits with a failing code.
    pub fn spawn(
        &self,
        name: &'static str,
        task: impl Future<Output = anyhow::Result<()>> + Send + 'static,
    ) {
        let task = tokio::spawn(task);
        let shutdown = self.clone();
        self.tasks.spawn(async move {
            let failure = match task.await {
                Ok(Ok(())) => return,
                Ok(Err(error)) => format!("{error:#}"),
                Err(panic) => panic.to_string(),
            };
            tracing::error!(task = name, error = failure, "a task of the service failed");
            shutdown.failed.cancel();
            shutdown.stopping.cancel();
        });
    }

    /// Looks at a dependency every second and keeps its state for `/ready`.
    /// `handle` is what `ping` looks at, say a pool.
    pub fn watch<H, F, E>(
        &self,
        health: DependencyHealth,
        handle: H,
        ping: impl Fn(H) -> F + Send + 'static,
    ) where
        H: Clone + Send + 'static,
        F: Future<Output = Result<(), E>> + Send,
        E: Display,
    {
        let stopping = self.stopping.clone();
        self.spawn("dependency watch", async move {
            loop {
                match ping(handle.clone()).await {
                    Ok(()) => health.up(),
                    Err(reason) => health.down(reason.to_string()),
                }
                tokio::select! {
                    () = tokio::time::sleep(WATCH_INTERVAL) => {}
                    () = stopping.cancelled() => return Ok(()),
                }
            }
        });
    }

    /// Not ready any more from the first signal on, and stopping after a delay,
    /// in which balancers can look elsewhere.
    pub fn drains(&self, health: &Health, delay: Duration) {
        let (shutdown, health) = (self.clone(), health.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = shutdown.signalled.cancelled() => {
                    health.drain();
                    tokio::select! {
                        () = tokio::time::sleep(delay) => {}
                        () = shutdown.stopping.cancelled() => {}
                    }
                    shutdown.stopping.cancel();
                }
                () = shutdown.stopping.cancelled() => health.drain(),
            }
        });
    }

    /// Waits for every task; they end by themselves once stopping.
    pub async fn finished(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// When a drain has taken too long.
#[derive(Debug, Clone)]
pub struct Deadline(CancellationToken);

impl Deadline {
    /// `timeout` after `stopping`.
    pub fn after(stopping: &CancellationToken, timeout: Duration) -> Self {
        let passed = CancellationToken::new();
        let (stopping, token) = (stopping.clone(), passed.clone());
        tokio::spawn(async move {
            stopping.cancelled().await;
            tokio::time::sleep(timeout).await;
            token.cancel();
        });
        Self(passed)
    }

    pub async fn passed(&self) {
        self.0.cancelled().await;
    }
}

/// Runs a service in a runtime of its own. `run` returns when all is flushed.
pub fn main<F>(
    name: &'static str,
    telemetry: &TelemetrySettings,
    run: impl FnOnce(Shutdown) -> F,
) -> ExitCode
where
    F: Future<Output = anyhow::Result<()>>,
{
    let guard = match telemetry::start(name, telemetry) {
        Ok(guard) => guard,
        Err(error) => return stopped_early(name, &error),
    };
    let result = block_on(run);
    let code = match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(
                error = format!("{error:#}"),
                "the service stops with a failure"
            );
            ExitCode::FAILURE
        }
    };
    guard.flush();
    code
}

#[expect(clippy::print_stderr, reason = "there is no log yet")]
fn stopped_early(name: &str, error: &anyhow::Error) -> ExitCode {
    eprintln!("{name}: {error:#}");
    ExitCode::FAILURE
}

fn block_on<F>(run: impl FnOnce(Shutdown) -> F) -> anyhow::Result<()>
where
    F: Future<Output = anyhow::Result<()>>,
{
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the async runtime")?;
    runtime.block_on(async {
        let shutdown = Shutdown::default();
        watch_signals(shutdown.signalled.clone())?;
        run(shutdown.clone()).await?;
        shutdown.stopping.cancel();
        shutdown.finished().await;
        anyhow::ensure!(!shutdown.failed.is_cancelled(), "a task failed");
        tracing::info!("stopped");
        Ok(())
    })
}

fn watch_signals(signalled: CancellationToken) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot handle SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot handle SIGINT")?;
    tokio::spawn(async move {
        for first in [true, false] {
            let name = tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            };
            if first {
                tracing::info!(signal = name, "draining: a second signal aborts");
                signalled.cancel();
            }
        }
        tracing::warn!("aborted by a second signal");
        std::process::exit(130);
    });
    Ok(())
}
