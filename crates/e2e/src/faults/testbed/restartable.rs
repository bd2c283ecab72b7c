//! A service's process that can be ended and started again.

use std::process::Command;

use crate::service::{Env, Service, binary};

/// A service's process, and the command that starts it again.
pub struct Restartable {
    pub(super) name: &'static str,
    pub(super) args: &'static [&'static str],
    pub(super) env: Env,
    /// The command in front of the program, such as one that mounts its disk.
    pub(super) wrapper: Vec<String>,
    pub(super) service: Option<Service>,
}

impl Restartable {
    pub(super) fn start_new(name: &'static str, args: &'static [&'static str], env: Env) -> Self {
        let mut restartable = Self {
            name,
            args,
            env,
            wrapper: Vec::new(),
            service: None,
        };
        restartable.start();
        restartable
    }

    /// Starts the process if it is not running.
    pub fn start(&mut self) {
        if self.service.is_some() {
            return;
        }
        let program = binary(self.name);
        let mut words = self.wrapper.iter().map(std::ffi::OsString::from);
        let mut command = match words.next() {
            None => Command::new(program),
            Some(wrapper) => {
                let mut command = Command::new(wrapper);
                command.args(words).arg(program);
                command
            }
        };
        command.args(self.args).env_clear().envs(&self.env);
        self.service = Some(Service::start_command(self.name, command));
    }

    /// Kills the process with SIGKILL.
    pub fn kill(&mut self) {
        self.service = None;
    }

    /// Sends SIGTERM and waits for the end. Returns a sentence if the exit code is not 0.
    pub async fn stop(&mut self) -> Option<String> {
        let mut service = self.service.take()?;
        service.signal("TERM");
        // Waits on another thread, so that the load continues.
        let ended = tokio::task::spawn_blocking(move || service.wait());
        let status = ended.await.expect("it ends");
        (!status.success()).then(|| format!("{} ended with {status}", self.name))
    }

    pub fn service(&self) -> &Service {
        self.service.as_ref().expect("it runs")
    }

    pub(super) fn logged_a_panic(&self) -> bool {
        let lines = self.service.as_ref().map(Service::lines);
        lines.is_some_and(|lines| {
            lines
                .iter()
                .any(|line| line.to_string().contains("panicked"))
        })
    }
}
