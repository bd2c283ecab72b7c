//! The life of a service's process: it runs, drains on the first signal, aborts on the
//! second, flushes its telemetry whatever happened, and exits with 0 only if no part of it
//! failed. What is drained, and in which order, is the service's own.

use std::{fmt::Display, future::Future, process::ExitCode, time::Duration};

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    health::{DependencyHealth, Health},
    telemetry::{self, TelemetrySettings},
};

/// How often each dependency is checked, and so how old the answer of `/ready` is at most.
const HEALTH_CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// The two stages in which a service stops, and the tasks that must have ended before its
/// process does. Clones share them.
///
/// The first signal cancels [`Shutdown::signal_received`]. [`Shutdown::stopping`] follows after a
/// delay, in which load balancers learn of it: from then on the service accepts no work and
/// finishes what it has.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    signal_received: CancellationToken,
    stopping: CancellationToken,
    tasks: TaskTracker,
    task_failed: CancellationToken,
}

impl Shutdown {
    /// Cancelled by the first signal, before [`Shutdown::stopping`].
    pub fn signal_received(&self) -> &CancellationToken {
        &self.signal_received
    }

    /// Cancelled some time after the first signal, or at once when a task fails.
    pub fn stopping(&self) -> &CancellationToken {
        &self.stopping
    }

    /// Spawns a task that the service cannot work without: when it fails or panics, the
    /// process drains and exits with a failure code.
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
            tracing::error!(
                task = name,
                error.message = failure,
                "a task of the service failed, stopping"
            );
            shutdown.task_failed.cancel();
            shutdown.stopping.cancel();
        });
    }

    /// Spawns a task that checks a dependency every second and marks it as up or down.
    /// `ping` gets a clone of `handle`, for example of a pool, and fails if the dependency
    /// does not answer.
    pub fn spawn_health_check<H, F, E>(
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
        self.spawn("health check", async move {
            loop {
                match ping(handle.clone()).await {
                    Ok(()) => health.mark_up(),
                    Err(reason) => health.mark_down(reason.to_string()),
                }
                tokio::select! {
                    () = tokio::time::sleep(HEALTH_CHECK_INTERVAL) => {}
                    () = stopping.cancelled() => return Ok(()),
                }
            }
        });
    }

    /// Spawns a task that makes the service not ready at the first signal, and cancels
    /// [`Shutdown::stopping`] after `delay`, in which load balancers turn to others.
    pub fn spawn_drain(&self, health: &Health, delay: Duration) {
        let (shutdown, health) = (self.clone(), health.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = shutdown.signal_received.cancelled() => {
                    health.start_draining();
                    tokio::select! {
                        () = tokio::time::sleep(delay) => {}
                        () = shutdown.stopping.cancelled() => {}
                    }
                    shutdown.stopping.cancel();
                }
                () = shutdown.stopping.cancelled() => health.start_draining(),
            }
        });
    }

    /// Waits until every task has ended. They end by themselves after
    /// [`Shutdown::stopping`].
    pub async fn join_tasks(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// A point in time after which a drain must give up what is left.
#[derive(Debug, Clone)]
pub struct Deadline(CancellationToken);

impl Deadline {
    /// Lies `timeout` after the moment when `stopping` is cancelled.
    pub fn after_cancellation(stopping: &CancellationToken, timeout: Duration) -> Self {
        let reached = CancellationToken::new();
        let (stopping, token) = (stopping.clone(), reached.clone());
        tokio::spawn(async move {
            stopping.cancelled().await;
            tokio::time::sleep(timeout).await;
            token.cancel();
        });
        Self(reached)
    }

    /// Waits for it.
    pub async fn reached(&self) {
        self.0.cancelled().await;
    }
}

/// Runs a service in an async runtime and returns the exit code of its process. `run`
/// returns when the service has stopped and written what it has accepted.
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
        Err(error) => return print_start_failure(name, &error),
    };
    let code = match block_on(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "the service failed");
            ExitCode::FAILURE
        }
    };
    guard.flush();
    code
}

#[expect(clippy::print_stderr, reason = "the log has not started")]
fn print_start_failure(name: &str, error: &anyhow::Error) -> ExitCode {
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
        handle_signals(shutdown.signal_received.clone())?;
        run(shutdown.clone()).await?;
        shutdown.stopping.cancel();
        shutdown.join_tasks().await;
        anyhow::ensure!(!shutdown.task_failed.is_cancelled(), "a task failed");
        tracing::info!("stopped");
        Ok(())
    })
}

fn handle_signals(signal_received: CancellationToken) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("cannot handle SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot handle SIGINT")?;
    tokio::spawn(async move {
        for is_first in [true, false] {
            let name = tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            };
            if is_first {
                tracing::info!(
                    signal = name,
                    "a signal was received, draining; a second signal aborts"
                );
                signal_received.cancel();
            }
        }
        tracing::warn!("a second signal was received, aborting");
        std::process::exit(130);
    });
    Ok(())
}
