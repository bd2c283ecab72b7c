//! Waiting for a group to be recorded.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

use super::lock_of;

/// Why a record is not in the spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum NotRecorded {
    #[error("the spool has reached its limit")]
    Full,
    #[error("the disk failed")]
    Failed,
    #[error("the disk does not answer in time")]
    TimedOut,
    #[error("the record is too large")]
    TooLarge,
    #[error("the spool is stopped")]
    Stopped,
}

/// Records that are written together, and who waits for them.
#[derive(Debug, Default)]
pub(super) struct Group(Mutex<GroupState>);

#[derive(Debug, Default)]
struct GroupState {
    result: Option<Result<(), NotRecorded>>,
    waiting: Vec<Waker>,
}

impl Group {
    pub fn complete(&self, result: Result<(), NotRecorded>) {
        let mut state = lock_of(&self.0);
        state.result = Some(result);
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        waiting.into_iter().for_each(Waker::wake);
    }
}

/// Resolves when the record is recorded, or is not.
#[derive(Debug)]
pub struct Append(State);

#[derive(Debug)]
enum State {
    Refused(NotRecorded),
    Waiting {
        group: Arc<Group>,
        /// Where our waker is in the group, once it is there.
        slot: Option<usize>,
    },
}

impl Append {
    pub(super) fn refused(reason: NotRecorded) -> Self {
        Self(State::Refused(reason))
    }

    pub(super) fn waiting_for(group: Arc<Group>) -> Self {
        Self(State::Waiting { group, slot: None })
    }
}

impl Future for Append {
    type Output = Result<(), NotRecorded>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let (group, slot) = match &mut self.0 {
            State::Refused(reason) => return Poll::Ready(Err(*reason)),
            State::Waiting { group, slot } => (group, slot),
        };
        let mut state = lock_of(&group.0);
        if let Some(result) = state.result {
            return Poll::Ready(result);
        }
        match *slot {
            Some(slot) => state.waiting[slot].clone_from(context.waker()),
            None => {
                *slot = Some(state.waiting.len());
                state.waiting.push(context.waker().clone());
            }
        }
        Poll::Pending
    }
}
