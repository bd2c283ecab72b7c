//! The end of a testbed.

use super::start::Testbed;

impl Testbed {
    /// Stops all services gracefully. Returns what is wrong with their ends.
    pub async fn shut_down(mut self) -> Vec<String> {
        let mut wrong = Vec::new();
        // A redirector that stops keeps the events without a store receipt in its spool.
        if !self.wait_for_empty_spools().await {
            wrong.push("a spool did not become empty".to_owned());
        }
        let services = || {
            let some = std::iter::once(&self.api).chain(&self.edges);
            some.chain(&self.workers)
        };
        for service in services().filter(|service| service.logged_a_panic()) {
            wrong.push(format!("{} panicked", service.name));
        }
        for edge in &mut self.edges {
            wrong.extend(edge.stop().await);
        }
        for worker in &mut self.workers {
            wrong.extend(worker.stop().await);
        }
        wrong.extend(self.api.stop().await);
        for i in 0..self.edges.len() {
            let left = self.n_segments(i);
            if left > 0 {
                wrong.push(format!("{left} segments are left in spool {i}"));
            }
        }
        wrong
    }
}
