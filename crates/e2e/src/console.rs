//! Output of the programs: results on standard output, progress on standard error.

use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};

#[expect(clippy::print_stdout, reason = "it is what programs are for")]
pub fn print(text: &str) {
    println!("{text}");
}

#[expect(clippy::print_stderr, reason = "progress is not the result")]
pub fn say(text: &str) {
    eprintln!("{text}");
}

/// Runs a future to its end or to SIGINT or SIGTERM. Either way its values are dropped, so
/// that the processes that it started end too.
pub async fn until_ended(run: impl Future<Output = ExitCode>) -> ExitCode {
    let mut terminate = signal(SignalKind::terminate()).expect("a handler");
    tokio::select! {
        code = run => code,
        _ = tokio::signal::ctrl_c() => ExitCode::from(130),
        _ = terminate.recv() => ExitCode::from(143),
    }
}
