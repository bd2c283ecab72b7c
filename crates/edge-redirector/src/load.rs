//! How much is done at once. What is too much is refused at once, pages before
//! redirects.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Requests that are being answered.
#[derive(Debug)]
pub struct Load {
    n_requests: AtomicUsize,
    max_requests: usize,
    max_requests_for_pages: usize,
}

/// A request that is being answered, until it is dropped.
pub struct Request<'l>(&'l Load);

impl Load {
    pub fn new(max_requests: usize, max_requests_for_pages: usize) -> Self {
        Self {
            n_requests: AtomicUsize::new(0),
            max_requests,
            max_requests_for_pages,
        }
    }

    /// `None` if there are too many.
    pub fn enter(&self) -> Option<Request<'_>> {
        let request = Request(self);
        let n_before = self.n_requests.fetch_add(1, Ordering::Relaxed);
        (n_before < self.max_requests).then_some(request)
    }

    /// Whether there are so many that only redirects are answered.
    pub fn sheds_pages(&self) -> bool {
        self.n_requests.load(Ordering::Relaxed) > self.max_requests_for_pages
    }
}

impl Drop for Request<'_> {
    fn drop(&mut self) {
        self.0.n_requests.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_shed_first_and_then_all() {
        let load = Load::new(3, 1);
        let first = load.enter();
        assert!(first.is_some() && !load.sheds_pages());
        let others: Vec<_> = (0..2).map(|_| load.enter()).collect();
        assert!(others.iter().all(Option::is_some) && load.sheds_pages());
        assert!(load.enter().is_none());
        assert!(load.enter().is_none(), "one that is refused is not counted");
        drop(others);
        assert!(!load.sheds_pages());
        assert!(load.enter().is_some());
    }
}
