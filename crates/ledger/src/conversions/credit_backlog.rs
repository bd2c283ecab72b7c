//! The credit backlog: links and messages whose conversions are to be credited again.
//!
//! All conversions without a contact of a link or message are credited to its first message
//! click. When that changes, there may be millions of them. A transaction credits a bounded number
//! at once (`conversion_find_affected`); if a change of message clicks concerns more conversions,
//! it adds the link or message to the backlog. Later transactions credit all of its conversions
//! again, a chunk each. Until then totals agree with credits, as ever, but some credits are still
//! the old ones.

use std::collections::BTreeSet;

use domain::{
    id::{AccountId, ConversionId},
    message_click_key::MessageClickKey,
};
use jiff::Timestamp;
use postgres::pool::{GenericClient, Transaction};

use super::{conversion_credit_all, conversion_id};
use crate::{keys::CONVERSION_CONTACT_KEY, totals::TotalsDelta, unnest::column};

/// A link or message whose conversions are to be credited again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CreditBacklogEntry {
    pub account_id: i64,
    pub message_key: String,
}

impl From<&MessageClickKey> for CreditBacklogEntry {
    fn from(key: &MessageClickKey) -> Self {
        let AccountId(account_id) = key.account_id;
        Self {
            account_id,
            message_key: key.message_key.clone(),
        }
    }
}

/// Adds links and messages. Those that are in the backlog already are done once more from the
/// beginning after the present pass over their conversions. Needs the lock of each account.
pub(super) async fn credit_backlog_add_all(
    transaction: &Transaction<'_>,
    entries: &BTreeSet<CreditBacklogEntry>,
) -> Result<(), tokio_postgres::Error> {
    if entries.is_empty() {
        return Ok(());
    }
    let statement = transaction
        .prepare_cached(
            "INSERT INTO credit_backlog (account_id, message_key)
             SELECT * FROM unnest($1::bigint[], $2::text[])
             ON CONFLICT (account_id, message_key) DO UPDATE SET is_outdated = true",
        )
        .await?;
    let entries: Vec<_> = entries.iter().collect();
    let account_ids = column(&entries, |entry| entry.account_id);
    let message_keys = column(&entries, |entry| entry.message_key.as_str());
    transaction
        .execute(&statement, &[&account_ids, &message_keys])
        .await?;
    Ok(())
}

/// Begins the passes of an account again later, since conversions have got other contact keys:
/// one that was ahead of a pass may be behind it now. Needs the lock of the account.
pub(crate) async fn credit_backlog_restart(
    transaction: &Transaction<'_>,
    account_id: i64,
) -> Result<(), tokio_postgres::Error> {
    let sql = "UPDATE credit_backlog SET is_outdated = true WHERE account_id = $1";
    let statement = transaction.prepare_cached(sql).await?;
    transaction.execute(&statement, &[&account_id]).await?;
    Ok(())
}

/// Loads the first entries of the backlog, of one account or of all.
pub async fn credit_backlog_load(
    client: &impl GenericClient,
    account_id: Option<i64>,
    limit: i64,
) -> Result<Vec<CreditBacklogEntry>, tokio_postgres::Error> {
    let statement = client
        .prepare_cached(
            "SELECT account_id, message_key
             FROM credit_backlog
             WHERE $1::bigint IS NULL OR account_id = $1
             ORDER BY added_at, account_id, message_key
             LIMIT $2",
        )
        .await?;
    let rows = client.query(&statement, &[&account_id, &limit]).await?;
    let entries = rows.iter().map(|row| CreditBacklogEntry {
        account_id: row.get("account_id"),
        message_key: row.get("message_key"),
    });
    Ok(entries.collect())
}

/// Credits the next conversions of a link or message again, at most `limit`. At the end of the
/// last pass it leaves the backlog. Returns whether it has. Needs the lock of the account.
pub async fn credit_backlog_process_chunk(
    transaction: &Transaction<'_>,
    entry: &CreditBacklogEntry,
    limit: i64,
    delta: &mut TotalsDelta,
) -> Result<bool, tokio_postgres::Error> {
    let statement = transaction
        .prepare_cached(
            "SELECT contact_key, converted_at, conversion_id, is_outdated
             FROM credit_backlog
             WHERE account_id = $1 AND message_key = $2",
        )
        .await?;
    let CreditBacklogEntry {
        account_id,
        message_key,
    } = entry;
    let row = transaction
        .query_opt(&statement, &[account_id, message_key])
        .await?;
    let Some(row) = row else {
        return Ok(true);
    };
    let is_outdated: bool = row.get("is_outdated");
    let position = PassPosition {
        contact_key: row.get("contact_key"),
        converted_at: row.get("converted_at"),
        conversion_id: row.get("conversion_id"),
    };
    let (next_position, ids) = position.find_next(transaction, entry, limit).await?;
    conversion_credit_all(transaction, &ids, delta).await?;
    if let Some(position) = next_position {
        position.store(transaction, entry, is_outdated).await?;
        return Ok(false);
    }
    if is_outdated {
        let start = PassPosition::default();
        start.store(transaction, entry, false).await?;
        return Ok(false);
    }
    let sql = "DELETE FROM credit_backlog WHERE account_id = $1 AND message_key = $2";
    let statement = transaction.prepare_cached(sql).await?;
    transaction
        .execute(&statement, &[account_id, message_key])
        .await?;
    Ok(true)
}

/// The last conversion of a pass over those of a link or message. All is `None` at its start.
#[derive(Debug, Default)]
struct PassPosition {
    contact_key: Option<String>,
    converted_at: Option<Timestamp>,
    conversion_id: Option<uuid::Uuid>,
}

impl PassPosition {
    /// Finds the conversions after this one, with the position of the last, which is `None` if
    /// there are no more after them.
    async fn find_next(
        &self,
        transaction: &Transaction<'_>,
        entry: &CreditBacklogEntry,
        limit: i64,
    ) -> Result<(Option<Self>, BTreeSet<ConversionId>), tokio_postgres::Error> {
        let is_after = match self.conversion_id {
            None => String::new(),
            Some(_) => format!(
                "AND ({CONVERSION_CONTACT_KEY}, c.converted_at, c.conversion_id)
                     > ($4::text COLLATE \"C\", $5::timestamptz, $6::uuid)"
            ),
        };
        let sql = format!(
            "SELECT c.conversion_id, c.converted_at, {CONVERSION_CONTACT_KEY} AS contact_key
             FROM conversions c
             WHERE c.account_id = $1
               AND c.message_key = $2
               {is_after}
             ORDER BY {CONVERSION_CONTACT_KEY}, c.converted_at, c.conversion_id
             LIMIT $3"
        );
        let statement = transaction.prepare_cached(&sql).await?;
        let first = [&entry.account_id as _, &entry.message_key as _, &limit as _];
        let position = [
            &self.contact_key as _,
            &self.converted_at as _,
            &self.conversion_id as _,
        ];
        let parameters = match self.conversion_id {
            None => first.to_vec(),
            Some(_) => [first, position].concat(),
        };
        let rows = transaction.query(&statement, &parameters).await?;
        let is_last_page = i64::try_from(rows.len()).is_ok_and(|n_rows| n_rows < limit);
        let last = rows.last().filter(|_| !is_last_page).map(|row| Self {
            contact_key: row.get("contact_key"),
            converted_at: row.get("converted_at"),
            conversion_id: row.get("conversion_id"),
        });
        Ok((last, rows.iter().map(conversion_id).collect()))
    }

    async fn store(
        &self,
        transaction: &Transaction<'_>,
        entry: &CreditBacklogEntry,
        is_outdated: bool,
    ) -> Result<(), tokio_postgres::Error> {
        let statement = transaction
            .prepare_cached(
                "UPDATE credit_backlog
                 SET contact_key = $3, converted_at = $4, conversion_id = $5, is_outdated = $6
                 WHERE account_id = $1 AND message_key = $2",
            )
            .await?;
        transaction
            .execute(
                &statement,
                &[
                    &entry.account_id,
                    &entry.message_key,
                    &self.contact_key,
                    &self.converted_at,
                    &self.conversion_id,
                    &is_outdated,
                ],
            )
            .await?;
        Ok(())
    }
}
