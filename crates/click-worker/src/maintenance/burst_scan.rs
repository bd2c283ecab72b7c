//! Finding bursts among stored clicks, by the rule of `domain::burst`.
//!
//! A transaction that stores clicks marks their minutes. A minute is scanned once no more
//! clicks are stored in it for a while, together with the time before and after it into which
//! a burst can extend. So every burst is found, in whichever order its clicks arrive. The scan
//! takes no lock. Then the clicks are reclassified in chunks, each of which looks again at the
//! clicks that it is about to change.

use std::time::Instant;

use domain::{bot::BotReason, burst::BurstRule, id::ClickId};
use jiff::{SignedDuration, Timestamp};
use ledger::{
    account_lock,
    reclassify::{Reclassification, click_reclassify_all},
    totals::TotalsDelta,
};
use postgres::pool::{GenericClient, Object, Pool};
use uuid::Uuid;

use super::chunk_size::ChunkSize;
use crate::ingest::StoreError;

/// A minute in which clicks are stored all the time is scanned after this time.
const MAX_SCAN_DELAY: SignedDuration = SignedDuration::from_secs(60);

/// How many minutes one run scans at most.
const MAX_MINUTES: i64 = 1_000;

/// A minute of an account in which clicks were stored.
struct MarkedMinute {
    account_id: i64,
    minute: Timestamp,
    /// The marks that existed before the scan. A mark that comes later causes another scan.
    mark_ids: Vec<i64>,
}

/// Reclassifies the clicks of bursts in marked minutes as a bot's. Returns how many it has
/// reclassified.
pub async fn run(
    pool: &Pool,
    rule: Option<BurstRule>,
    settle_time: SignedDuration,
) -> Result<u64, StoreError> {
    let mut client = pool.get().await?;
    let mut chunk_size = ChunkSize::default();
    let mut n_reclassified = 0;
    for marked in burst_minute_find_due(&client, settle_time).await? {
        if let Some(rule) = rule {
            let mut clicks = click_find_in_bursts(&client, rule, &marked).await?;
            while !clicks.is_empty() {
                let rest = clicks.split_off(chunk_size.n_rows().min(clicks.len()));
                let started = Instant::now();
                n_reclassified += reclassify_chunk(&mut client, marked.account_id, &clicks).await?;
                chunk_size.adapt(started.elapsed());
                clicks = rest;
            }
        }
        // If the process ends before this, the minute is scanned again, without effect.
        let sql = "DELETE FROM burst_minutes WHERE id = ANY ($1)";
        let statement = client.prepare_cached(sql).await?;
        client.execute(&statement, &[&marked.mark_ids]).await?;
    }
    if n_reclassified > 0 {
        tracing::info!(
            clicks = n_reclassified,
            "found clicks of bursts and reclassified them as a bot's"
        );
    }
    Ok(n_reclassified)
}

async fn reclassify_chunk(
    client: &mut Object,
    account_id: i64,
    clicks: &[ClickId],
) -> Result<u64, StoreError> {
    let transaction = client.transaction().await?;
    account_lock(&transaction, account_id).await?;
    // The clicks may have been reclassified before this transaction got the lock.
    let reclassifications = load_reclassifications(&transaction, clicks).await?;
    let mut delta = TotalsDelta::default();
    let n_reclassified = click_reclassify_all(&transaction, &reclassifications, &mut delta).await?;
    delta.apply(&transaction).await?;
    transaction.commit().await?;
    Ok(n_reclassified)
}

/// Finds marked minutes in which no click was stored during the settle time, or whose first
/// mark is old.
async fn burst_minute_find_due(
    client: &Object,
    settle_time: SignedDuration,
) -> Result<Vec<MarkedMinute>, StoreError> {
    let statement = client
        .prepare_cached(
            "SELECT account_id, minute, array_agg(id) AS mark_ids
             FROM burst_minutes
             GROUP BY account_id, minute
             HAVING max(marked_at) <= clock_timestamp() - make_interval(secs => $1)
                 OR min(marked_at) <= clock_timestamp() - make_interval(secs => $2)
             ORDER BY minute, account_id
             LIMIT $3",
        )
        .await?;
    let (settle_s, max_delay_s) = (settle_time.as_secs_f64(), MAX_SCAN_DELAY.as_secs_f64());
    let rows = client
        .query(&statement, &[&settle_s, &max_delay_s, &MAX_MINUTES])
        .await?;
    let marked = |row: &tokio_postgres::Row| MarkedMinute {
        account_id: row.get("account_id"),
        minute: row.get("minute"),
        mark_ids: row.get("mark_ids"),
    };
    Ok(rows.iter().map(marked).collect())
}

/// Finds the clicks of an account around a minute that belong to a burst and do not have that
/// reason yet, sorted by id. By the rule of [`domain::burst`], clicks with the same visitor and
/// contact are one person's, and clicks without a contact go by the visitor. Erased clicks are
/// left out: they all have the same visitor, which stands for many people.
async fn click_find_in_bursts(
    client: &Object,
    rule: BurstRule,
    marked: &MarkedMinute,
) -> Result<Vec<ClickId>, StoreError> {
    let from = marked.minute - rule.window;
    let to = marked.minute + SignedDuration::from_secs(60) + rule.window;
    let statement = client
        .prepare_cached(
            "SELECT array_agg(click_id ORDER BY clicked_at, click_id) AS click_ids
             FROM clicks
             WHERE account_id = $1
               AND clicked_at >= $2
               AND clicked_at < $3
               AND visitor <> 'erased'
             GROUP BY visitor, contact_phone
             HAVING count(*) >= $4",
        )
        .await?;
    let n_clicks = i64::try_from(rule.min_clicks).unwrap_or(i64::MAX);
    let people = client
        .query(&statement, &[&marked.account_id, &from, &to, &n_clicks])
        .await?;
    let mut in_bursts = Vec::new();
    for person in people {
        let ids: Vec<Uuid> = person.get("click_ids");
        let ids: Vec<_> = ids
            .into_iter()
            .filter_map(|id| ClickId::from_uuid(id).ok())
            .collect();
        let times: Vec<_> = ids.iter().map(ClickId::time).collect();
        let with_result = ids.iter().zip(rule.clicks_in_bursts(&times));
        in_bursts.extend(
            with_result
                .filter(|(_, is_burst)| *is_burst)
                .map(|(id, _)| *id),
        );
    }
    let reclassifications = load_reclassifications(client, &in_bursts).await?;
    let mut ids: Vec<_> = reclassifications.iter().map(|new| new.click_id).collect();
    ids.sort_unstable();
    Ok(ids)
}

/// The reclassifications of those of some clicks of bursts that do not have that reason yet. A
/// click that was confirmed, or reclassified by the API, stays as it is.
async fn load_reclassifications(
    client: &impl GenericClient,
    clicks: &[ClickId],
) -> Result<Vec<Reclassification>, StoreError> {
    let reason = BotReason::Burst.as_str();
    let statement = client
        .prepare_cached(
            "SELECT c.click_id, c.bot_reasons, c.bot_rules
             FROM unnest($1::uuid[], $2::timestamptz[]) AS n (click_id, clicked_at)
             JOIN clicks c ON c.clicked_at = n.clicked_at AND c.click_id = n.click_id
             WHERE NOT c.confirmed AND NOT c.judged AND $3 <> ALL (c.bot_reasons)",
        )
        .await?;
    let ids: Vec<_> = clicks.iter().map(ClickId::as_uuid).collect();
    let times: Vec<_> = clicks.iter().map(ClickId::time).collect();
    let rows = client.query(&statement, &[&ids, &times, &reason]).await?;
    let reclassification = |row: &tokio_postgres::Row| {
        let mut reasons: Vec<String> = row.get("bot_reasons");
        let mut rules: Vec<String> = row.get("bot_rules");
        reasons.push(reason.to_owned());
        rules.push(reason.to_owned());
        Reclassification {
            click_id: ClickId::from_uuid(row.get("click_id")).expect("only click ids are stored"),
            reasons,
            rules,
            is_manual: false,
        }
    };
    Ok(rows.iter().map(reclassification).collect())
}
