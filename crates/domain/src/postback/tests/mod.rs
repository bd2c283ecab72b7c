//! Postbacks as they are sent, and the conversions that they are.

mod platforms;
mod reading;
mod target;

use jiff::Timestamp;

use super::*;
use crate::{conversion::ConversionFlag, id::ClickId};

/// A click id of ours.
const CLICK: &str = "01a11d5c-1e7b-7123-8123-456789abcdef";

fn now() -> Timestamp {
    ClickId::parse(CLICK).unwrap().time()
}

fn query(query: &str) -> PostbackParameters<'_> {
    let mut parameters = PostbackParameters::default();
    parameters.add_form(query.as_bytes());
    parameters
}

fn json(body: &str) -> PostbackParameters<'_> {
    let mut parameters = PostbackParameters::default();
    parameters
        .add_body("application/json", body.as_bytes())
        .unwrap();
    parameters
}

fn mapping(json: &str) -> PostbackMapping {
    let mapping: PostbackMapping = serde_json::from_str(json).unwrap();
    assert_eq!(mapping.check(), Ok(()));
    mapping
}

/// The conversion as one line: event, status, amount, transaction, refund, flags. What is as
/// usual is left out.
fn line(details: &ConversionDetails) -> String {
    let ConversionDetails {
        event,
        status,
        revenue,
        currency,
        txn_id,
        refund_id,
        without_payout,
        is_ignored,
        flags,
        ..
    } = details;
    let mut line = format!("{event} {}", status.as_str());
    match revenue {
        Some(revenue) => line += &format!(" {revenue} {currency}"),
        None if *without_payout => line += " nothing",
        None => line += &format!(" payout {currency}"),
    }
    for (name, value) in [("txn", txn_id), ("refund", refund_id)] {
        if let Some(value) = value {
            line += &format!(" {name}={value}");
        }
    }
    for flag in flags {
        line += &format!(" !{}", ConversionFlag::as_str(*flag));
    }
    if *is_ignored {
        line += " ignored";
    }
    line
}

/// The conversion of a query that is read without a mapping.
fn read(text: &str) -> String {
    line(&interpret(&query(text), MappingLayers::new(None, None)))
}
