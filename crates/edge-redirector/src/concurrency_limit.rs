//! Limits the number of concurrent requests. Requests over the limit are refused at once,
//! pages earlier than redirects.

use std::sync::atomic::{AtomicUsize, Ordering};

#[derive(Debug)]
pub struct ConcurrencyLimit {
    n_in_flight: AtomicUsize,
    max_requests: usize,
    max_requests_for_pages: usize,
}

/// Counts as a request in flight until it is dropped.
pub struct InFlightPermit<'l>(&'l ConcurrencyLimit);

impl ConcurrencyLimit {
    pub fn new(max_requests: usize, max_requests_for_pages: usize) -> Self {
        Self {
            n_in_flight: AtomicUsize::new(0),
            max_requests,
            max_requests_for_pages,
        }
    }

    /// `None` if too many requests are in flight.
    pub fn try_acquire(&self) -> Option<InFlightPermit<'_>> {
        let permit = InFlightPermit(self);
        let n_before = self.n_in_flight.fetch_add(1, Ordering::Relaxed);
        (n_before < self.max_requests).then_some(permit)
    }

    /// Whether there are so many requests that only redirects are answered.
    pub fn is_shedding_pages(&self) -> bool {
        self.n_in_flight.load(Ordering::Relaxed) > self.max_requests_for_pages
    }
}

impl Drop for InFlightPermit<'_> {
    fn drop(&mut self) {
        self.0.n_in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_refused_before_all_requests_are() {
        let limit = ConcurrencyLimit::new(3, 1);
        let first = limit.try_acquire();
        assert!(first.is_some() && !limit.is_shedding_pages());
        let others: Vec<_> = (0..2).map(|_| limit.try_acquire()).collect();
        assert!(others.iter().all(Option::is_some) && limit.is_shedding_pages());
        assert!(limit.try_acquire().is_none());
        assert!(limit.try_acquire().is_none(), "a refused request counts");
        drop(others);
        assert!(!limit.is_shedding_pages());
        assert!(limit.try_acquire().is_some());
    }
}
