//! What a publisher confirm means. This is the only place that decides it.

use std::time::Duration;

use lapin::Confirmation;

/// Why a published message is not known to be on a queue.
#[derive(Debug, thiserror::Error)]
pub enum ConfirmError {
    #[error("the broker returned a message: no queue is bound ({reply_code} {reply_text})")]
    Returned { reply_code: u16, reply_text: String },
    #[error("the broker refused a message (nack)")]
    Nacked,
    #[error("the channel is not in confirm mode")]
    NotRequested,
    #[error("the channel or connection ended before the broker confirmed: {0}")]
    ConnectionLost(#[from] lapin::Error),
    #[error("the broker did not confirm within {} s", .0.as_secs())]
    TimedOut(Duration),
}

/// Succeeds only for an ack that carries no returned message: only that says that the
/// message is on a queue.
///
/// lapin attaches a returned message to whichever confirm of the channel it resolves next.
/// So a return says something about the channel, not about this message, and the caller has
/// to publish everything that is unconfirmed again.
pub fn check_confirmation(result: lapin::Result<Confirmation>) -> Result<(), ConfirmError> {
    match result {
        Ok(Confirmation::Ack(None)) => Ok(()),
        Ok(Confirmation::Ack(Some(returned)) | Confirmation::Nack(Some(returned))) => {
            Err(ConfirmError::Returned {
                reply_code: returned.reply_code,
                reply_text: returned.reply_text.to_string(),
            })
        }
        Ok(Confirmation::Nack(None)) => Err(ConfirmError::Nacked),
        Ok(Confirmation::NotRequested) => Err(ConfirmError::NotRequested),
        Err(error) => Err(ConfirmError::ConnectionLost(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_ack_without_a_returned_message_is_a_confirm() {
        assert!(check_confirmation(Ok(Confirmation::Ack(None))).is_ok());
        let failures = [
            check_confirmation(Ok(Confirmation::Nack(None))),
            check_confirmation(Ok(Confirmation::NotRequested)),
            check_confirmation(Err(lapin::ErrorKind::MissingHeartbeatError.into())),
        ];
        assert!(failures.iter().all(Result::is_err), "{failures:?}");
    }
}
