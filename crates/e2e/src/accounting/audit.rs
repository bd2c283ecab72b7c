//! What Postgres holds against what was promised.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use tokio_postgres::Client;

use super::{Book, Bought};
use crate::{service::command, world::World};

/// How long what was promised may take to be in Postgres once all is well.
const SETTLE_LIMIT: Duration = Duration::from_secs(180);
/// How many of a kind are named.
const NAMED: usize = 3;

/// What a fault destroyed on the disk after it was answered.
#[derive(Debug, Default)]
pub struct Destroyed {
    /// Click ids.
    pub clicks: BTreeSet<String>,
    /// Conversion ids.
    pub conversions: BTreeSet<String>,
}

#[derive(Debug, Default)]
pub struct Audit {
    /// Promised and not there, less what was said not to be recorded.
    pub lost: usize,
    /// Requests that are there more than once: rows that are too many.
    pub duplicated: usize,
    /// Clicks that are there and whose answer did not come.
    pub n_unanswered: usize,
    /// All else that should not be, in words; and what is lost or duplicated.
    pub wrong: Vec<String>,
}

impl Audit {
    pub fn is_clean(&self) -> bool {
        self.lost == 0 && self.duplicated == 0 && self.wrong.is_empty()
    }

    /// Waits until all of the clicks that were answered before a time are there,
    /// but for `n_unrecorded`. `None` if that does not come to pass.
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

    /// `n_unrecorded` is how many clicks the redirector said that it could not record.
    pub async fn of(
        book: &Book,
        world: &World,
        destroyed: &Destroyed,
        n_unrecorded: usize,
    ) -> Self {
        let db = world.connect().await;
        let mut audit = Self::default();
        audit.wrong.extend(named("answers", book.wrong.iter()));
        audit
            .clicks(book, &db, &destroyed.clicks, n_unrecorded)
            .await;
        audit.conversions(book, &db, &destroyed.conversions).await;
        audit.links(book, &db).await;
        audit.totals(world);
        audit
    }

    async fn clicks(
        &mut self,
        book: &Book,
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
            // A row of a request whose answer never came is as good as any.
            if let Some(clicked) = book.clicks.get(id)
                && (number != clicked.number
                    || row.get::<_, &str>(2) != clicked.link_id
                    || row.get::<_, Option<String>>(3) != clicked.message_id
                    || row.get(4))
            {
                wrong.push(format!("{id} is {row:?}, it was {clicked:?}"));
            }
        }
        let lost: Vec<_> = book
            .clicks
            .keys()
            .filter(|id| !ids.contains(*id) && !expected_lost.contains(*id))
            .collect();
        if lost.len() > n_unrecorded {
            self.lost += lost.len() - n_unrecorded;
            self.wrong.extend(named("lost clicks", lost.iter()));
        }
        if lost.len() < n_unrecorded {
            let said = format!(
                "{n_unrecorded} clicks were said not to be recorded, {} are not there",
                lost.len()
            );
            self.wrong.push(said);
        }
        self.n_unanswered = ids
            .iter()
            .filter(|id| !book.clicks.contains_key(*id))
            .count();
        let spared: Vec<_> = expected_lost.intersection(&ids).collect();
        self.wrong
            .extend(named("destroyed, and yet there", spared.iter()));
        let twice: Vec<_> = by_number.iter().filter(|(_, n)| **n > 1).collect();
        self.duplicated += rows.len() - ids.len();
        self.duplicated += twice.iter().map(|(_, n)| **n - 1).sum::<usize>();
        self.wrong.extend(named("duplicated clicks", twice.iter()));
        self.wrong.extend(named("wrong clicks", wrong.iter()));
    }

    async fn conversions(&mut self, book: &Book, db: &Client, expected_lost: &BTreeSet<String>) {
        let sql = "SELECT txn_id, conversion_id::text, revenue::text FROM conversions";
        let rows = db.query(sql, &[]).await.expect(sql);
        let mut by_txn: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
        for row in &rows {
            by_txn
                .entry(row.get(0))
                .or_default()
                .push((row.get(1), row.get(2)));
        }
        let is_expected = |bought: &Bought| expected_lost.contains(&bought.conversion_id);
        let lost: Vec<_> = book
            .conversions
            .iter()
            .filter(|(txn_id, bought)| {
                !by_txn.contains_key(txn_id.as_str()) && !is_expected(bought)
            })
            .collect();
        let spared: Vec<_> = rows
            .iter()
            .map(|row| row.get::<_, &str>(1))
            .filter(|id| expected_lost.contains(*id))
            .collect();
        let what = "conversions destroyed, and yet there";
        self.wrong.extend(named(what, spared.iter()));
        self.lost += lost.len();
        self.wrong.extend(named("lost conversions", lost.iter()));
        let twice: Vec<_> = by_txn.iter().filter(|(_, rows)| rows.len() > 1).collect();
        self.duplicated += twice.iter().map(|(_, rows)| rows.len() - 1).sum::<usize>();
        self.wrong
            .extend(named("duplicated conversions", twice.iter()));
        let wrong: Vec<_> = book
            .conversions
            .iter()
            .filter(|(txn_id, bought)| {
                let expected = (bought.conversion_id.as_str(), bought.revenue.as_str());
                let rows = by_txn.get(txn_id.as_str());
                rows.is_some_and(|rows| rows[0] != expected)
            })
            .collect();
        self.wrong.extend(named("wrong conversions", wrong.iter()));
    }

    async fn links(&mut self, book: &Book, db: &Client) {
        let sql = "SELECT short_id, status FROM links";
        let rows = db.query(sql, &[]).await.expect(sql);
        let statuses: BTreeMap<&str, &str> =
            rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        let lost: Vec<_> = book
            .links
            .iter()
            .filter(|id| !statuses.contains_key(id.as_str()))
            .collect();
        self.lost += lost.len();
        self.wrong.extend(named("lost links", lost.iter()));
        let active: Vec<_> = book
            .deactivated
            .iter()
            .filter(|id| statuses.get(id.as_str()) != Some(&"deactivated"))
            .collect();
        self.wrong
            .extend(named("links that are not deactivated", active.iter()));
    }

    /// Message clicks, credits and totals, computed anew from the raw rows.
    fn totals(&mut self, world: &World) {
        let output = command("click-worker", &["recount"], &world.env()).output();
        let output = output.expect("it runs");
        if !output.status.success() {
            let report = String::from_utf8_lossy(&output.stdout).into_owned();
            let error = String::from_utf8_lossy(&output.stderr);
            self.wrong
                .push(format!("the totals are not right: {report}{error}"));
        }
    }
}

/// One line for a kind of fault, with its first examples.
fn named<T: std::fmt::Debug>(
    what: &str,
    cases: impl ExactSizeIterator<Item = T>,
) -> Option<String> {
    let n = cases.len();
    let examples: Vec<_> = cases.take(NAMED).map(|case| format!("{case:?}")).collect();
    (n > 0).then(|| format!("{n} {what}, such as {}", examples.join(", ")))
}
