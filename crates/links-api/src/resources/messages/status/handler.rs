//! Storing the reports of a request.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use domain::delivery::DeliveryReport;
use jiff::Timestamp;
use ledger::{
    account_lock,
    totals::{SentMessage, TotalsDelta},
};

use super::{
    request::{MAX_REPORTS, StatusRequest, StatusesRequest, ValidReport},
    response::{ReportOutcome, StatusesResponse},
};
use crate::{
    db::messages::{self, MessageReport, StoredMessage},
    error::{ApiError, RowFailure},
    http::{RequestContext, Response},
    resources::messages::rows::{read_rows, require_rows},
};

pub async fn report_message_statuses(
    context: RequestContext<'_>,
    body: StatusesRequest,
) -> Result<Response, ApiError> {
    let entries = require_rows(body.messages, MAX_REPORTS)?;
    let now = Timestamp::now();
    let rows = read_rows(context, &entries, |index, request: StatusRequest| {
        request.validate(index, now)
    })?;
    let ids: BTreeSet<_> = rows
        .iter()
        .flatten()
        .map(|row| row.message_id.as_str())
        .collect();
    let ids: Vec<_> = ids.into_iter().collect();
    let account_id = context.caller.account_id;
    let stored = messages::find_and_lock(context.db, account_id, &ids).await?;
    // The report of each message that prevails so far.
    let mut reports: BTreeMap<&str, DeliveryReport> = stored
        .iter()
        .map(|message| (message.message_id.as_str(), message.report.clone()))
        .collect();
    let contacts: HashMap<&str, &str> = stored
        .iter()
        .map(|message| (message.message_id.as_str(), message.contact_phone.as_str()))
        .collect();
    let mut response = StatusesResponse::default();
    for (index, row) in rows.iter().enumerate() {
        response.add(match row {
            Err(failure) => ReportOutcome::Failed(failure.clone()),
            Ok(row) => apply(index, row, &contacts, &mut reports),
        });
    }
    update(context, &stored, &reports).await?;
    Response::ok(&response)
}

/// Applies a row to the report of its message.
fn apply(
    index: usize,
    row: &ValidReport,
    contacts: &HashMap<&str, &str>,
    reports: &mut BTreeMap<&str, DeliveryReport>,
) -> ReportOutcome {
    let failed = |name: &str, error: &ApiError| {
        ReportOutcome::Failed(RowFailure {
            field: Some(format!("messages[{index}].{name}")),
            ..RowFailure::from(error)
        })
    };
    let id = row.message_id.as_str();
    let Some(report) = reports.get_mut(id) else {
        return failed("message_id", &ApiError::NotFound("message"));
    };
    if contacts.get(id) != Some(&row.contact_phone.as_str()) {
        return failed(
            "contact_phone",
            &ApiError::MessageOfAnotherContact(id.to_owned()),
        );
    }
    let prevailing = report.clone().prevailing(row.report.clone());
    let status = prevailing.status.into();
    if prevailing == *report {
        return ReportOutcome::Unchanged(status);
    }
    *report = prevailing;
    ReportOutcome::Updated(status)
}

/// Stores the reports that have changed, and counts their outcomes.
async fn update(
    context: RequestContext<'_>,
    stored: &[StoredMessage],
    reports: &BTreeMap<&str, DeliveryReport>,
) -> Result<(), ApiError> {
    let changed = stored.iter().filter_map(|message| {
        let report = reports.get(message.message_id.as_str())?;
        (*report != message.report).then_some((message, report))
    });
    let changed: Vec<_> = changed.collect();
    if changed.is_empty() {
        return Ok(());
    }
    let account_id = context.caller.account_id;
    account_lock(context.db, account_id.0).await?;
    let new_reports = changed.iter().map(|(message, report)| MessageReport {
        message_id: &message.message_id,
        report,
    });
    let new_reports: Vec<_> = new_reports.collect();
    messages::update_reports(context.db, account_id, &new_reports).await?;
    let ids: Vec<_> = new_reports.iter().map(|new| new.message_id).collect();
    let mut links = messages::find_links(context.db, account_id, &ids).await?;
    let mut delta = TotalsDelta::default();
    for (message, report) in changed {
        let sent = SentMessage {
            account_id: account_id.0,
            list_id: message.list_id.0,
            creative_id: message.creative_id.map(|id| id.0),
            links: links.remove(&message.message_id).unwrap_or_default(),
            previous_offers: None,
        };
        let (before, after) = (message.report.status.outcome(), report.status.outcome());
        delta.change_outcome(&sent, before, after, message.sent_at);
    }
    delta.apply(context.db).await?;
    Ok(())
}
