//! What psql does better than a driver: COPY of a file, timed as everybody times it, and
//! scripts with variables.

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};

/// Writes rows to a file, in the text format of COPY. `source` is a table, or a query in
/// parentheses.
pub fn copy_to_file(url: &str, source: &str, file: &Path) -> Result<()> {
    run(url, &[&format!("\\copy {source} TO '{}'", file.display())])?;
    Ok(())
}

/// The time that COPY takes to load a file into a table.
pub fn copy_from_file(url: &str, table: &str, file: &Path) -> Result<Duration> {
    let copy = format!("\\copy {table} FROM '{}'", file.display());
    let output = run(url, &["\\timing", &copy])?;
    parse_time(&output).with_context(|| format!("psql printed no time, but {output:?}"))
}

/// Runs a script of SQL and psql's own commands.
pub fn run_script(url: &str, script: &str, variables: &[(&str, i64)]) -> Result<()> {
    let mut command = psql(url);
    for (name, value) in variables {
        command.args(["-v", &format!("{name}={value}")]);
    }
    let mut psql = command
        .args(["-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()?;
    let mut stdin = psql.stdin.take().context("it is piped")?;
    stdin.write_all(script.as_bytes())?;
    drop(stdin);
    ensure!(psql.wait()?.success(), "the script failed");
    Ok(())
}

fn run(url: &str, commands: &[&str]) -> Result<String> {
    let mut psql = psql(url);
    for command in commands {
        psql.args(["-c", command]);
    }
    let output = psql.output().context("starting psql")?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "psql {commands:?} failed: {error}");
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn psql(url: &str) -> Command {
    let mut command = Command::new("psql");
    command.args(["-q", "-X", url]);
    command
}

/// `Time: 1234.567 ms (00:01.235)`
fn parse_time(output: &str) -> Option<Duration> {
    let mut lines = output.lines();
    let time = lines.find_map(|line| line.strip_prefix("Time: "))?;
    let (milliseconds, _) = time.split_once(" ms")?;
    Some(Duration::from_secs_f64(
        milliseconds.parse::<f64>().ok()? / 1e3,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_statement_is_read() {
        for (output, expected) in [
            ("Timing is on.\nTime: 12.500 ms\n", Some(12.5)),
            ("Time: 1234.567 ms (00:01.235)\n", Some(1234.567)),
            ("Timing is on.\n", None),
        ] {
            let expected = expected.map(|ms| Duration::from_secs_f64(ms / 1e3));
            assert_eq!(parse_time(output), expected, "{output:?}");
        }
    }
}
