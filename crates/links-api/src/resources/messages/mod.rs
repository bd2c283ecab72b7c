//! Messages that were sent: recording them, what networks report about them, and what happened
//! to them.

mod get;
mod list;
mod object;
mod record;
mod row_fields;
mod rows;
mod status;

use crate::{
    audit::ObjectKind,
    auth::Scope,
    error::ApiError,
    http::{Content, Operation},
};
use get::get_message;
use list::{Messages, list_messages};
use object::MessageObject;
use record::{MAX_MESSAGES, RecordRequest, RecordResponse, record_messages};
use status::{MAX_REPORTS, StatusesRequest, StatusesResponse, report_message_statuses};

pub fn operations() -> Vec<Operation> {
    let operations = [
        record_operation(),
        status_operation(),
        list_operation(),
        get_operation(),
    ];
    operations
        .into_iter()
        .map(|operation| operation.tag("messages"))
        .collect()
}

fn record_operation() -> Operation {
    Operation::post("/messages", record_messages)
        .audits_many(ObjectKind::Message, "message_id")
        .scope(Scope::LinksWrite)
        .summary("Record sent messages")
        .description(
            "Records up to 1,000 messages that your platform has composed and sent by itself, so \
             that they count as sends in reports. Messages that Waypost renders are recorded \
             already. Each row is handled on its own, and has its result: `created`; `unchanged` \
             if the message is known and the row says nothing else, so that a request can be \
             repeated; or `failed` with the code, the field and a sentence. A message that is \
             known with another contact, list, creative, text, sender, time or other links is \
             `message_mismatch`; what a row leaves out is not compared. `links` become the \
             message's: clicks from then on belong to the message and its contact, and a link \
             without list or creative gets the message's. A link that was clicked before, or that \
             several rows name, stays as it is: the message counts as sent with it, but its \
             clicks remain its own, and `unbound_links` says so. A link of another message, \
             contact or list fails the row. The answer is 201 if any message is new.",
        )
        .request_examples([
            RecordRequest::example(),
            RecordRequest::example_with_links(),
        ])
        .required_fields(["messages"])
        .response::<RecordResponse>(201, RecordResponse::example())
        .response::<RecordResponse>(200, RecordResponse::example_without_new())
        .errors([
            ApiError::MissingMessages,
            ApiError::TooManyMessages(MAX_MESSAGES),
        ])
}

fn status_operation() -> Operation {
    Operation::post("/messages/status", report_message_statuses)
        .audits_many(ObjectKind::Message, "message_id")
        .scope(Scope::LinksWrite)
        .summary("Report deliveries of messages")
        .description(
            "Up to 1,000 reports of networks about messages that were rendered or recorded, in \
             any order. A final status (`delivered`, `failed`, `undelivered`) prevails over \
             `sent`. Of two final ones the later by `at` prevails, one with a time over one \
             without, and at the same moment `delivered` over `undelivered` over `failed`. So the \
             order of arrival makes no difference, and a repeated report changes nothing. Each \
             row has its result and the status that the message has now. Reports count \
             `undelivered` as `failed`.",
        )
        .request_examples([StatusesRequest::example()])
        .required_fields(["messages"])
        .response::<StatusesResponse>(200, StatusesResponse::example())
        .errors([
            ApiError::MissingMessages,
            ApiError::TooManyMessages(MAX_REPORTS),
        ])
}

fn list_operation() -> Operation {
    Operation::get("/messages", list_messages)
        .scope(Scope::ReportsRead)
        .summary("List messages")
        .description(
            "The messages that were rendered or recorded, in the order in which they were sent, \
             each with the status of its delivery. Without a report it is `sent`.",
        )
        .response::<Messages>(200, Messages::example())
        .response_with_content(200, "Success", Content::Bytes("text/csv"))
}

fn get_operation() -> Operation {
    Operation::get("/messages/{message_id}", get_message)
        .scope(Scope::ReportsRead)
        .summary("Get what happened to a message")
        .description(
            "When it was sent, whether it was delivered, its links with their clicks, its message \
             clicks, and its conversions with their revenue. A message that was neither rendered \
             nor recorded is known by its links.",
        )
        .response::<MessageObject>(200, MessageObject::example())
        .errors([ApiError::NotFound("message")])
}
