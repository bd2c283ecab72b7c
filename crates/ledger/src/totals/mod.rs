//! The totals: how much was sent, clicked and converted, by quarter of an hour (`totals`,
//! `link_totals`, `event_totals`) and by day (`totals`).
//!
//! A transaction gathers what it changes in a [`TotalsDelta`] and applies it at its end.
//! `totals` has rows for each dimension and for some combinations of them, which reports
//! read directly; `link_totals` has rows for each link, and `event_totals` for each event of
//! conversions.

mod bucket;
mod custom_events;
mod delta;
mod dimensions;
mod event_totals;
mod link_totals;
mod measures;
mod roll_up;
mod totals_rows;

pub use bucket::{BUCKET_SECONDS, bucket_start, day_start};
pub use custom_events::{MAX_CUSTOM_EVENTS, OTHER_EVENTS, custom_event_register_stored};
pub use delta::{SentMessage, TotalsDelta};
pub use dimensions::Dimensions;
pub use link_totals::RecentLinkTotals;
pub use measures::Measures;
