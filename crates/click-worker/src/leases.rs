//! Leases: which worker does what, so that workers share the queues fairly and a periodic
//! task is not done by all of them at once.
//!
//! A lease is a row of `leases` with a holder and an end, by the clock of Postgres. Its
//! holder renews it every half second; one that is not renewed is free after [`TERM`], whether
//! its holder was killed, is frozen or cut off. Two workers may hold the same lease for a
//! moment, from their own points of view: that is slow and not wrong, since what must be
//! done once is protected by locks and keys.

use std::{collections::BTreeSet, time::Duration};

use postgres::pool::{GenericClient, Pool};
use uuid::Uuid;

use crate::store::StoreError;

/// How long a lease lasts from its last renewal.
const TERM: Duration = Duration::from_secs(2);
/// How often leases are renewed and shared anew.
pub const RENEWAL_INTERVAL: Duration = Duration::from_millis(500);

/// The names of leases of presence begin with this.
const PRESENCE_PREFIX: &str = "worker:";

/// What a worker has of the leases that are shared.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// Leases to use.
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

    /// Takes a lease that is free, or renews one's own; whether it is held.
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

    /// Renews this worker's presence and its leases, and takes free ones until it has as
    /// many as is fair among the workers that are there. Those that it has beyond that are
    /// for the caller to give back, as soon as nothing is done under them any more.
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

    /// Gives leases back, for others to take at once.
    pub async fn give_back(&self, names: &[String]) -> Result<(), StoreError> {
        let client = self.pool.get().await?;
        let sql = "DELETE FROM leases WHERE holder = $1 AND name = ANY ($2)";
        client.execute(sql, &[&self.holder, &names]).await?;
        Ok(())
    }

    /// Gives all leases back, for others to take at once.
    pub async fn give_all_back(&self) -> Result<(), StoreError> {
        let client = self.pool.get().await?;
        let sql = "DELETE FROM leases WHERE holder = $1";
        client.execute(sql, &[&self.holder]).await?;
        Ok(())
    }

    async fn present_workers(&self) -> Result<BTreeSet<Uuid>, StoreError> {
        let client = self.pool.get().await?;
        let statement = client
            .prepare_cached(
                "WITH gone AS (
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
                     FROM unnest($2::text[]) AS wanted (name)
                     WHERE NOT EXISTS (
                         SELECT FROM leases l WHERE l.name = wanted.name AND l.expires_at > now()
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

/// How many of `n_leases` a worker should hold: as many as the others, and the first
/// ones by their ids one more where it does not come out even.
fn fair_share(n_leases: usize, workers: &BTreeSet<Uuid>, own: Uuid) -> usize {
    let n_workers = workers.len().max(1);
    let rank = workers.iter().take_while(|worker| **worker < own).count();
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
                    .map(|own| fair_share(n_leases, &workers, *own));
                let shares: Vec<_> = shares.collect();
                assert_eq!(shares.iter().sum::<usize>(), n_leases);
                let (least, most) = (shares.iter().min(), shares.iter().max());
                assert!(most.unwrap() - least.unwrap() <= 1, "{shares:?}");
            }
        }
    }
}
