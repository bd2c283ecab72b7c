//! Whatever stands in a segment: reading ends, records that are whole are
//! found behind what is not, and an event that is read back is the same.

#![no_main]

use domain::click::ClickEvent;
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;

#[allow(dead_code, reason = "the writer's part is not used here")]
#[path = "../../edge-redirector/src/spool/format.rs"]
mod format;
use format::{Found, next_record, push_record, record_at};

/// The payloads of all whole records, as the reader finds them.
fn records(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    loop {
        match record_at(bytes) {
            Found::Record {
                payload,
                framed_len,
            } => {
                found.push(payload);
                bytes = &bytes[framed_len..];
            }
            Found::Partial | Found::Damaged => match next_record(bytes) {
                Some(at) => bytes = &bytes[at..],
                None => return found,
            },
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let garbage = records(bytes);
    for payload in &garbage {
        if let Ok(event) = ClickEvent::parse_line(payload, Timestamp::UNIX_EPOCH) {
            let mut line = Vec::new();
            event.write_line(&mut line);
            let again = ClickEvent::parse_line(&line, Timestamp::UNIX_EPOCH);
            assert_eq!(again.expect("our own line"), event);
        }
    }
    // A record behind anything is found, and what is in it comes back.
    let mut segment = bytes.to_vec();
    push_record(&mut segment, bytes);
    let all = records(&segment);
    assert_eq!(all.last().copied(), Some(bytes));

    // The bytes as an event, too.
    if let Ok(event) = ClickEvent::parse_line(bytes, Timestamp::UNIX_EPOCH) {
        let mut line = Vec::new();
        event.write_line(&mut line);
        assert_eq!(
            ClickEvent::parse_line(&line, Timestamp::UNIX_EPOCH).expect("ours"),
            event
        );
    }
});
