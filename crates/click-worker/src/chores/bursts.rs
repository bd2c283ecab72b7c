//! Finding bursts, by the rule of domain::burst, among clicks that are stored.
//!
//! Whoever stores clicks of an account marks their minutes, in the same transaction. A
//! minute is looked at once no more clicks come into it for a while, together with as
//! much around it as a burst can reach, so that every burst is seen whatever the
//! order in which its clicks came. It is searched once, without a lock; then its clicks
//! are judged piece by piece, each of which looks again at what it is about to judge.

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

use super::PieceSize;
use crate::store::StoreError;

/// A minute that is never quiet is looked at this often.
const MAX_UNQUIET: SignedDuration = SignedDuration::from_secs(60);

/// Minutes that are looked at in one go.
const MAX_MINUTES: i64 = 1_000;

/// A minute of an account in which clicks were stored.
struct MarkedMinute {
    account_id: i64,
    minute: Timestamp,
    /// The marks that were there when it was looked at.
    mark_ids: Vec<i64>,
}

/// Judges the clicks of bursts in minutes that have been marked; how many have
/// become a bot's.
pub async fn judge_bursts(
    pool: &Pool,
    burst: Option<BurstRule>,
    quiet: SignedDuration,
) -> Result<u64, StoreError> {
    let mut client = pool.get().await?;
    let mut piece_size = PieceSize::default();
    let mut n_judged = 0;
    for marked in burst_minute_find_due(&client, quiet).await? {
        if let Some(burst) = burst {
            let mut clicks = click_find_in_bursts(&client, burst, &marked).await?;
            while !clicks.is_empty() {
                let rest = clicks.split_off(piece_size.rows().min(clicks.len()));
                let started = Instant::now();
                n_judged += judge_piece(&mut client, marked.account_id, &clicks).await?;
                piece_size.took(started.elapsed());
                clicks = rest;
            }
        }
        // Done again, to no effect, if this process ends before it.
        let sql = "DELETE FROM burst_minutes WHERE id = ANY ($1)";
        let statement = client.prepare_cached(sql).await?;
        client.execute(&statement, &[&marked.mark_ids]).await?;
    }
    if n_judged > 0 {
        tracing::info!(clicks = n_judged, "clicks were found to be of a burst");
    }
    Ok(n_judged)
}

async fn judge_piece(
    client: &mut Object,
    account_id: i64,
    clicks: &[ClickId],
) -> Result<u64, StoreError> {
    let transaction = client.transaction().await?;
    account_lock(&transaction, account_id).await?;
    // Somebody may have judged them since they were found.
    let verdicts: Vec<_> = click_find_unjudged(&transaction, clicks).await?;
    let mut delta = TotalsDelta::default();
    let n_judged = click_reclassify_all(&transaction, &verdicts, &mut delta).await?;
    delta.apply(&transaction).await?;
    transaction.commit().await?;
    Ok(n_judged)
}

async fn burst_minute_find_due(
    client: &Object,
    quiet: SignedDuration,
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
    let (quiet, unquiet) = (quiet.as_secs_f64(), MAX_UNQUIET.as_secs_f64());
    let rows = client
        .query(&statement, &[&quiet, &unquiet, &MAX_MINUTES])
        .await?;
    let marked = |row: &tokio_postgres::Row| MarkedMinute {
        account_id: row.get("account_id"),
        minute: row.get("minute"),
        mark_ids: row.get("mark_ids"),
    };
    Ok(rows.iter().map(marked).collect())
}

/// The clicks of an account around a minute that are in a burst and not yet judged so,
/// in the order of their ids. Clicks are those of one person if visitor and contact are
/// the same, by the rule of [`domain::burst`]; those without a contact go by the visitor.
/// Erased clicks all have the same visitor, who is nobody.
async fn click_find_in_bursts(
    client: &Object,
    burst: BurstRule,
    marked: &MarkedMinute,
) -> Result<Vec<ClickId>, StoreError> {
    let from = marked.minute - burst.window;
    let to = marked.minute + SignedDuration::from_secs(60) + burst.window;
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
    let n_clicks = i64::try_from(burst.min_clicks).unwrap_or(i64::MAX);
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
        let found = ids.iter().zip(burst.clicks_in_bursts(&times));
        in_bursts.extend(found.filter(|(_, is_burst)| *is_burst).map(|(id, _)| *id));
    }
    let unjudged = click_find_unjudged(client, &in_bursts).await?;
    let mut ids: Vec<_> = unjudged.iter().map(|verdict| verdict.click_id).collect();
    ids.sort_unstable();
    Ok(ids)
}

/// The verdict on those of some clicks of bursts that are not yet judged so. Whoever was
/// confirmed or judged by the API is left alone.
async fn click_find_unjudged(
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
    let verdict = |row: &tokio_postgres::Row| {
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
    Ok(rows.iter().map(verdict).collect())
}
