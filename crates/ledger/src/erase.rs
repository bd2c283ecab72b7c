//! Erasing a contact: its number, and what it left on clicks and conversions, are removed.
//! What it did still counts, as that of a contact whom nobody knows.
//!
//! The pseudonym is the same in all tables, so that what was one contact's is still counted
//! once: message clicks, credits and totals stay as they are, and so does what `click-worker
//! recount` computes from the raw rows.

use std::collections::BTreeSet;

use domain::message_click_key::phone_contact_key;
use jiff::Timestamp;
use postgres::pool::{GenericClient as _, Transaction};
use tokio_postgres::types::ToSql;

use crate::{
    conversions::credit_backlog_restart, keys::LINK_MESSAGE_KEY,
    value_totals::value_day_outdate_erased,
};

/// A contact of an account, to be replaced by a pseudonym. Each method returns the number
/// of rows that it has changed, and needs the lock of the account.
#[derive(Debug)]
pub struct ContactErasure<'e> {
    pub transaction: &'e Transaction<'e>,
    pub account_id: i64,
    pub phone: &'e str,
    /// Takes the place of the number. It must be a text that no other contact has.
    pub pseudonym: &'e str,
    /// All links of the contact: its clicks and message clicks are found by them.
    pub link_keys: &'e [i64],
}

impl ContactErasure<'_> {
    /// Removes from the contact's clicks everything that describes a person. What a click costs is
    /// an amount, and stays.
    pub async fn erase_clicks(&self) -> Result<u64, tokio_postgres::Error> {
        let sql = "
            UPDATE clicks
            SET contact_phone = $3, visitor = 'erased', ip = NULL, user_agent = NULL,
                referrer = NULL, sub1 = NULL, sub2 = NULL, sub3 = NULL, sub4 = NULL, sub5 = NULL,
                source = NULL, creative = NULL, cost = NULL
            WHERE link_key = ANY ($4) AND account_id = $1 AND contact_phone = $2";
        let parameters: [&(dyn ToSql + Sync); 4] = [
            &self.account_id,
            &self.phone,
            &self.pseudonym,
            &self.link_keys,
        ];
        self.update_of_days(sql, "clicked_at", &parameters).await
    }

    /// Replaces the contact in its message clicks, and in their keys.
    pub async fn erase_message_clicks(&self) -> Result<u64, tokio_postgres::Error> {
        let sql = format!(
            "UPDATE message_clicks
             SET contact_phone = $3, contact_key = $4, visitor = NULL
             WHERE account_id = $1
               AND contact_key = $2
               AND message_key IN (SELECT {LINK_MESSAGE_KEY} FROM links l WHERE l.id = ANY ($5))"
        );
        let (old_key, new_key) = (
            phone_contact_key(self.phone),
            phone_contact_key(self.pseudonym),
        );
        let parameters: [&(dyn ToSql + Sync); 5] = [
            &self.account_id,
            &old_key,
            &self.pseudonym,
            &new_key,
            &self.link_keys,
        ];
        self.execute(&sql, &parameters).await
    }

    /// Replaces the contact in conversions that name it or are credited to one of its
    /// clicks, and removes what else describes a person.
    pub async fn erase_conversions(&self) -> Result<u64, tokio_postgres::Error> {
        credit_backlog_restart(self.transaction, self.account_id).await?;
        let sql = format!(
            "UPDATE conversions
             SET contact_phone = CASE WHEN contact_phone = $2 THEN $3 ELSE contact_phone END,
                 contact_key = CASE WHEN contact_key = $4 THEN $5 ELSE contact_key END,
                 credited_contact_phone =
                     CASE WHEN credited_contact_phone = $2 THEN $3 ELSE credited_contact_phone END,
                 visitor = 'erased', customer_email_hash = NULL, metadata = NULL
             WHERE account_id = $1
               AND (contact_phone = $2 OR contact_key = $4 OR credited_contact_phone = $2)
               AND message_key IN (SELECT {LINK_MESSAGE_KEY} FROM links l WHERE l.id = ANY ($6))"
        );
        let (old_key, new_key) = (
            phone_contact_key(self.phone),
            phone_contact_key(self.pseudonym),
        );
        let parameters: [&(dyn ToSql + Sync); 6] = [
            &self.account_id,
            &self.phone,
            &self.pseudonym,
            &old_key,
            &new_key,
            &self.link_keys,
        ];
        self.update_of_days(&sql, "converted_at", &parameters).await
    }

    /// Replaces the contact in conversions of coupons: they may be on none of its links.
    pub async fn erase_coupon_conversions(&self) -> Result<u64, tokio_postgres::Error> {
        credit_backlog_restart(self.transaction, self.account_id).await?;
        let sql = "
            UPDATE conversions
            SET contact_phone = $3,
                contact_key = CASE WHEN contact_key = $4 THEN $5 ELSE contact_key END,
                visitor = 'erased', customer_email_hash = NULL, metadata = NULL
            WHERE account_id = $1 AND contact_phone = $2 AND coupon IS NOT NULL";
        let (old_key, new_key) = (
            phone_contact_key(self.phone),
            phone_contact_key(self.pseudonym),
        );
        let parameters: [&(dyn ToSql + Sync); 5] = [
            &self.account_id,
            &self.phone,
            &self.pseudonym,
            &old_key,
            &new_key,
        ];
        self.update_of_days(sql, "converted_at", &parameters).await
    }

    /// Runs an UPDATE, and removes from the sums of the changed days what the rows contained.
    async fn update_of_days(
        &self,
        update: &str,
        time: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<u64, tokio_postgres::Error> {
        let sql = format!(
            "WITH erased AS ({update} RETURNING {time} AS time)
             SELECT date_trunc('day', time, 'UTC') AS day, count(*) AS n FROM erased GROUP BY day"
        );
        let statement = self.transaction.prepare_cached(&sql).await?;
        let rows = self.transaction.query(&statement, parameters).await?;
        let days: BTreeSet<Timestamp> = rows.iter().map(|row| row.get("day")).collect();
        value_day_outdate_erased(self.transaction, self.account_id, &days).await?;
        let counts = rows.iter().map(|row| row.get::<_, i64>("n").unsigned_abs());
        Ok(counts.sum())
    }

    async fn execute(
        &self,
        sql: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<u64, tokio_postgres::Error> {
        let statement = self.transaction.prepare_cached(sql).await?;
        self.transaction.execute(&statement, parameters).await
    }
}
