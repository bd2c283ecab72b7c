//! The answer of `/ready`: whether the service is draining, and the state of each of its
//! dependencies. The tasks that use a dependency set its state; a probe only reads it.

use std::sync::{Arc, Mutex, MutexGuard};

/// Whether a service is ready while a dependency is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Criticality {
    /// The service is not ready while it is down.
    Required,
    /// `/ready` shows that it is down, and the service stays ready: it works without it,
    /// as the redirector does without RabbitMQ.
    Optional,
}

#[derive(Debug, Clone)]
struct Dependency {
    name: &'static str,
    criticality: Criticality,
    /// `Err` has the reason why it is down.
    state: Result<(), String>,
}

#[derive(Debug, Default)]
struct State {
    draining: bool,
    dependencies: Vec<Dependency>,
}

/// The readiness of a service. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Health(Arc<Mutex<State>>);

/// Sets the state of one dependency, for the task that uses it.
#[derive(Debug, Clone)]
pub struct DependencyHealth {
    health: Health,
    index: usize,
}

impl Health {
    /// Adds a dependency, which is down until it is marked as up. Several may have one
    /// name, such as connections to one broker: all of them must be up.
    pub fn add_dependency(&self, name: &'static str, criticality: Criticality) -> DependencyHealth {
        let mut state = self.lock();
        state.dependencies.push(Dependency {
            name,
            criticality,
            state: Err("not connected yet".to_owned()),
        });
        let index = state.dependencies.len() - 1;
        DependencyHealth {
            health: self.clone(),
            index,
        }
    }

    /// Makes the service not ready for good, because the process is about to end.
    pub fn start_draining(&self) {
        self.lock().draining = true;
    }

    pub fn is_ready(&self) -> bool {
        let state = self.lock();
        let allows_ready =
            |d: &Dependency| d.criticality == Criticality::Optional || d.state.is_ok();
        !state.draining && state.dependencies.iter().all(allows_ready)
    }

    /// The body of `/ready`: `{"ready", "draining", "dependencies": {name: "up" | reason}}`.
    pub fn report(&self) -> serde_json::Value {
        let ready = self.is_ready();
        let state = self.lock();
        let mut dependencies = serde_json::Map::new();
        // The later entry of a name stays in the map, so what is down comes last.
        let (up, down): (Vec<_>, Vec<_>) = state.dependencies.iter().partition(|d| d.state.is_ok());
        for dependency in up.into_iter().chain(down) {
            let state = match &dependency.state {
                Ok(()) => "up".to_owned(),
                Err(reason) => format!("down: {reason}"),
            };
            dependencies.insert(dependency.name.to_owned(), state.into());
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
    pub fn mark_up(&self) {
        self.set(Ok(()));
    }

    pub fn mark_down(&self, reason: impl ToString) {
        self.set(Err(reason.to_string()));
    }

    fn set(&self, new_state: Result<(), String>) {
        let mut state = self.health.lock();
        state.dependencies[self.index].state = new_state;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_required_dependency_decides_and_an_optional_one_is_shown() {
        let health = Health::default();
        let required = health.add_dependency("postgres", Criticality::Required);
        let optional = health.add_dependency("redis", Criticality::Optional);
        assert!(!health.is_ready(), "not connected yet");
        required.mark_up();
        assert!(health.is_ready());
        optional.mark_down("connection refused");
        assert!(health.is_ready());
        let report = health.report();
        assert_eq!(report["dependencies"]["redis"], "down: connection refused");
        assert_eq!(report["dependencies"]["postgres"], "up");
        required.mark_down("gone");
        assert!(!health.is_ready());
    }

    #[test]
    fn all_dependencies_of_one_name_must_be_up() {
        let health = Health::default();
        let both = [(); 2].map(|()| health.add_dependency("rabbitmq", Criticality::Required));
        both[1].mark_up();
        assert!(!health.is_ready());
        let report = health.report();
        assert_eq!(
            report["dependencies"]["rabbitmq"],
            "down: not connected yet"
        );
        both[0].mark_up();
        assert!(health.is_ready());
    }

    #[test]
    fn a_draining_service_is_not_ready() {
        let health = Health::default();
        assert!(health.is_ready());
        health.start_draining();
        assert!(!health.is_ready());
    }
}
