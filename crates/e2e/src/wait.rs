//! Waiting for a level, never sleeping for a time.

use std::{
    fmt::Debug,
    time::{Duration, Instant},
};

/// Long enough for a busy machine; a healthy test never waits for it.
pub const LIMIT: Duration = Duration::from_secs(60);

/// Asks until the answer is the expected one, and says what it was last.
pub async fn wait_for<T: PartialEq + Debug>(
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
            start.elapsed() < LIMIT,
            "waited {LIMIT:?} for {what} to be {expected:?}, it is {last:?}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
