//! A partition of `clicks` for every UTC day that has some.

use std::collections::BTreeSet;

use ::store::pool::Object;
use domain::click::ClickEvent;
use jiff::{ToSpan as _, civil::Date, tz::TimeZone};

/// Any number, the same in every worker: one makes partitions, others wait.
const LOCK: i64 = 0x7761_7970_6f73_7402;

/// The days whose partitions are known to exist.
#[derive(Debug, Default)]
pub(super) struct Partitions(BTreeSet<Date>);

impl Partitions {
    /// Makes the partitions that these events need and that are missing.
    pub async fn ensure(
        &mut self,
        client: &mut Object,
        events: &[ClickEvent<'static>],
    ) -> Result<(), tokio_postgres::Error> {
        let days: BTreeSet<_> = events.iter().map(day).collect();
        for day in days.difference(&self.0.clone()) {
            partition_create(client, *day).await?;
            self.0.insert(*day);
        }
        Ok(())
    }

    pub fn forget(&mut self) {
        self.0.clear();
    }
}

fn day(event: &ClickEvent<'static>) -> Date {
    event.click_id.time().to_zoned(TimeZone::UTC).date()
}

/// Attaching a finished table takes a weaker lock than making it in place:
/// other workers go on inserting meanwhile.
async fn partition_create(client: &mut Object, day: Date) -> Result<(), tokio_postgres::Error> {
    let name = format!("clicks_{}", day.strftime("%Y%m%d"));
    // Held to the end of the transaction: one worker makes it.
    let transaction = client.transaction().await?;
    transaction
        .execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK])
        .await?;
    let exists: bool = transaction
        .query_one("SELECT to_regclass($1) IS NOT NULL AS found", &[&name])
        .await?
        .get("found");
    if !exists {
        let next = day.saturating_add(1.day());
        let sql = format!(
            "CREATE TABLE {name} (LIKE clicks INCLUDING CONSTRAINTS);
             ALTER TABLE clicks ATTACH PARTITION {name}
             FOR VALUES FROM ('{day} 00:00:00+00') TO ('{next} 00:00:00+00')"
        );
        transaction.batch_execute(&sql).await?;
        tracing::info!(partition = name, "made a partition");
    }
    transaction.commit().await
}
