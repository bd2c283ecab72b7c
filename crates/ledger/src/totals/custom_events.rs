//! The custom events that are told apart in the totals: the first that an account has, up to a
//! limit, since anybody who can send a postback can name an event.

use std::collections::BTreeSet;

use domain::conversion::EventType;
use postgres::pool::{GenericClient as _, Transaction};

use crate::unnest::column;

/// How many custom events the totals of an account tell apart. All later ones are counted
/// together, as [`OTHER_EVENTS`]. The conversions themselves keep the names of their events.
pub const MAX_CUSTOM_EVENTS: i64 = 50;

/// The event for which conversions of all further custom events are counted.
pub const OTHER_EVENTS: &str = "other";

/// A custom event of an account.
pub(super) type CustomEvent = (i64, String);

/// The custom event that is to be told apart from others; `None` for an event that needs no
/// room.
pub(super) fn custom_event(account_id: i64, event: EventType) -> Option<CustomEvent> {
    match event {
        EventType::Custom(_) if event.as_str() != OTHER_EVENTS => {
            Some((account_id, event.as_str().to_owned()))
        }
        _ => None,
    }
}

/// Adds events to those of their accounts while there is room, and returns those of them that
/// are told apart. An event that was counted as one of the others stays one, because the events
/// of an account never become fewer. Needs the lock of each account, or two transactions would
/// both take the last room.
pub(super) async fn custom_event_register_all(
    transaction: &Transaction<'_>,
    events: &BTreeSet<CustomEvent>,
) -> Result<BTreeSet<CustomEvent>, tokio_postgres::Error> {
    if events.is_empty() {
        return Ok(BTreeSet::new());
    }
    let events: Vec<_> = events.iter().collect();
    let account_ids = column(&events, |(account_id, _)| *account_id);
    let names = column(&events, |(_, event)| event.as_str());
    let sql = "
        INSERT INTO account_events (account_id, event)
        SELECT account_id, event
        FROM (
            SELECT n.account_id, n.event,
                   row_number() OVER (PARTITION BY n.account_id ORDER BY n.number) AS position
            FROM unnest($1::bigint[], $2::text[]) WITH ORDINALITY AS n (account_id, event, number)
            WHERE NOT EXISTS (
                SELECT
                FROM account_events e
                WHERE e.account_id = n.account_id AND e.event = n.event
            )
        ) AS n
        WHERE position <= $3 - (
            SELECT count(*) FROM account_events e WHERE e.account_id = n.account_id
        )
        ON CONFLICT (account_id, event) DO NOTHING";
    let statement = transaction.prepare_cached(sql).await?;
    transaction
        .execute(&statement, &[&account_ids, &names, &MAX_CUSTOM_EVENTS])
        .await?;
    let sql = "
        SELECT e.account_id, e.event
        FROM unnest($1::bigint[], $2::text[]) AS n (account_id, event)
        JOIN account_events e ON e.account_id = n.account_id AND e.event = n.event";
    let statement = transaction.prepare_cached(sql).await?;
    let rows = transaction
        .query(&statement, &[&account_ids, &names])
        .await?;
    let event = |row: &tokio_postgres::Row| (row.get("account_id"), row.get("event"));
    Ok(rows.iter().map(event).collect())
}

/// Adds the custom events of an account's stored conversions, from the one that came first, as
/// `custom_event_register_all` does: versions before this table counted none. Returns how many
/// it has added. Needs the lock of the account.
pub async fn custom_event_register_stored(
    transaction: &Transaction<'_>,
    account_id: i64,
) -> Result<u64, tokio_postgres::Error> {
    let known: Vec<_> = EventType::KNOWN
        .iter()
        .map(EventType::as_str)
        .chain([OTHER_EVENTS])
        .collect();
    let sql = "
        INSERT INTO account_events (account_id, event)
        SELECT $1::bigint, event
        FROM (
            SELECT c.event, min(c.conversion_id::text) AS first_id
            FROM conversions c
            WHERE c.account_id = $1 AND c.event <> ALL ($2)
              AND NOT EXISTS (
                  SELECT FROM account_events e WHERE e.account_id = $1 AND e.event = c.event
              )
            GROUP BY c.event
        ) AS new_events
        ORDER BY first_id
        LIMIT greatest(0, $3 - (SELECT count(*) FROM account_events WHERE account_id = $1))
        ON CONFLICT (account_id, event) DO NOTHING";
    let statement = transaction.prepare_cached(sql).await?;
    transaction
        .execute(&statement, &[&account_id, &known, &MAX_CUSTOM_EVENTS])
        .await
}
