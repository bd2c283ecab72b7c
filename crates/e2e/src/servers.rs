//! The servers of tests: those of `DATABASE_URL`, `REDIS_URL` and `AMQP_URL`, else those on
//! localhost. A test fails if one is missing. Also private servers, for faults and benchmarks.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

#[derive(Debug, Clone)]
pub struct Servers {
    /// The URL of a maintenance database, from which tests create their own.
    pub database_url: String,
    pub redis_url: String,
    pub amqp_url: String,
}

impl Servers {
    pub fn find() -> Self {
        let given =
            |name, default: &str| std::env::var(name).unwrap_or_else(|_| default.to_owned());
        Self {
            database_url: given(
                "DATABASE_URL",
                "postgres://postgres@127.0.0.1:5432/postgres",
            ),
            redis_url: given("REDIS_URL", "redis://127.0.0.1:6379"),
            amqp_url: given("AMQP_URL", "amqp://guest:guest@127.0.0.1:5672/%2f"),
        }
    }
}

/// A server that only one test uses, so that the test can stop and freeze it.
pub struct PrivateServer {
    kind: &'static str,
    folder: TempDir,
    port: String,
    pub url: String,
}

impl PrivateServer {
    /// `kind` is one of `scripts/services start`: postgres, redis, rabbitmq.
    pub fn start(kind: &'static str) -> Self {
        Self::start_on(kind, None)
    }

    /// Starts a server that runs on one processor core, or on all of them.
    pub fn start_on(kind: &'static str, core: Option<u32>) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("waypost-")
            .tempdir()
            .expect("a temporary folder");
        let script = on_core(core, workspace().join("scripts/services"));
        let url = run(script, &["start", kind, path(folder.path())]);
        let port = url
            .rsplit(':')
            .next()
            .unwrap_or_default()
            .split('/')
            .next()
            .unwrap_or_default()
            .to_owned();
        Self {
            kind,
            folder,
            port,
            url,
        }
    }

    /// Stops the server, and keeps its data.
    pub fn stop(&self) {
        if self.kind == "postgres" {
            // A fast shutdown, which does not wait for clients.
            self.signal_one(self.pid(), "INT");
        }
        scripts_services(&["stop-one", path(self.folder.path())]);
    }

    /// Starts the server on its port and with its data.
    pub fn start_again(&self) {
        scripts_services(&["start", self.kind, path(self.folder.path()), &self.port]);
    }

    /// Stops the processes (SIGSTOP): the server keeps its connections and does not answer.
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    pub fn thaw(&self) {
        self.signal("CONT");
    }

    /// Thaws or starts the server, so that it answers.
    pub fn restore(&self) {
        match self.folder.path().join("pid").exists() {
            true => self.thaw(),
            false => self.start_again(),
        }
    }

    /// Kills the server, and starts it with the data on its disk.
    pub fn kill_and_start_again(&self) {
        self.signal("KILL");
        self.stop();
        self.start_again();
    }

    fn pid(&self) -> u32 {
        let pid = std::fs::read_to_string(self.folder.path().join("pid")).expect("its pid");
        pid.trim().parse().expect("a number")
    }

    /// Sends a signal to all of the server's processes, the parent first.
    fn signal(&self, name: &str) {
        let mut pids = vec![self.pid()];
        let mut i = 0;
        while let Some(&pid) = pids.get(i) {
            if self.signal_one(pid, name) {
                pids.extend(children(pid));
            }
            i += 1;
        }
    }

    /// Returns `false` if the process has ended.
    fn signal_one(&self, pid: u32, name: &str) -> bool {
        let kill = Command::new("kill")
            .args(["-s", name, &pid.to_string()])
            .output();
        let sent = kill.expect("kill runs").status.success();
        assert!(sent || pid != self.pid(), "{} is not running", self.kind);
        sent
    }

    /// Runs rabbitmqctl. The node has its own cookie, in its folder, and its own port mapper.
    pub fn rabbitmqctl(&self, args: &[&str]) {
        let read = |name: &str| {
            let text = std::fs::read_to_string(self.folder.path().join(name));
            text.expect("scripts/services wrote it").trim().to_owned()
        };
        let output = Command::new("/usr/lib/rabbitmq/bin/rabbitmqctl")
            .args(["-n", &read("node")])
            .args(args)
            .env("HOME", self.folder.path())
            .env("ERL_EPMD_PORT", read("epmd.port"))
            .output()
            .expect("rabbitmqctl runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "rabbitmqctl {args:?}: {said}");
    }
}

impl Drop for PrivateServer {
    fn drop(&mut self) {
        // A frozen process cannot end. The server may be stopped already.
        if self.folder.path().join("pid").exists() {
            self.thaw();
        }
        scripts_services(&["remove", path(self.folder.path())]);
    }
}

/// The child processes of a process.
fn children(parent: u32) -> Vec<u32> {
    let pids = std::fs::read_dir("/proc").expect("this is Linux");
    let pids = pids.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(|pid: &u32| {
        // The format is `pid (name) state ppid ...`, and the name may contain any character.
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        rest.split_whitespace().nth(1) == Some(&parent.to_string())
    })
    .collect()
}

fn path(path: &Path) -> &str {
    path.to_str().expect("temporary folders have plain names")
}

fn scripts_services(args: &[&str]) -> String {
    run(Command::new(workspace().join("scripts/services")), args)
}

fn run(mut script: Command, args: &[&str]) -> String {
    let output = script.args(args).output().expect("scripts/services runs");
    assert!(
        output.status.success(),
        "scripts/services {args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// A command that runs a program on one processor core, or on all of them.
pub fn on_core(core: Option<u32>, program: impl AsRef<OsStr>) -> Command {
    match core {
        None => Command::new(program),
        Some(core) => {
            let mut command = Command::new("taskset");
            command.args(["-c", &core.to_string()]).arg(program);
            command
        }
    }
}

pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
