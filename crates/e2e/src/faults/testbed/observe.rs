//! Observing a testbed: processes, metrics, spools, and what was acknowledged.

use std::{collections::BTreeSet, path::PathBuf};

use super::{files, start::Testbed};

impl Testbed {
    /// Name and process id of each service.
    pub fn pids(&self) -> Vec<(&'static str, u32)> {
        let services = std::iter::once(&self.api).chain(&self.edges);
        let services = services.chain(&self.workers);
        services
            .map(|service| (service.name, service.service().pid()))
            .collect()
    }

    /// The click ids that were acknowledged so far.
    pub fn acknowledged_ids(&self) -> BTreeSet<String> {
        self.load.expectations().clicks.keys().cloned().collect()
    }

    /// The ids of the conversions that were accepted so far.
    pub fn acknowledged_conversion_ids(&self) -> BTreeSet<String> {
        let expectations = self.load.expectations();
        let accepted = expectations.conversions.values();
        accepted
            .map(|conversion| conversion.conversion_id.clone())
            .collect()
    }

    /// The sum of the metrics of all redirectors whose line starts with `name`. A redirector
    /// that does not answer counts as 0.
    pub async fn edge_metric(&self, name: &str) -> f64 {
        let mut sum = 0.0;
        for admin in &self.edge_admins {
            let Ok(response) = reqwest::get(format!("{admin}/metrics")).await else {
                continue;
            };
            let text = response.text().await.unwrap_or_default();
            let lines = text.lines().filter(|line| line.starts_with(name));
            sum += lines
                .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
                .sum::<f64>();
        }
        sum
    }

    /// Clicks that redirectors counted as unrecorded.
    pub async fn n_unrecorded(&self) -> usize {
        let name = "waypost_edge_requests_total{outcome=\"unrecorded\"}";
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a count"
        )]
        let n = self.edge_metric(name).await as usize;
        n
    }

    pub fn spool_dir(&self, edge: usize) -> PathBuf {
        files::spool_dir(&self.test_env, edge)
    }

    pub(super) fn n_segments(&self, edge: usize) -> usize {
        let files = std::fs::read_dir(self.spool_dir(edge))
            .into_iter()
            .flatten();
        files
            .filter_map(Result::ok)
            .filter(|file| file.path().extension().is_some_and(|name| name == "seg"))
            .count()
    }

    /// Sets the redirector's clock this many seconds ahead of the system's.
    pub fn set_clock(&self, seconds: i32) {
        std::fs::write(files::clock_file(&self.test_env), format!("{seconds:+}"))
            .expect("the clock is ours");
    }
}
