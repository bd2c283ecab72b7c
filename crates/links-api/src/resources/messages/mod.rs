//! What happened to a message.

mod get;
mod object;

use crate::{auth::Scope, error::ApiError, http::Operation};
use get::get_message;
use object::MessageObject;

pub fn operations() -> Vec<Operation> {
    vec![
        Operation::get("/messages/{message_id}", get_message)
            .scope(Scope::ReportsRead)
            .tag("contacts")
            .summary("Get what happened to a message")
            .description(
                "When it was sent, its links with their clicks, its message clicks, and its \
                 conversions with their revenue. A message that was not rendered by Waypost is \
                 known by its links.",
            )
            .response::<MessageObject>(200, MessageObject::example())
            .errors([ApiError::NotFound("message")]),
    ]
}
