//! Parses arbitrary bytes as a segment of the spool: parsing ends, whole records are found
//! behind damaged ones, and an event that is written and parsed again is the same.

#![no_main]

use domain::click::ClickEvent;
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;

#[allow(dead_code, reason = "only the reader's part is used here")]
#[path = "../../edge-redirector/src/spool/format.rs"]
mod format;
use format::{ParsedRecord, append_record, find_next_record, parse_record};

/// The payloads of all whole records, as the reader finds them.
fn records(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut payloads = Vec::new();
    loop {
        match parse_record(bytes) {
            ParsedRecord::Whole {
                payload,
                framed_len,
            } => {
                payloads.push(payload);
                bytes = &bytes[framed_len..];
            }
            ParsedRecord::Partial | ParsedRecord::Damaged => match find_next_record(bytes) {
                Some(offset) => bytes = &bytes[offset..],
                None => return payloads,
            },
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    for payload in records(bytes) {
        check_event_line(payload);
    }
    // A record behind any bytes is found, with its payload.
    let mut segment = bytes.to_vec();
    append_record(&mut segment, bytes);
    let payloads = records(&segment);
    assert_eq!(payloads.last().copied(), Some(bytes));

    // The bytes may also be the line of an event.
    check_event_line(bytes);
});

/// If the line is a click's, the click is the same after it is written and parsed again.
fn check_event_line(line: &[u8]) {
    let Ok(event) = ClickEvent::parse_line(line, Timestamp::UNIX_EPOCH) else {
        return;
    };
    let mut written = Vec::new();
    event.write_line(&mut written);
    let parsed = ClickEvent::parse_line(&written, Timestamp::UNIX_EPOCH);
    assert_eq!(parsed.expect("a written event can be parsed"), event);
}
