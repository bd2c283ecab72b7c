//! Running a command of the command line to its end, outside of a service's life.

use std::process::ExitCode;

use serde_json::Value;

/// Prints the JSON that a command answers and ends with its code; or its error, with a
/// failing one.
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
        Ok((answer, code)) => {
            println!("{answer}");
            code
        }
        Err(error) => {
            eprintln!("click-worker: {error:#}");
            ExitCode::FAILURE
        }
    }
}
