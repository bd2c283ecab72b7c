//! Leases: which worker consumes from which queue, and which worker does which maintenance
//! job, so that workers share the work fairly.
//!
//! A lease is a row of `leases` with a holder and an expiry, by the clock of Postgres. The
//! holder renews it every half second. A lease that is not renewed is free after [`TERM`],
//! whether its holder was killed, is frozen, or has lost its connection. For a moment, two
//! workers may both believe that they hold a lease. That is slow but not wrong: locks and keys
//! protect what must be done once.

use std::{collections::BTreeSet, time::Duration};

use postgres::pool::{GenericClient, Pool};
use uuid::Uuid;

use crate::ingest::StoreError;

/// How long a lease lasts from its last renewal.
const TERM: Duration = Duration::from_secs(2);
/// How often leases are renewed and the shares are computed.
pub const RENEWAL_INTERVAL: Duration = Duration::from_millis(500);

/// The names of the leases that say that a worker is present begin with this.
const PRESENCE_PREFIX: &str = "worker:";

/// The share of one worker in the leases.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// Leases that the worker may use.
    pub kept: BTreeSet<String>,
    /// Leases beyond the fair share. They are held and renewed until they are given back.
    pub surplus: BTreeSet<String>,
}

/// The leases of one process.
#[derive(Clone)]
pub struct Leases {
    pool: Pool,
    holder: Uuid,
}

impl Leases {
    pub fn new(pool: Pool) -> Self {
        Self {
            pool,
            holder: Uuid::new_v4(),
        }
    }

    /// Takes a lease that is free, or renews it. Returns whether this worker holds it.
    pub async fn hold(&self, name: &str) -> Result<bool, StoreError> {
        let client = self.pool.get().await?;
        let statement = client
            .prepare_cached(
                "INSERT INTO leases (name, holder, expires_at)
                 VALUES ($1, $2, now() + make_interval(secs => $3))
                 ON CONFLICT (name) DO UPDATE
                 SET holder = excluded.holder, expires_at = excluded.expires_at
                 WHERE leases.holder = excluded.holder OR leases.expires_at <= now()
                 RETURNING name",
            )
            .await?;
        let term_s = TERM.as_secs_f64();
        let row = client
            .query_opt(&statement, &[&name, &self.holder, &term_s])
            .await?;
        Ok(row.is_some())
    }

    /// Renews this worker's presence and its leases, and takes free ones until it has its fair
    /// share among the workers that are present. The caller must give the surplus back as soon
    /// as it does nothing under those leases any more.
    pub async fn share(&self, names: &[String]) -> Result<Share, StoreError> {
        let presence = format!("{PRESENCE_PREFIX}{}", self.holder);
        self.hold(&presence).await?;
        let fair = fair_share(names.len(), &self.present_workers().await?, self.holder);
        let mut held = self.renew(names).await?;
        if held.len() < fair {
            let missing = fair - held.len();
            held.extend(self.take_free(names, missing).await?);
        }
        let surplus = held.iter().skip(fair).cloned().collect();
        let kept = held.difference(&surplus).cloned().collect();
        Ok(Share { kept, surplus })
    }

    /// Gives leases back, so that other workers can take them at once.
    pub async fn give_back(&self, names: &[String]) -> Result<(), StoreError> {
        let client = self.pool.get().await?;
        let sql = "DELETE FROM leases WHERE holder = $1 AND name = ANY ($2)";
        client.execute(sql, &[&self.holder, &names]).await?;
        Ok(())
    }

    /// Gives all leases of this worker back.
    pub async fn give_back_all(&self) -> Result<(), StoreError> {
        let client = self.pool.get().await?;
        let sql = "DELETE FROM leases WHERE holder = $1";
        client.execute(sql, &[&self.holder]).await?;
        Ok(())
    }

    async fn present_workers(&self) -> Result<BTreeSet<Uuid>, StoreError> {
        let client = self.pool.get().await?;
        let statement = client
            .prepare_cached(
                "WITH deleted AS (
                     DELETE FROM leases WHERE expires_at < now() - interval '1 minute'
                 )
                 SELECT holder
                 FROM leases
                 WHERE starts_with(name, $1) AND expires_at > now()",
            )
            .await?;
        let rows = client.query(&statement, &[&PRESENCE_PREFIX]).await?;
        Ok(rows.iter().map(|row| row.get("holder")).collect())
    }

    async fn renew(&self, names: &[String]) -> Result<BTreeSet<String>, StoreError> {
        let client = self.pool.get().await?;
        let statement = client
            .prepare_cached(
                "UPDATE leases
                 SET expires_at = now() + make_interval(secs => $3)
                 WHERE holder = $1 AND name = ANY ($2)
                 RETURNING name",
            )
            .await?;
        let term_s = TERM.as_secs_f64();
        let rows = client
            .query(&statement, &[&self.holder, &names, &term_s])
            .await?;
        Ok(rows.iter().map(|row| row.get("name")).collect())
    }

    async fn take_free(&self, names: &[String], limit: usize) -> Result<Vec<String>, StoreError> {
        let client = self.pool.get().await?;
        let statement = client
            .prepare_cached(
                "INSERT INTO leases (name, holder, expires_at)
                 SELECT name, $1, now() + make_interval(secs => $3)
                 FROM (
                     SELECT name
                     FROM unnest($2::text[]) AS candidates (name)
                     WHERE NOT EXISTS (
                         SELECT FROM leases l WHERE l.name = candidates.name AND l.expires_at > now()
                     )
                     ORDER BY random()
                     LIMIT $4
                 ) AS free
                 ORDER BY name
                 ON CONFLICT (name) DO UPDATE
                 SET holder = excluded.holder, expires_at = excluded.expires_at
                 WHERE leases.expires_at <= now()
                 RETURNING name",
            )
            .await?;
        let term_s = TERM.as_secs_f64();
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = client
            .query(&statement, &[&self.holder, &names, &term_s, &limit])
            .await?;
        Ok(rows.iter().map(|row| row.get("name")).collect())
    }
}

/// How many of `n_leases` a worker should hold: as many as the others. If the leases cannot be
/// divided evenly, the workers with the lowest ids hold one more.
fn fair_share(n_leases: usize, workers: &BTreeSet<Uuid>, worker: Uuid) -> usize {
    let n_workers = workers.len().max(1);
    let rank = workers.iter().take_while(|other| **other < worker).count();
    n_leases / n_workers + usize::from(rank < n_leases % n_workers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_fair_and_add_up() {
        for n_workers in 1..12_u128 {
            let workers: BTreeSet<_> = (0..n_workers).map(Uuid::from_u128).collect();
            for n_leases in 0..20 {
                let shares = workers
                    .iter()
                    .map(|worker| fair_share(n_leases, &workers, *worker));
                let shares: Vec<_> = shares.collect();
                assert_eq!(shares.iter().sum::<usize>(), n_leases);
                let (least, most) = (shares.iter().min(), shares.iter().max());
                assert!(most.unwrap() - least.unwrap() <= 1, "{shares:?}");
            }
        }
    }
}
