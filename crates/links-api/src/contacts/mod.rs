//! What became of a message, and of a contact; and forgetting a contact.

#![warn(clippy::indexing_slicing)]

mod erase;
mod journey;
mod message;

use crate::http::Operation;

pub fn operations() -> Vec<Operation> {
    vec![
        message::operation(),
        journey::operation(),
        erase::operation(),
    ]
}
