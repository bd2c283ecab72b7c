//! `GET /api/v2/messages`: the messages of the account by the time when they were sent.

use std::str::FromStr;

use domain::hex;
use jiff::Timestamp as Time;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    db::messages::{MessageFilter, MessageRow, MessageStatus, select_page},
    error::ApiError,
    fields::{QueryEnd, QueryStart, Timestamp},
    http::{
        BoundedInteger, ExportQuery, FormatQuery, IdNumber, QueryParameters, RequestContext,
        Response,
    },
};

#[derive(Debug, Deserialize, JsonSchema)]
pub struct MessagesQuery {
    /// The first day (UTC), as in 2026-03-01, or the first time, as in 2026-03-01T00:00:00Z.
    from: Option<QueryStart>,
    /// The last day, or the time after the last.
    to: Option<QueryEnd>,
    /// Only messages with this status.
    status: Option<MessageStatus>,
    /// Only messages of this list.
    list_id: Option<IdNumber>,
    /// Only messages of this creative.
    creative_id: Option<IdNumber>,
    /// Only messages to this contact (E.164).
    contact_phone: Option<String>,
}

impl QueryParameters for MessagesQuery {}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "MessageList")]
pub struct Messages {
    messages: Vec<ListedMessage>,
    next_cursor: Option<String>,
}

/// A message without what happened to it but its delivery.
#[derive(Debug, Serialize, JsonSchema)]
struct ListedMessage {
    message_id: String,
    /// A pseudonym if the contact was erased.
    contact_phone: Option<String>,
    list_id: i64,
    creative_id: Option<i64>,
    /// The text of a recorded message, if it was given.
    text: Option<String>,
    /// What a recorded message was sent from, if it was given.
    sender: Option<String>,
    sent_at: Timestamp,
    /// Whether the platform sent and recorded it. Otherwise Waypost rendered it.
    is_recorded: bool,
    #[schemars(with = "String")]
    status: MessageStatus,
    /// When it got this status, by the network.
    status_at: Option<Timestamp>,
    /// The reason of the status in the network's own words; null without one.
    status_reason: Option<String>,
    /// The ids of its links.
    links: Vec<String>,
}

const CSV_COLUMNS: [&str; 12] = [
    "message_id",
    "contact_phone",
    "list_id",
    "creative_id",
    "text",
    "sender",
    "sent_at",
    "is_recorded",
    "status",
    "status_at",
    "status_reason",
    "links",
];

/// The place of a message in the list. Ids have any characters, and a cursor may be the value
/// of a header.
#[derive(Debug, Clone)]
pub struct MessageCursor {
    sent_at: Time,
    message_id: String,
}

impl FromStr for MessageCursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (time, id) = text.split_once('.').ok_or(())?;
        let time = time
            .parse()
            .ok()
            .and_then(|us| Time::from_microsecond(us).ok());
        let digits: Vec<_> = id.bytes().collect();
        let bytes = digits.chunks(2).map(|pair| match *pair {
            [high, low] => hex::decode_byte(high, low).ok_or(()),
            _ => Err(()),
        });
        let bytes = bytes.collect::<Result<Vec<u8>, ()>>()?;
        let message_id = String::from_utf8(bytes).map_err(|_| ())?;
        // Postgres has no U+0000 in texts.
        if message_id.contains('\0') {
            return Err(());
        }
        let sent_at = time.ok_or(())?;
        Ok(Self {
            sent_at,
            message_id,
        })
    }
}

impl JsonSchema for MessageCursor {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "MessageCursor".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }
}

impl ListedMessage {
    fn cursor(&self) -> String {
        let time = self.sent_at.0.as_microsecond();
        format!("{time}.{}", hex::encode(self.message_id.as_bytes()))
    }
}

pub async fn list_messages(
    context: RequestContext<'_>,
    query: MessagesQuery,
    export: ExportQuery<MessageCursor>,
    format: FormatQuery,
) -> Result<Response, ApiError> {
    let filter = MessageFilter {
        from: query.from.map(|time| time.0),
        to: query.to.map(|time| time.0),
        status: query.status,
        list_id: query.list_id.map(BoundedInteger::get),
        creative_id: query.creative_id.map(BoundedInteger::get),
        contact_phone: query.contact_phone,
    };
    context.plan_by_values().await?;
    let cursor = export.cursor();
    let after = cursor.as_ref();
    let after = after.map(|cursor| (cursor.sent_at, cursor.message_id.as_str()));
    let limit = export.limit_and_one();
    let rows = select_page(context.db, context.caller.account_id, &filter, after, limit).await?;
    let mut messages: Vec<_> = rows.into_iter().map(ListedMessage::from).collect();
    let next_cursor = export.split_next_cursor(&mut messages, ListedMessage::cursor);
    if let Some(csv) = format.csv() {
        let body = csv.write(&CSV_COLUMNS, &messages)?;
        return Ok(Response::csv(body, next_cursor));
    }
    Response::ok(&Messages {
        messages,
        next_cursor,
    })
}

impl From<MessageRow> for ListedMessage {
    fn from(row: MessageRow) -> Self {
        Self {
            message_id: row.message_id,
            contact_phone: row.contact_phone,
            list_id: row.list_id,
            creative_id: row.creative_id,
            text: row.text,
            sender: row.sender,
            sent_at: Timestamp(row.sent_at),
            is_recorded: row.is_recorded,
            status: row.status,
            status_at: row.status_at.map(Timestamp),
            status_reason: row.status_reason,
            links: row.link_ids,
        }
    }
}

impl Messages {
    pub fn example() -> Value {
        json!({
            "messages": [{
                "message_id": "m-3",
                "contact_phone": "+18005550101",
                "list_id": 42,
                "creative_id": null,
                "text": "Shop now: https://yourdomain.com/Ab3kX9q",
                "sender": "24587",
                "sent_at": "2026-03-10T08:00:00Z",
                "is_recorded": true,
                "status": "undelivered",
                "status_at": "2026-03-10T08:05:00Z",
                "status_reason": "absent subscriber",
                "links": ["Ab3kX9q"],
            }],
            "next_cursor": null,
        })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("m-1")]
    #[case("é/💸 .")]
    fn a_cursor_comes_back(#[case] id: &str) {
        let time = Time::from_microsecond(1_773_129_600_123_456).unwrap();
        let text = format!("{}.{}", time.as_microsecond(), hex::encode(id.as_bytes()));
        let cursor: MessageCursor = text.parse().unwrap();
        assert_eq!((cursor.sent_at, cursor.message_id.as_str()), (time, id));
        assert!(text.bytes().all(|byte| byte.is_ascii_graphic()));
    }

    #[rstest]
    #[case("")]
    #[case("1")]
    #[case("1.6")]
    #[case("1.zz")]
    #[case("1.ff")]
    #[case("1.00")]
    #[case("x.61")]
    #[case("99999999999999999999.61")]
    fn another_text_is_no_cursor(#[case] text: &str) {
        assert!(text.parse::<MessageCursor>().is_err());
    }
}
