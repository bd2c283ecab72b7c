//! The future of an append: it waits until the record's group is written.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

use super::lock_ignoring_poison;

/// Why a record is not in the spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum RecordError {
    #[error("the spool has reached SPOOL_MAX_BYTES")]
    SpoolFull,
    #[error("writing to the disk failed")]
    DiskFailed,
    #[error("the disk did not answer in time")]
    DiskTimeout,
    #[error("the record is larger than {} bytes", super::MAX_RECORD_BYTES)]
    TooLarge,
    #[error("the spool is stopped")]
    Stopped,
}

/// The result of one group of records that are written together, and the tasks that
/// wait for it.
#[derive(Debug, Default)]
pub(super) struct WriteGroup(Mutex<GroupState>);

#[derive(Debug, Default)]
struct GroupState {
    result: Option<Result<(), RecordError>>,
    wakers: Vec<Waker>,
}

impl WriteGroup {
    /// Sets the result of all records of the group and wakes their tasks.
    pub fn complete(&self, result: Result<(), RecordError>) {
        let mut state = lock_ignoring_poison(&self.0);
        state.result = Some(result);
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }
}

/// Resolves when the record is recorded, or when it is certain that it was not.
#[derive(Debug)]
pub struct AppendFuture(State);

#[derive(Debug)]
enum State {
    Failed(RecordError),
    Waiting {
        group: Arc<WriteGroup>,
        /// Index of this future's waker in the group, once the future was polled.
        waker_index: Option<usize>,
    },
}

impl AppendFuture {
    /// A future for a record that was not appended.
    pub(super) fn failed(error: RecordError) -> Self {
        Self(State::Failed(error))
    }

    /// A future for a record of this group.
    pub(super) fn for_group(group: Arc<WriteGroup>) -> Self {
        Self(State::Waiting {
            group,
            waker_index: None,
        })
    }
}

impl Future for AppendFuture {
    type Output = Result<(), RecordError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let (group, waker_index) = match &mut self.0 {
            State::Failed(error) => return Poll::Ready(Err(*error)),
            State::Waiting { group, waker_index } => (group, waker_index),
        };
        let mut state = lock_ignoring_poison(&group.0);
        if let Some(result) = state.result {
            return Poll::Ready(result);
        }
        match *waker_index {
            Some(index) => state.wakers[index].clone_from(context.waker()),
            None => {
                *waker_index = Some(state.wakers.len());
                state.wakers.push(context.waker().clone());
            }
        }
        Poll::Pending
    }
}
