//! Which servers to use: `DATABASE_URL`, `REDIS_URL` and `AMQP_URL`, or what
//! listens on localhost. Missing ones fail the test.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

#[derive(Debug, Clone)]
pub struct Servers {
    /// Of a maintenance database.
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

/// A server of a test's own, which may be stopped and frozen.
pub struct PrivateServer {
    kind: &'static str,
    folder: TempDir,
    port: String,
    pub url: String,
}

impl PrivateServer {
    /// `kind` is one of `scripts/services start`: postgres, redis, rabbitmq.
    pub fn start(kind: &'static str) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("waypost-")
            .tempdir()
            .expect("a temporary folder");
        let url = scripts_services(&["start", kind, path(folder.path())]);
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

    /// Stops it; its data stays.
    pub fn stop(&self) {
        scripts_services(&["stop-one", path(self.folder.path())]);
    }

    /// Starts it again, on its port and with its data.
    pub fn start_again(&self) {
        scripts_services(&["start", self.kind, path(self.folder.path()), &self.port]);
    }

    /// It keeps its connections and answers nothing.
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    pub fn thaw(&self) {
        self.signal("CONT");
    }

    /// A crash, and a start with what is on disk.
    pub fn kill_and_start_again(&self) {
        self.signal("KILL");
        self.stop();
        self.start_again();
    }

    fn signal(&self, name: &str) {
        let pid = std::fs::read_to_string(self.folder.path().join("pid")).expect("its pid");
        let sent = Command::new("kill").args(["-s", name, pid.trim()]).status();
        assert!(sent.expect("kill runs").success());
    }

    /// Where its files are, such as what its management commands need.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for PrivateServer {
    fn drop(&mut self) {
        // What is frozen does not end; it may be gone already.
        let pid = std::fs::read_to_string(self.folder.path().join("pid")).unwrap_or_default();
        drop(
            Command::new("kill")
                .args(["-s", "CONT", pid.trim()])
                .output(),
        );
        scripts_services(&["remove", path(self.folder.path())]);
    }
}

fn path(path: &Path) -> &str {
    path.to_str().expect("temporary folders have plain names")
}

fn scripts_services(args: &[&str]) -> String {
    let script = workspace().join("scripts/services");
    let output = Command::new(script)
        .args(args)
        .output()
        .expect("scripts/services runs");
    assert!(
        output.status.success(),
        "scripts/services {args:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
