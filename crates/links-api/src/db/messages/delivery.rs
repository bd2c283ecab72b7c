//! What is known about the delivery of messages.

use domain::{
    delivery::{DeliveryReport, DeliveryStatus},
    id::AccountId,
};
use jiff::Timestamp;
use postgres::pool::GenericClient;
use tokio_postgres::Row;

use crate::{
    enumeration::{Enumeration as _, enumeration},
    error::ApiError,
};

enumeration! {
    /// What has become of a message, as networks report it.
    pub enum MessageStatus {
        Sent = "sent",
        Delivered = "delivered",
        Failed = "failed",
        Undelivered = "undelivered",
    }
}

impl From<MessageStatus> for DeliveryStatus {
    fn from(status: MessageStatus) -> Self {
        match status {
            MessageStatus::Sent => Self::Sent,
            MessageStatus::Delivered => Self::Delivered,
            MessageStatus::Failed => Self::Failed,
            MessageStatus::Undelivered => Self::Undelivered,
        }
    }
}

impl From<DeliveryStatus> for MessageStatus {
    fn from(status: DeliveryStatus) -> Self {
        match status {
            DeliveryStatus::Sent => Self::Sent,
            DeliveryStatus::Delivered => Self::Delivered,
            DeliveryStatus::Failed => Self::Failed,
            DeliveryStatus::Undelivered => Self::Undelivered,
        }
    }
}

/// The prevailing report of a row of `messages`.
pub(super) fn report_from_row(row: &Row) -> DeliveryReport {
    let status: MessageStatus = row.get("status");
    DeliveryReport {
        status: status.into(),
        at: row.get("status_at"),
        reason: row.get("status_reason"),
    }
}

/// The prevailing report about a message.
#[derive(Debug)]
pub struct MessageReport<'m> {
    pub message_id: &'m str,
    pub report: &'m DeliveryReport,
}

pub async fn update_reports(
    client: &impl GenericClient,
    account_id: AccountId,
    reports: &[MessageReport<'_>],
) -> Result<(), ApiError> {
    let statement = client
        .prepare_cached(
            "UPDATE messages AS m
             SET status = n.status, status_at = n.at, status_reason = n.reason
             FROM unnest($2::text[], $3::text[], $4::timestamptz[], $5::text[])
                 AS n (message_id, status, at, reason)
             WHERE m.account_id = $1 AND m.message_id = n.message_id",
        )
        .await?;
    let ids: Vec<_> = reports.iter().map(|new| new.message_id).collect();
    let status = |new: &MessageReport<'_>| MessageStatus::from(new.report.status).name();
    let statuses: Vec<_> = reports.iter().map(status).collect();
    let times: Vec<Option<Timestamp>> = reports.iter().map(|new| new.report.at).collect();
    let reason = |new: &MessageReport<'_>| new.report.reason.clone();
    let reasons: Vec<Option<String>> = reports.iter().map(reason).collect();
    client
        .execute(
            &statement,
            &[&account_id.0, &ids, &statuses, &times, &reasons],
        )
        .await?;
    Ok(())
}
