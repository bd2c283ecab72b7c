//! Running a command of the command line, which ends by itself, unlike the service.

use std::process::ExitCode;

use serde_json::Value;

/// Runs a command. Prints the JSON that it returns and returns its exit code; if it fails,
/// prints the error and returns a failure code.
#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line prints"
)]
pub fn run(command: impl Future<Output = anyhow::Result<(Value, ExitCode)>>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let result = match runtime {
        Ok(runtime) => runtime.block_on(command),
        Err(error) => Err(error.into()),
    };
    match result {
        Ok((value, code)) => {
            println!("{value}");
            code
        }
        Err(error) => {
            eprintln!("click-worker: {error:#}");
            ExitCode::FAILURE
        }
    }
}
