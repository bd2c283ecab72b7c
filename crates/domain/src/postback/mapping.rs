//! How an account or an offer says what the parameters of its postbacks mean.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::field::Field;
use crate::{
    conversion::{ConversionStatus, DuplicateMode, EventType},
    event::is_false,
};

/// The key of a map for all values that are not known.
const ANY: &str = "*";

/// The most entries of a map of a mapping.
pub const MAX_MAPPING_ENTRIES: usize = 50;
/// The most bytes of a name or value that a mapping translates.
pub const MAX_MAPPING_NAME_BYTES: usize = 128;
/// The most bytes of the body of a fixed response.
pub const MAX_RESPONSE_BYTES: usize = 1024;

/// How postbacks are read. What is not set here is taken from the account, if this is the
/// mapping of an offer, then from the preset, and then from the names and values that are known
/// for every sender. Upper and lower case of names and values are the same. Each map has at most
/// 50 entries, and each name and value at most 128 bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PostbackMapping {
    /// The name of a network or tracker, such as `tune`, whose names and values are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preset: Option<String>,
    /// The sender's name of a parameter, and which of ours it is. A member of nested JSON has a
    /// dotted name, such as `order.id`. Of several names of one parameter the longest counts.
    /// Our own names cannot be given another meaning.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, Field>,
    /// The sender's values of the status. `*` stands for those that are not known; without it
    /// they are `pending`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub statuses: BTreeMap<String, StatusMeaning>,
    /// The sender's values of the event. `*` stands for those that are not known; without it
    /// they are kept as the events that they name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub events: BTreeMap<String, EventMeaning>,
    /// The event of a postback that names none; `sale` without a setting.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_event: Option<EventType>,
    /// What a conversion earns whose postback names no amount.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub absent_amount: Option<AbsentAmount>,
    /// The unit of the amounts that the sender names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount_unit: Option<AmountUnit>,
    /// What becomes of a postback for a conversion that is stored already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duplicates: Option<DuplicateMode>,
    /// The same, for single events.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub duplicates_by_event: BTreeMap<EventType, DuplicateMode>,
    /// The answer to a postback that is accepted, for senders that expect a certain one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<FixedResponse>,
    /// Whether a postback for a link is refused if it names neither a transaction nor a click.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub require_txn_id: Option<bool>,
}

/// What a sender's status means: a status of the conversion, or one of the events that are known
/// everywhere, such as `refund`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum StatusMeaning {
    Status(ConversionStatus),
    Event(EventType),
}

/// What a sender's event means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventMeaning {
    /// The event that is stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<EventType>,
    /// Whether the postback is answered and not stored. Either this or `event` is set.
    #[serde(default, skip_serializing_if = "is_false")]
    pub ignore: bool,
    /// Whether the event earns something: the amount that the postback names, or else the
    /// payout.
    #[serde(default = "pays_by_default", skip_serializing_if = "is_true")]
    pub pays: bool,
}

fn is_true(value: &bool) -> bool {
    *value
}

fn pays_by_default() -> bool {
    true
}

/// What a conversion earns whose postback names no amount.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AbsentAmount {
    /// The offer's payout.
    #[default]
    Payout,
    /// Nothing.
    Zero,
}

/// The unit of the amounts that a sender names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AmountUnit {
    /// 12.50 is twelve and a half dollars.
    #[default]
    Major,
    /// 1250 is twelve and a half dollars: the unit is the smallest one of the currency.
    Minor,
}

/// The answer to a postback that is accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FixedResponse {
    /// The HTTP status, 200 to 299.
    #[serde(default = "ok_status", skip_serializing_if = "is_ok_status")]
    #[schemars(range(min = 200, max = 299))]
    pub status: u16,
    /// The text, at most 1,024 bytes, sent as `text/plain`.
    #[schemars(length(max = 1024))]
    pub body: String,
}

fn ok_status() -> u16 {
    200
}

fn is_ok_status(status: &u16) -> bool {
    *status == ok_status()
}

impl PostbackMapping {
    /// Reads a stored mapping. One that this version cannot read counts as none: it was stored by
    /// another version, and the postback must not be lost for it.
    pub fn from_stored(json: serde_json::Value) -> Option<Self> {
        serde_json::from_value(json).ok()
    }

    /// Whether it sets nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub(super) fn field(&self, name: &str) -> Option<Field> {
        find(&self.parameters, name).copied()
    }

    pub(super) fn status(&self, value: &str) -> Option<StatusMeaning> {
        find(&self.statuses, value).copied()
    }

    pub(super) fn event(&self, value: &str) -> Option<EventMeaning> {
        find(&self.events, value).copied()
    }

    pub(super) fn status_of_unknown(&self) -> Option<StatusMeaning> {
        self.statuses.get(ANY).copied()
    }

    pub(super) fn event_of_unknown(&self) -> Option<EventMeaning> {
        self.events.get(ANY).copied()
    }

    pub(super) fn duplicate_mode(&self, event: EventType) -> Option<DuplicateMode> {
        let mode = self.duplicates_by_event.get(&event);
        mode.copied().or(self.duplicates)
    }
}

/// The entry of a map whose key equals `key` in upper or lower case.
fn find<'m, T>(map: &'m BTreeMap<String, T>, key: &str) -> Option<&'m T> {
    let is_named = |(name, _): &(&String, _)| name.eq_ignore_ascii_case(key);
    map.iter().find(is_named).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_mapping_is_read_and_written_as_json() {
        let value = json!({
            "preset": "affise",
            "parameters": { "order.id": "txn_id", "summe": "revenue" },
            "statuses": { "3": "rejected", "9": "refund" },
            "events": { "Base": { "event": "sale", "pays": false }, "ping": { "ignore": true } },
            "default_event": "lead",
            "absent_amount": "zero",
            "amount_unit": "minor",
            "duplicates": "update",
            "duplicates_by_event": { "deposit": "new" },
            "response": { "status": 202, "body": "OK" },
            "require_txn_id": true,
        });
        let mapping: PostbackMapping = serde_json::from_value(value.clone()).unwrap();
        assert_eq!(serde_json::to_value(&mapping).unwrap(), value);
        let refund = StatusMeaning::Event(EventType::Refund);
        assert_eq!(mapping.status("9"), Some(refund));
        let rejected = StatusMeaning::Status(ConversionStatus::Rejected);
        assert_eq!(mapping.status("3"), Some(rejected));
        assert!(mapping.event("BASE").is_some_and(|meaning| !meaning.pays));
        assert!(serde_json::from_value::<PostbackMapping>(json!({ "preset_": 1 })).is_err());
    }
}
