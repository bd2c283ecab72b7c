//! Decides when a confirm of the broker is certain.
//!
//! lapin attaches a returned message to whichever confirm it resolves next on the
//! channel, and an ack of several messages resolves them in any order. So the
//! plain ack of an unroutable message can come first, and its return on a later
//! message. Therefore a confirm is held back until all messages that were in flight at
//! that moment are confirmed as well: the return of the message, if there is one, is on
//! one of those, and ends the session before.

use std::collections::VecDeque;

use crate::spool::Position;

/// The confirms of one session, in the order of publishing.
#[derive(Debug, Default)]
pub struct ConfirmBarrier {
    n_published: u64,
    n_confirmed: u64,
    held: VecDeque<HeldConfirm>,
}

#[derive(Debug)]
struct HeldConfirm {
    /// The confirm is certain once the session has this many confirms.
    confirms_needed: u64,
    message: ConfirmedMessage,
}

/// A message that the broker has confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConfirmedMessage {
    /// The end of its batch in the spool if it is the last message of the batch;
    /// `None` for other messages and for resent ones.
    pub batch_end: Option<Position>,
    pub n_events: usize,
}

impl ConfirmBarrier {
    pub fn message_published(&mut self) {
        self.n_published += 1;
    }

    /// Adds the confirm of the oldest message that had none.
    pub fn message_confirmed(&mut self, message: ConfirmedMessage) {
        self.n_confirmed += 1;
        self.held.push_back(HeldConfirm {
            confirms_needed: self.n_published,
            message,
        });
    }

    /// Takes out the next message whose confirm is certain.
    pub fn pop_certain(&mut self) -> Option<ConfirmedMessage> {
        let is_certain = |held: &mut HeldConfirm| held.confirms_needed <= self.n_confirmed;
        self.held.pop_front_if(is_certain).map(|held| held.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(offset: u64) -> ConfirmedMessage {
        let batch_end = Some(Position { segment: 1, offset });
        ConfirmedMessage {
            batch_end,
            n_events: 1,
        }
    }

    #[test]
    fn the_confirm_of_a_single_message_is_certain_at_once() {
        let mut barrier = ConfirmBarrier::default();
        barrier.message_published();
        assert_eq!(barrier.pop_certain(), None);
        barrier.message_confirmed(message(1));
        assert_eq!(barrier.pop_certain(), Some(message(1)));
        assert_eq!(barrier.pop_certain(), None);
    }

    #[test]
    fn a_confirm_is_held_until_all_messages_in_flight_are_confirmed() {
        let mut barrier = ConfirmBarrier::default();
        for _ in 0..3 {
            barrier.message_published();
        }
        barrier.message_confirmed(message(1));
        // The confirm of the second message may carry the return of the first.
        assert_eq!(barrier.pop_certain(), None);
        barrier.message_confirmed(message(2));
        assert_eq!(barrier.pop_certain(), None);
        // The confirm of a message that was published after the first confirm cannot.
        barrier.message_published();
        barrier.message_confirmed(message(3));
        assert_eq!(barrier.pop_certain(), Some(message(1)));
        assert_eq!(barrier.pop_certain(), Some(message(2)));
        assert_eq!(barrier.pop_certain(), None);
        barrier.message_confirmed(message(4));
        assert_eq!(barrier.pop_certain(), Some(message(3)));
        assert_eq!(barrier.pop_certain(), Some(message(4)));
        assert_eq!(barrier.pop_certain(), None);
    }
}
