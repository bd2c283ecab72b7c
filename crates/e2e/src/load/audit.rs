//! The comparison of Postgres with what was acknowledged.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use tokio_postgres::Client;

use super::expectations::{Expectations, ExpectedConversion};
use crate::{service::command, test_environment::TestEnvironment};

/// How long acknowledged clicks may take to be stored once all servers work.
const SETTLE_LIMIT: Duration = Duration::from_secs(180);
/// How many examples a violation has.
const NAMED: usize = 3;

/// Clicks and conversions that a fault destroyed on the disk after they were answered.
#[derive(Debug, Default)]
pub struct ToleratedLoss {
    /// Click ids.
    pub clicks: BTreeSet<String>,
    /// Conversion ids.
    pub conversions: BTreeSet<String>,
}

#[derive(Debug, Default)]
pub struct Audit {
    /// Acknowledged events and links that are not stored, less those counted as unrecorded.
    pub lost: usize,
    /// Surplus rows of requests that are stored more than once.
    pub duplicated: usize,
    /// Stored clicks whose response did not arrive.
    pub n_unanswered: usize,
    /// A sentence for everything that is wrong, including loss and duplicates.
    pub violations: Vec<String>,
}

impl Audit {
    pub fn is_clean(&self) -> bool {
        self.lost == 0 && self.duplicated == 0 && self.violations.is_empty()
    }

    /// Waits until all `expected` clicks but `n_unrecorded` are stored, and returns how long
    /// that took; `None` after `SETTLE_LIMIT`.
    pub async fn wait_for_clicks(
        db: &Client,
        mut expected: BTreeSet<String>,
        n_unrecorded: usize,
    ) -> Option<Duration> {
        let start = Instant::now();
        while start.elapsed() < SETTLE_LIMIT {
            let rows = db.query("SELECT click_id::text FROM clicks", &[]);
            if let Ok(rows) = rows.await {
                for row in rows {
                    expected.remove(row.get::<_, &str>(0));
                }
            }
            if expected.len() <= n_unrecorded {
                return Some(start.elapsed());
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        None
    }

    /// Compares what was acknowledged with Postgres. `n_unrecorded` is how many clicks the
    /// redirectors counted as unrecorded.
    pub async fn run(
        expectations: &Expectations,
        test_env: &TestEnvironment,
        tolerated_loss: &ToleratedLoss,
        n_unrecorded: usize,
    ) -> Self {
        let db = test_env.connect().await;
        let mut audit = Self::default();
        audit
            .violations
            .extend(named("answers", expectations.violations.iter()));
        audit
            .clicks(expectations, &db, &tolerated_loss.clicks, n_unrecorded)
            .await;
        audit
            .conversions(expectations, &db, &tolerated_loss.conversions)
            .await;
        audit.links(expectations, &db).await;
        audit.totals(test_env);
        audit
    }

    async fn clicks(
        &mut self,
        expectations: &Expectations,
        db: &Client,
        expected_lost: &BTreeSet<String>,
        n_unrecorded: usize,
    ) {
        let sql = "SELECT click_id::text, sub1, link_id, message_id, is_bot FROM clicks";
        let rows = db.query(sql, &[]).await.expect(sql);
        let mut ids = BTreeSet::new();
        let mut by_number: BTreeMap<String, usize> = BTreeMap::new();
        let mut wrong = Vec::new();
        for row in &rows {
            let (id, number): (&str, Option<&str>) = (row.get(0), row.get(1));
            let number = number.unwrap_or_default();
            ids.insert(id.to_owned());
            *by_number.entry(number.to_owned()).or_default() += 1;
            // Rows of requests without a response are not compared.
            if let Some(click) = expectations.clicks.get(id)
                && (number != click.number
                    || row.get::<_, &str>(2) != click.link_id
                    || row.get::<_, Option<String>>(3) != click.message_id
                    || row.get(4))
            {
                wrong.push(format!("{id} is {row:?}, it was {click:?}"));
            }
        }
        let lost: Vec<_> = expectations
            .clicks
            .keys()
            .filter(|id| !ids.contains(*id) && !expected_lost.contains(*id))
            .collect();
        if lost.len() > n_unrecorded {
            self.lost += lost.len() - n_unrecorded;
            self.violations.extend(named("lost clicks", lost.iter()));
        }
        if lost.len() < n_unrecorded {
            let said = format!(
                "{n_unrecorded} clicks were said not to be recorded, {} are not there",
                lost.len()
            );
            self.violations.push(said);
        }
        self.n_unanswered = ids
            .iter()
            .filter(|id| !expectations.clicks.contains_key(*id))
            .count();
        let surviving: Vec<_> = expected_lost.intersection(&ids).collect();
        self.violations
            .extend(named("clicks destroyed, and yet there", surviving.iter()));
        let twice: Vec<_> = by_number.iter().filter(|(_, n)| **n > 1).collect();
        self.duplicated += rows.len() - ids.len();
        self.duplicated += twice.iter().map(|(_, n)| **n - 1).sum::<usize>();
        self.violations
            .extend(named("duplicated clicks", twice.iter()));
        self.violations.extend(named("wrong clicks", wrong.iter()));
    }

    async fn conversions(
        &mut self,
        expectations: &Expectations,
        db: &Client,
        expected_lost: &BTreeSet<String>,
    ) {
        let sql = "SELECT txn_id, conversion_id::text, revenue::text FROM conversions";
        let rows = db.query(sql, &[]).await.expect(sql);
        let mut by_txn: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
        for row in &rows {
            by_txn
                .entry(row.get(0))
                .or_default()
                .push((row.get(1), row.get(2)));
        }
        let is_expected =
            |conversion: &ExpectedConversion| expected_lost.contains(&conversion.conversion_id);
        let lost: Vec<_> = expectations
            .conversions
            .iter()
            .filter(|(txn_id, conversion)| {
                !by_txn.contains_key(txn_id.as_str()) && !is_expected(conversion)
            })
            .collect();
        let surviving: Vec<_> = rows
            .iter()
            .map(|row| row.get::<_, &str>(1))
            .filter(|id| expected_lost.contains(*id))
            .collect();
        let what = "conversions destroyed, and yet there";
        self.violations.extend(named(what, surviving.iter()));
        self.lost += lost.len();
        self.violations
            .extend(named("lost conversions", lost.iter()));
        let twice: Vec<_> = by_txn.iter().filter(|(_, rows)| rows.len() > 1).collect();
        self.duplicated += twice.iter().map(|(_, rows)| rows.len() - 1).sum::<usize>();
        self.violations
            .extend(named("duplicated conversions", twice.iter()));
        let wrong: Vec<_> = expectations
            .conversions
            .iter()
            .filter(|(txn_id, conversion)| {
                let expected = (
                    conversion.conversion_id.as_str(),
                    conversion.revenue.as_str(),
                );
                let rows = by_txn.get(txn_id.as_str());
                rows.is_some_and(|rows| rows[0] != expected)
            })
            .collect();
        self.violations
            .extend(named("wrong conversions", wrong.iter()));
    }

    async fn links(&mut self, expectations: &Expectations, db: &Client) {
        let sql = "SELECT short_id, status FROM links";
        let rows = db.query(sql, &[]).await.expect(sql);
        let statuses: BTreeMap<&str, &str> =
            rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        let lost: Vec<_> = expectations
            .links
            .iter()
            .filter(|id| !statuses.contains_key(id.as_str()))
            .collect();
        self.lost += lost.len();
        self.violations.extend(named("lost links", lost.iter()));
        let active: Vec<_> = expectations
            .deactivated
            .iter()
            .filter(|id| statuses.get(id.as_str()) != Some(&"deactivated"))
            .collect();
        self.violations
            .extend(named("links that are not deactivated", active.iter()));
    }

    /// Runs the recount, which computes message clicks, credits and totals from the raw rows.
    fn totals(&mut self, test_env: &TestEnvironment) {
        let output = command("click-worker", &["recount"], &test_env.env()).output();
        let output = output.expect("it runs");
        if !output.status.success() {
            let report = String::from_utf8_lossy(&output.stdout).into_owned();
            let error = String::from_utf8_lossy(&output.stderr);
            self.violations
                .push(format!("the totals are not right: {report}{error}"));
        }
    }
}

/// A sentence for a kind of violation with its first examples, if there are cases.
fn named<T: std::fmt::Debug>(
    what: &str,
    cases: impl ExactSizeIterator<Item = T>,
) -> Option<String> {
    let n = cases.len();
    let examples: Vec<_> = cases.take(NAMED).map(|case| format!("{case:?}")).collect();
    (n > 0).then(|| format!("{n} {what}, such as {}", examples.join(", ")))
}
