//! Finding bursts, by the rule of domain::burst, among clicks that are stored.
//!
//! Whoever stores clicks marks their minutes, in the same transaction. A minute
//! is looked at once no more clicks come into it for a while, together with as
//! much around it as a burst can reach, so that every burst is seen whatever the
//! order in which its clicks came.

use ::store::{
    ledger::{
        self, Lock,
        totals::Deltas,
        verdicts::{Verdict, click_judge_all},
    },
    pool::{GenericClient, Pool, Transaction},
};
use domain::{bot::BotReason, burst::Burst, id::ClickId};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::alone;
use crate::store::StoreError;

const LOCK: i64 = 0x7761_7970_6f73_7404;

/// A minute that is never quiet is looked at this often.
const MAX_UNQUIET: SignedDuration = SignedDuration::from_secs(60);

/// Clicks that are judged in one transaction: others wait for it.
const MAX_VERDICTS: usize = 2_000;

/// Judges the clicks of bursts in minutes that have been marked; how many have
/// become a bot's.
pub async fn judge_bursts(
    pool: &Pool,
    burst: Option<Burst>,
    quiet: SignedDuration,
) -> Result<u64, StoreError> {
    let mut client = pool.get().await?;
    // The marks go when all is judged.
    let Some(marks) = alone(&mut client, LOCK).await? else {
        return Ok(0);
    };
    let minutes = mark_take_all(&marks, quiet).await?;
    let mut n_judged = 0;
    if let Some(burst) = burst
        && !minutes.is_empty()
    {
        let mut client = pool.get().await?;
        for minute in minutes {
            loop {
                let transaction = client.transaction().await?;
                if find(&transaction, burst, minute).await?.is_empty() {
                    break;
                }
                // Again, since somebody may have judged them.
                ledger::lock(&transaction, Lock::Exclusive).await?;
                let verdicts = find(&transaction, burst, minute).await?;
                let mut deltas = Deltas::default();
                let part = &verdicts[..verdicts.len().min(MAX_VERDICTS)];
                n_judged += click_judge_all(&transaction, part, &mut deltas).await?;
                deltas.write(&transaction).await?;
                transaction.commit().await?;
                tracing::info!(clicks = part.len(), "clicks were found to be of a burst");
            }
        }
    }
    marks.commit().await?;
    Ok(n_judged)
}

async fn mark_take_all(
    transaction: &Transaction<'_>,
    quiet: SignedDuration,
) -> Result<Vec<Timestamp>, StoreError> {
    let statement = transaction
        .prepare_cached(
            "WITH taken AS (
                 DELETE FROM burst_marks
                 WHERE minute IN (
                     SELECT minute
                     FROM burst_marks
                     GROUP BY minute
                     HAVING max(marked_at) <= clock_timestamp() - make_interval(secs => $1)
                         OR min(marked_at) <= clock_timestamp() - make_interval(secs => $2)
                 )
                 RETURNING minute
             )
             SELECT DISTINCT minute FROM taken ORDER BY minute",
        )
        .await?;
    let (quiet, unquiet) = (quiet.as_secs_f64(), MAX_UNQUIET.as_secs_f64());
    let rows = transaction.query(&statement, &[&quiet, &unquiet]).await?;
    Ok(rows.iter().map(|row| row.get("minute")).collect())
}

/// The verdicts on clicks around a minute that are in a burst and not yet judged
/// so. Whoever was confirmed or judged by the API is left alone.
async fn find(
    transaction: &Transaction<'_>,
    burst: Burst,
    minute: Timestamp,
) -> Result<Vec<Verdict>, StoreError> {
    let (from, to) = (
        minute - burst.window,
        minute + SignedDuration::from_secs(60) + burst.window,
    );
    let statement = transaction
        .prepare_cached(
            "SELECT account_id, visitor,
                    array_agg(click_id ORDER BY clicked_at, click_id) AS click_ids
             FROM clicks
             WHERE clicked_at >= $1 AND clicked_at < $2
             GROUP BY account_id, visitor
             HAVING count(*) >= $3",
        )
        .await?;
    let n_clicks = i64::try_from(burst.clicks).unwrap_or(i64::MAX);
    let visitors = transaction
        .query(&statement, &[&from, &to, &n_clicks])
        .await?;
    let mut in_bursts = Vec::new();
    for visitor in visitors {
        let ids: Vec<Uuid> = visitor.get("click_ids");
        let ids: Vec<_> = ids
            .into_iter()
            .filter_map(|id| ClickId::from_uuid(id).ok())
            .collect();
        let times: Vec<_> = ids.iter().map(ClickId::time).collect();
        let found = ids.iter().zip(burst.find(&times));
        in_bursts.extend(found.filter(|(_, is_burst)| *is_burst).map(|(id, _)| *id));
    }
    verdicts(transaction, &in_bursts).await
}

async fn verdicts(
    transaction: &Transaction<'_>,
    clicks: &[ClickId],
) -> Result<Vec<Verdict>, StoreError> {
    let reason = BotReason::Burst.as_str();
    let statement = transaction
        .prepare_cached(
            "SELECT c.click_id, c.bot_reasons, c.bot_rules
             FROM unnest($1::uuid[], $2::timestamptz[]) AS n (click_id, clicked_at)
             JOIN clicks c ON c.clicked_at = n.clicked_at AND c.click_id = n.click_id
             WHERE NOT c.confirmed AND NOT c.judged AND $3 <> ALL (c.bot_reasons)",
        )
        .await?;
    let ids: Vec<_> = clicks.iter().map(ClickId::as_uuid).collect();
    let times: Vec<_> = clicks.iter().map(ClickId::time).collect();
    let rows = transaction
        .query(&statement, &[&ids, &times, &reason])
        .await?;
    let verdict = |row: &tokio_postgres::Row| {
        let mut reasons: Vec<String> = row.get("bot_reasons");
        let mut rules: Vec<String> = row.get("bot_rules");
        reasons.push(reason.to_owned());
        rules.push(reason.to_owned());
        Verdict {
            click_id: ClickId::from_uuid(row.get("click_id")).expect("only click ids are stored"),
            reasons,
            rules,
            is_final: false,
        }
    };
    Ok(rows.iter().map(verdict).collect())
}
