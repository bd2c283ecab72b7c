//! Waiting until a testbed has stored what it acknowledged.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use super::start::Testbed;
use crate::{load::Audit, wait::wait_for};

impl Testbed {
    /// Waits until all spools are empty. Returns `false` after a minute.
    pub async fn wait_for_empty_spools(&self) -> bool {
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(60) {
            let n_files: usize = (0..self.edges.len()).map(|i| self.n_segments(i)).sum();
            if n_files == 0 {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        false
    }

    /// Waits until the clicks that were acknowledged so far are stored, except those that a
    /// fault destroyed and those that were unrecorded. Returns how long that took, or `None`.
    pub async fn wait_for_clicks(&self, tolerated_loss: &BTreeSet<String>) -> Option<Duration> {
        let db = self.test_env.connect().await;
        let n_unrecorded = self.n_unrecorded().await;
        let acknowledged = self.acknowledged_ids();
        let expected = acknowledged.difference(tolerated_loss).cloned().collect();
        Audit::wait_for_clicks(&db, expected, n_unrecorded).await
    }

    /// Waits until the conversions that were acknowledged so far are stored. After a minute the
    /// audit reports those that are missing.
    pub async fn wait_for_conversions(&self, tolerated_loss: &BTreeSet<String>) {
        let db = self.test_env.connect().await;
        let expected = self
            .acknowledged_conversion_ids()
            .difference(tolerated_loss)
            .count();
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(60) {
            let count = db.query_one("SELECT count(*) FROM conversions", &[]).await;
            let count: i64 = count.map_or(0, |row| row.get(0));
            if usize::try_from(count).is_ok_and(|count| count >= expected) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Waits until a redirector is ready, and its balancer has checked that.
    pub async fn wait_until_ready(&self, edge: usize) {
        let url = format!("{}/ready", self.edge_admins[edge]);
        wait_for("the redirector to be ready", true, async || {
            let answer = reqwest::get(&url).await;
            answer.is_ok_and(|answer| answer.status() == 200)
        })
        .await;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}
