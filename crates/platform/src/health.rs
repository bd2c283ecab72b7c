//! What `/ready` answers: the latches of a service's start, and the state of
//! what it depends on. Tasks set them; a probe only reads.

use std::sync::{Arc, Mutex, MutexGuard};

/// Whether a service can do its work without a dependency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Down means not ready.
    Required,
    /// Down is shown, and the service stays ready: it works without, as the
    /// redirector does without RabbitMQ.
    Optional,
}

#[derive(Debug, Clone)]
struct Dependency {
    name: &'static str,
    need: Need,
    /// `Err` holds what is wrong.
    state: Result<(), String>,
}

#[derive(Debug, Default)]
struct State {
    draining: bool,
    dependencies: Vec<Dependency>,
}

#[derive(Debug, Clone, Default)]
pub struct Health(Arc<Mutex<State>>);

/// Sets the state of one dependency.
#[derive(Debug, Clone)]
pub struct DependencyHealth {
    health: Health,
    index: usize,
}

impl Health {
    /// A dependency, down until it is said to be up. There may be several of
    /// a name, as connections to one broker: all of them must be up.
    pub fn dependency(&self, name: &'static str, need: Need) -> DependencyHealth {
        let mut state = self.lock();
        state.dependencies.push(Dependency {
            name,
            need,
            state: Err("not connected yet".to_owned()),
        });
        let index = state.dependencies.len() - 1;
        DependencyHealth {
            health: self.clone(),
            index,
        }
    }

    /// From now on not ready: the process is about to end.
    pub fn drain(&self) {
        self.lock().draining = true;
    }

    pub fn is_ready(&self) -> bool {
        let state = self.lock();
        let works = |d: &Dependency| d.need == Need::Optional || d.state.is_ok();
        !state.draining && state.dependencies.iter().all(works)
    }

    /// The body of `/ready`: `{"ready", "draining", "dependencies": {name: "up" | reason}}`.
    pub fn report(&self) -> serde_json::Value {
        let ready = self.is_ready();
        let state = self.lock();
        let mut dependencies = serde_json::Map::new();
        // Those that are up first: of a name, what is wrong is shown.
        let (up, down): (Vec<_>, Vec<_>) = state.dependencies.iter().partition(|d| d.state.is_ok());
        for dependency in up.into_iter().chain(down) {
            let shown = match &dependency.state {
                Ok(()) => "up".to_owned(),
                Err(reason) => format!("down: {reason}"),
            };
            dependencies.insert(dependency.name.to_owned(), shown.into());
        }
        serde_json::json!({
            "ready": ready,
            "draining": state.draining,
            "dependencies": dependencies,
        })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0
            .lock()
            .expect("no code panics while it holds this lock")
    }
}

impl DependencyHealth {
    pub fn up(&self) {
        self.set(Ok(()));
    }

    pub fn down(&self, reason: impl ToString) {
        self.set(Err(reason.to_string()));
    }

    fn set(&self, new: Result<(), String>) {
        let mut state = self.health.lock();
        state.dependencies[self.index].state = new;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_required_dependency_decides_and_an_optional_one_is_shown() {
        let health = Health::default();
        let required = health.dependency("postgres", Need::Required);
        let optional = health.dependency("redis", Need::Optional);
        assert!(!health.is_ready(), "not connected yet");
        required.up();
        assert!(health.is_ready());
        optional.down("connection refused");
        assert!(health.is_ready());
        let report = health.report();
        assert_eq!(report["dependencies"]["redis"], "down: connection refused");
        assert_eq!(report["dependencies"]["postgres"], "up");
        required.down("gone");
        assert!(!health.is_ready());
    }

    #[test]
    fn of_several_with_a_name_all_must_be_up() {
        let health = Health::default();
        let both = [(); 2].map(|()| health.dependency("rabbitmq", Need::Required));
        both[1].up();
        assert!(!health.is_ready());
        let report = health.report();
        assert_eq!(
            report["dependencies"]["rabbitmq"],
            "down: not connected yet"
        );
        both[0].up();
        assert!(health.is_ready());
    }

    #[test]
    fn a_draining_service_is_not_ready() {
        let health = Health::default();
        assert!(health.is_ready());
        health.drain();
        assert!(!health.is_ready());
    }
}
