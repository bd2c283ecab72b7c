//! Waiting for a condition instead of sleeping for a fixed time.

use std::{
    fmt::Debug,
    time::{Duration, Instant},
};

/// Long enough for a busy machine. A test that passes never waits this long.
pub const LIMIT: Duration = Duration::from_secs(60);

/// Repeats `ask` until it returns `expected`. Panics with the last value after the limit.
pub async fn wait_for<T: PartialEq + Debug>(what: &str, expected: T, ask: impl AsyncFnMut() -> T) {
    wait_for_within(LIMIT, what, expected, ask).await;
}

/// The same with another limit.
pub async fn wait_for_within<T: PartialEq + Debug>(
    limit: Duration,
    what: &str,
    expected: T,
    mut ask: impl AsyncFnMut() -> T,
) {
    let start = Instant::now();
    loop {
        let last = ask().await;
        if last == expected {
            return;
        }
        assert!(
            start.elapsed() < limit,
            "waited {limit:?} for {what} to be {expected:?}, it is {last:?}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
