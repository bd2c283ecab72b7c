//! The times by which the totals count.

use jiff::Timestamp;

/// Seconds of a bucket, a quarter of an hour: the offsets of all time zones are multiples
/// of it, so the days of every zone consist of whole buckets.
pub const BUCKET_SECONDS: i64 = 900;

/// The start of the bucket in which a time lies.
pub fn bucket_start(time: Timestamp) -> Timestamp {
    round_down(time, BUCKET_SECONDS)
}

/// The start of the day (UTC) in which a time lies.
pub fn day_start(time: Timestamp) -> Timestamp {
    round_down(time, 24 * 60 * 60)
}

fn round_down(time: Timestamp, step_s: i64) -> Timestamp {
    let second = time.as_millisecond().div_euclid(1000);
    // The first day of all timestamps has no start that is a timestamp.
    Timestamp::from_second(second - second.rem_euclid(step_s)).unwrap_or(Timestamp::MIN)
}
