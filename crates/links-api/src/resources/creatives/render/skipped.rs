//! Messages of a render that cannot be rendered.

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    enumeration::enumeration,
    error::{ApiError, RowFailure},
};

enumeration! {
    /// What a message that cannot be rendered means for the others.
    pub enum OnError {
        Fail = "fail",
        Skip = "skip",
    }
}

/// A message that was not rendered, and why.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SkippedMessage {
    /// Index of the message in the request, from 0.
    index: usize,
    #[serde(flatten)]
    failure: RowFailure,
}

/// Collects the messages that cannot be rendered, or fails at the first.
pub struct Skipped {
    on_error: OnError,
    messages: Vec<SkippedMessage>,
}

impl Skipped {
    pub fn new(on_error: OnError) -> Self {
        Self {
            on_error,
            messages: Vec::new(),
        }
    }

    /// Failures of the service end the whole request in any case.
    pub fn add(&mut self, index: usize, error: ApiError) -> Result<(), ApiError> {
        let is_of_message = !matches!(error, ApiError::Unavailable(_) | ApiError::Internal(_));
        if self.on_error == OnError::Fail || !is_of_message {
            return Err(error);
        }
        let failure = RowFailure::from(&error);
        self.messages.push(SkippedMessage { index, failure });
        Ok(())
    }

    /// The messages in the order of the request.
    pub fn into_messages(mut self) -> Vec<SkippedMessage> {
        self.messages.sort_by_key(|message| message.index);
        self.messages
    }
}
