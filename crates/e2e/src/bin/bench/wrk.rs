//! wrk, the load of the rows that one core must not be the limit of: it sends more requests
//! from one core than any server here answers with another.

use std::{path::Path, time::Duration};

use anyhow::{Context as _, Result, ensure};
use e2e::servers::on_core;

pub const VISIT: &str = include_str!("lua/visit.lua");
pub const VISIT_WITH_PAUSES: &str =
    concat!(include_str!("lua/visit.lua"), include_str!("lua/pause.lua"));
pub const POST: &str = include_str!("lua/post.lua");
pub const RENDER: &str = include_str!("lua/render.lua");
const DONE: &str = include_str!("lua/done.lua");

/// One run of wrk.
pub struct Load<'l> {
    pub url: String,
    /// The core that wrk may use, or all of them.
    pub core: Option<u32>,
    pub n_connections: usize,
    pub time: Duration,
    /// A request that takes longer has failed.
    pub timeout: Duration,
    /// The Lua that makes the requests.
    pub script: &'static str,
    /// The environment that the script reads.
    pub variables: &'l [(&'static str, String)],
    pub headers: &'l [String],
}

/// What a run measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LoadResult {
    pub requests_per_second: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub n_requests: u64,
}

impl Load<'_> {
    /// Runs to the end. `folder` is for the script. Fails if a request fails.
    pub fn run(&self, folder: &Path) -> Result<LoadResult> {
        let script = folder.join("load.lua");
        std::fs::write(&script, format!("{}{DONE}", self.script))?;
        let mut command = on_core(self.core, "wrk");
        command
            .args(["-t1", &format!("-c{}", self.n_connections)])
            .arg(format!("-d{}s", self.time.as_secs()))
            .arg("--timeout")
            .arg(format!("{}s", self.timeout.as_secs()))
            .arg("-s")
            .arg(script)
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
        for header in self.headers {
            command.args(["-H", header]);
        }
        let output = command.arg(&self.url).output().context("starting wrk")?;
        let text = String::from_utf8_lossy(&output.stdout);
        ensure!(
            output.status.success(),
            "wrk failed: {text}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        parse(&text).with_context(|| format!("reading the output of wrk for {}", self.url))
    }
}

fn parse(output: &str) -> Result<LoadResult> {
    let mut lines = output.lines();
    let result = lines.find_map(|line| line.strip_prefix("RESULT "));
    let result = result.with_context(|| format!("wrk printed no result, but {output:?}"))?;
    let numbers: Vec<f64> = result
        .split_whitespace()
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    let [requests_per_second, p50_ms, p99_ms, n_requests, n_failed] = numbers[..] else {
        anyhow::bail!("wrk printed {result:?}");
    };
    ensure!(
        n_failed == 0.0,
        "{n_failed} of {n_requests} requests failed"
    );
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count of requests"
    )]
    Ok(LoadResult {
        requests_per_second,
        p50_ms,
        p99_ms,
        n_requests: n_requests as u64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_result_is_found_in_the_output_of_wrk() {
        let output = "Running 1s test @ http://127.0.0.1:1/\n  5 requests in 1.00s\nRESULT 4980.1 1.5 3.25 5000 0\n";
        let expected = LoadResult {
            requests_per_second: 4980.1,
            p50_ms: 1.5,
            p99_ms: 3.25,
            n_requests: 5000,
        };
        assert_eq!(parse(output).expect("it is complete"), expected);
    }

    #[test]
    fn failed_requests_and_a_missing_result_are_errors() {
        for (output, expected) in [
            (
                "RESULT 4980.1 1.5 3.25 5000 3\n",
                "3 of 5000 requests failed",
            ),
            ("Running 1s test\n", "wrk printed no result"),
            ("RESULT 1 2 3\n", "wrk printed \"1 2 3\""),
        ] {
            let error = parse(output).expect_err(output).to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
