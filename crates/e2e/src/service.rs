//! A service's process: the built binary on port 0, observed through its log.

use std::{
    collections::HashMap,
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Condvar, Mutex, OnceLock},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{servers::workspace, wait::LIMIT};

/// The whole environment of a service.
pub type Env = HashMap<String, String>;

/// A running service, which is killed when it is dropped.
pub struct Service {
    name: &'static str,
    child: Child,
    log: Arc<Log>,
    expected: Vec<&'static str>,
}

#[derive(Default)]
struct Log {
    lines: Mutex<Vec<Value>>,
    /// Notified of each line, and of the end of the log.
    grew: Condvar,
}

impl Service {
    /// Starts a binary and waits until it listens.
    pub fn start(name: &'static str, args: &[&str], env: &Env) -> Self {
        Self::start_command(name, command(name, args, env))
    }

    /// As [`start`](Self::start), with a command that runs the binary.
    pub fn start_command(name: &'static str, mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("the binary starts");
        let log = Arc::new(Log::default());
        let stdout = child.stdout.take().expect("it is piped");
        std::thread::spawn({
            let log = log.clone();
            move || {
                for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                    let line = serde_json::from_str(&line).unwrap_or(Value::String(line));
                    log.lines.lock().expect("not poisoned").push(line);
                    log.grew.notify_all();
                }
            }
        });
        let service = Self {
            name,
            child,
            log,
            expected: Vec::new(),
        };
        service.wait_for_log("listening");
        service
    }

    /// Expects warnings and errors whose line contains `part`.
    pub fn expect_in_log(&mut self, part: &'static str) {
        self.expected.push(part);
    }

    /// Waits for the first line with this message.
    pub fn wait_for_log(&self, message: &str) -> Value {
        let start = Instant::now();
        let mut lines = self.log.lines.lock().expect("not poisoned");
        loop {
            if let Some(line) = lines.iter().find(|line| line["message"] == message) {
                return line.clone();
            }
            assert!(
                start.elapsed() < LIMIT,
                "{} did not log {message:?}, but: {lines:#?}",
                self.name
            );
            let waited = self
                .log
                .grew
                .wait_timeout(lines, Duration::from_millis(100));
            lines = waited.expect("not poisoned").0;
        }
    }

    /// The URL of an address that the service logged, such as `edge.address`.
    pub fn address(&self, field: &str) -> String {
        let line = self.wait_for_log("listening");
        line[field]
            .as_str()
            .expect("it logs its addresses")
            .to_owned()
    }

    pub fn url(&self, field: &str) -> String {
        format!("http://{}", self.address(field))
    }

    /// Sends SIGTERM and waits for the end. Panics unless the service exits with 0 and its log
    /// is clean.
    pub fn stop(mut self) {
        self.signal("TERM");
        let status = self.wait();
        assert!(
            status.success(),
            "{} ended with {status}: {:#?}",
            self.name,
            self.lines()
        );
        self.check_log();
    }

    /// Sends SIGTERM and waits for the end. Ignores the log: for programs, not for tests.
    pub fn terminate(mut self) {
        self.signal("TERM");
        self.wait();
    }

    /// Kills the service with SIGKILL, as a crash. Its log must be clean.
    pub fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.wait();
        self.check_log();
    }

    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(sent.expect("kill runs").success());
    }

    /// Waits for the end of the process.
    pub fn wait(&mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                return status;
            }
            assert!(
                start.elapsed() < LIMIT,
                "{} does not end: {:#?}",
                self.name,
                self.lines()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The value of the first metric whose line starts with `name`, 0 if there is none.
    pub async fn metric(&self, name: &str) -> f64 {
        let text = self.metrics().await;
        let line = text.lines().find(|line| line.starts_with(name));
        let value = line.and_then(|line| line.rsplit(' ').next());
        value.map_or(0.0, |value| value.parse().expect("a number"))
    }

    /// All metrics, in the text format of Prometheus.
    pub async fn metrics(&self) -> String {
        let url = format!("{}/metrics", self.url("admin.address"));
        let response = reqwest::get(url).await.expect("the admin port answers");
        response.text().await.expect("text")
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn lines(&self) -> Vec<Value> {
        self.log.lines.lock().expect("not poisoned").clone()
    }

    fn check_log(&self) {
        let unexpected: Vec<_> = self
            .lines()
            .into_iter()
            .filter(|line| line["level"] == "WARN" || line["level"] == "ERROR" || line.is_string())
            .filter(|line| {
                !self
                    .expected
                    .iter()
                    .any(|part| line.to_string().contains(part))
            })
            .collect();
        assert!(
            unexpected.is_empty(),
            "{} logged: {unexpected:#?}",
            self.name
        );
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // The process may have ended already.
        if self.child.kill().is_ok() {
            drop(self.child.wait());
        }
    }
}

/// A command of a binary with exactly this environment.
pub fn command(name: &str, args: &[&str], env: &Env) -> Command {
    let mut command = Command::new(binary(name));
    command.args(args).env_clear().envs(env);
    command
}

/// The path of a binary of the workspace. A test builds it, once per run, so that it never
/// tests old code. A program uses the binary in its own folder.
pub fn binary(name: &str) -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let folder = BUILT.get_or_init(|| {
        let program = std::env::current_exe().expect("this program");
        let folder = program.parent().expect("a file is in a folder");
        if !folder.ends_with("deps") {
            return folder.to_owned();
        }
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        let status = Command::new(cargo)
            .args(["build", "--quiet", "--workspace", "--bins"])
            .current_dir(workspace())
            .status();
        assert!(
            status.expect("cargo runs").success(),
            "the binaries do not build"
        );
        let profile = folder.parent().expect("target/debug/deps");
        profile.to_owned()
    });
    folder.join(name)
}
