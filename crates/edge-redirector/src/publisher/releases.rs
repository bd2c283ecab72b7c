//! Which confirmed messages may be released.
//!
//! lapin hangs a returned message on whichever confirm it resolves next on the
//! channel, and an ack of several messages resolves them in any order. So the
//! plain ack of an unroutable message can come first, and the return that was
//! its own on a later message. Therefore a confirmed message is held until
//! everything that was under way at that moment is confirmed as well: a return
//! that is its own is on one of those, and ends the session before.

use std::collections::VecDeque;

use crate::spool::Position;

/// The messages of one session, in the order of their publishing.
#[derive(Debug, Default)]
pub struct Releases {
    n_published: u64,
    n_confirmed: u64,
    held: VecDeque<Held>,
}

#[derive(Debug)]
struct Held {
    /// How many messages have to be confirmed before it is released.
    barrier: u64,
    released: Released,
}

/// A message that is on a queue for certain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Released {
    /// Where its records end; `None` if they were sent again.
    pub end: Option<Position>,
    pub n_events: usize,
}

impl Releases {
    pub fn published(&mut self) {
        self.n_published += 1;
    }

    /// The oldest message that was not is confirmed.
    pub fn confirmed(&mut self, message: Released) {
        self.n_confirmed += 1;
        self.held.push_back(Held {
            barrier: self.n_published,
            released: message,
        });
    }

    /// The next message to release.
    pub fn next(&mut self) -> Option<Released> {
        let is_certain = |held: &mut Held| held.barrier <= self.n_confirmed;
        self.held.pop_front_if(is_certain).map(|held| held.released)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(offset: u64) -> Released {
        let end = Some(Position { segment: 1, offset });
        Released { end, n_events: 1 }
    }

    #[test]
    fn a_message_alone_is_released_at_once() {
        let mut releases = Releases::default();
        releases.published();
        assert_eq!(releases.next(), None);
        releases.confirmed(message(1));
        assert_eq!(releases.next(), Some(message(1)));
        assert_eq!(releases.next(), None);
    }

    #[test]
    fn a_message_is_held_until_all_that_was_under_way_is_confirmed() {
        let mut releases = Releases::default();
        for _ in 0..3 {
            releases.published();
        }
        releases.confirmed(message(1));
        // The second one may carry the return of the first.
        assert_eq!(releases.next(), None);
        releases.confirmed(message(2));
        assert_eq!(releases.next(), None);
        // What is published after the first was confirmed cannot.
        releases.published();
        releases.confirmed(message(3));
        assert_eq!(releases.next(), Some(message(1)));
        assert_eq!(releases.next(), Some(message(2)));
        assert_eq!(releases.next(), None);
        releases.confirmed(message(4));
        assert_eq!(releases.next(), Some(message(3)));
        assert_eq!(releases.next(), Some(message(4)));
        assert_eq!(releases.next(), None);
    }
}
