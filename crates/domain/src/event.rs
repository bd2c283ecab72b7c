//! What clicks and conversions share as events: the form of the messages that carry them,
//! the limits of their texts and times, and what makes an event invalid.
//!
//! An event is one line of JSON, and a message carries many lines. The fields are in
//! [`crate::click`] and [`crate::conversion`]; which queue an event goes to is in
//! [`crate::partition`].

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

/// The version of the events' shape, in the header of every message. It changes when an old
/// reader would misread a new event; a new optional field does not change it.
pub const SCHEMA_VERSION: i32 = 1;
/// The content type of a message: newline-delimited JSON.
pub const CONTENT_TYPE: &str = "application/x-ndjson";
/// The most events that one message carries.
pub const MAX_EVENTS_PER_MESSAGE: usize = 512;

/// How many bytes of the `User-Agent` header an event keeps.
pub const MAX_USER_AGENT_BYTES: usize = 1024;
/// How many bytes of the `Referer` header an event keeps.
pub const MAX_REFERRER_BYTES: usize = 2048;

/// An event that claims to be older is dead-lettered instead of stored: clicks have a
/// partition per day, and a broken clock must not create thousands of them.
pub const MAX_EVENT_AGE: SignedDuration = SignedDuration::from_hours(400 * 24);
/// How far ahead of now the time of an event may be: more than clocks differ. An event from
/// further ahead is dead-lettered, for the same reason.
pub const MAX_EVENT_AHEAD: SignedDuration = SignedDuration::from_hours(24);

/// Why a line is not an event that can be stored.
#[derive(Debug, thiserror::Error)]
pub enum InvalidEvent {
    #[error("the line is not an event: {0}")]
    Malformed(#[from] serde_json::Error),
    #[error("a text of the event contains U+0000, which Postgres cannot store")]
    NulCharacter,
    #[error("the event's time, {0}, is too far from now")]
    TimeOutOfRange(Timestamp),
}

/// Refuses a time that is older than [`MAX_EVENT_AGE`] or further ahead than
/// [`MAX_EVENT_AHEAD`].
pub fn check_event_time(time: Timestamp, now: Timestamp) -> Result<(), InvalidEvent> {
    let age = now.duration_since(time);
    if age > MAX_EVENT_AGE || -age > MAX_EVENT_AHEAD {
        return Err(InvalidEvent::TimeOutOfRange(time));
    }
    Ok(())
}

/// Refuses U+0000 in any of the texts.
pub(crate) fn check_no_nul<'t>(
    mut texts: impl Iterator<Item = &'t str>,
) -> Result<(), InvalidEvent> {
    match texts.any(|text| text.contains('\0')) {
        true => Err(InvalidEvent::NulCharacter),
        false => Ok(()),
    }
}

/// Appends an event as one line of JSON, with its newline.
pub(crate) fn write_json_line(event: &impl Serialize, out: &mut Vec<u8>) {
    serde_json::to_writer(&mut *out, event)
        .expect("an event has no map whose keys fail, and writing to a Vec does not fail");
    out.push(b'\n');
}

/// For `skip_serializing_if`: a flag that is not set is left out of the line.
pub(crate) fn is_false(flag: &bool) -> bool {
    !flag
}

/// The longest start of `text` that has at most `max_bytes` and ends between two characters.
pub fn truncate_at_char(text: &str, max_bytes: usize) -> &str {
    text.split_at(text.floor_char_boundary(max_bytes)).0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_may_be_400_days_old_or_one_day_ahead() {
        let now: Timestamp = "2026-03-10T08:15:00Z".parse().unwrap();
        let second = SignedDuration::from_secs(1);
        let is_refused = |time: Timestamp| check_event_time(time, now).is_err();
        assert!(!is_refused(now - MAX_EVENT_AGE));
        assert!(is_refused(now - MAX_EVENT_AGE - second));
        assert!(!is_refused(now + MAX_EVENT_AHEAD));
        assert!(is_refused(now + MAX_EVENT_AHEAD + second));
    }

    #[test]
    fn a_text_is_cut_between_two_characters() {
        assert_eq!(truncate_at_char("aé", 2), "a");
        assert_eq!(truncate_at_char("aé", 3), "aé");
        assert_eq!(truncate_at_char("aé", 9), "aé");
    }
}
