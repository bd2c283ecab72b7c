//! The limits of a mapping that the form of its JSON does not express.

use super::{
    field::Field,
    mapping::{
        EventMeaning, FixedResponse, MAX_MAPPING_ENTRIES, MAX_MAPPING_NAME_BYTES,
        MAX_RESPONSE_BYTES, PostbackMapping, StatusMeaning,
    },
    preset::Preset,
};
use crate::conversion::EventType;

/// Why a mapping is refused: the member that is wrong, and a sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct InvalidMapping {
    /// The path in the mapping, such as `parameters.amount`.
    pub field: String,
    pub message: String,
}

impl PostbackMapping {
    /// Checks the limits that the form of the JSON does not express.
    pub fn check(&self) -> Result<(), InvalidMapping> {
        if let Some(name) = &self.preset
            && Preset::named(name).is_none()
        {
            let names: Vec<_> = Preset::all().iter().map(|preset| &*preset.name).collect();
            let message = format!("it is not one of {}", names.join(", "));
            return Err(invalid("preset", message));
        }
        check_map("parameters", self.parameters.keys())?;
        check_map("statuses", self.statuses.keys())?;
        check_map("events", self.events.keys())?;
        let n_modes = self.duplicates_by_event.len();
        check_number("duplicates_by_event", n_modes)?;
        self.check_meanings()?;
        let own_name = self
            .parameters
            .iter()
            .find(|(name, field)| Field::parse(name).is_some_and(|own| own != **field));
        if let Some((name, _)) = own_name {
            let message = "our own name of a parameter cannot mean another one".to_owned();
            return Err(invalid(&format!("parameters.{name}"), message));
        }
        self.response.as_ref().map_or(Ok(()), FixedResponse::check)
    }

    fn check_meanings(&self) -> Result<(), InvalidMapping> {
        let is_custom =
            |meaning: &StatusMeaning| matches!(meaning, StatusMeaning::Event(EventType::Custom(_)));
        if let Some((value, _)) = self.statuses.iter().find(|(_, meaning)| is_custom(meaning)) {
            let message = "it is neither pending, approved, rejected or reversed nor an event \
                           that is known everywhere, such as refund";
            return Err(invalid(&format!("statuses.{value}"), message.to_owned()));
        }
        let is_wrong = |meaning: &EventMeaning| meaning.event.is_some() == meaning.ignore;
        if let Some((value, _)) = self.events.iter().find(|(_, meaning)| is_wrong(meaning)) {
            let message = "it has either an event, or ignore".to_owned();
            return Err(invalid(&format!("events.{value}"), message));
        }
        Ok(())
    }
}

impl FixedResponse {
    fn check(&self) -> Result<(), InvalidMapping> {
        if !(200..=299).contains(&self.status) {
            let message = "it is not between 200 and 299".to_owned();
            return Err(invalid("response.status", message));
        }
        if self.body.len() > MAX_RESPONSE_BYTES {
            let message = format!("it has more than {MAX_RESPONSE_BYTES} bytes");
            return Err(invalid("response.body", message));
        }
        Ok(())
    }
}

fn check_map<'m>(
    field: &str,
    names: impl ExactSizeIterator<Item = &'m String>,
) -> Result<(), InvalidMapping> {
    check_number(field, names.len())?;
    for name in names {
        if name.is_empty() || name.len() > MAX_MAPPING_NAME_BYTES {
            let message = format!("a name has 1 to {MAX_MAPPING_NAME_BYTES} bytes");
            return Err(invalid(field, message));
        }
        if name.trim() != name {
            let message = format!("{name:?} has blanks at its start or end");
            return Err(invalid(field, message));
        }
    }
    Ok(())
}

fn check_number(field: &str, n_entries: usize) -> Result<(), InvalidMapping> {
    if n_entries <= MAX_MAPPING_ENTRIES {
        return Ok(());
    }
    let message = format!("it has more than {MAX_MAPPING_ENTRIES} entries");
    Err(invalid(field, message))
}

fn invalid(field: &str, message: String) -> InvalidMapping {
    let field = field.to_owned();
    InvalidMapping { field, message }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    #[rstest]
    #[case(json!({ "preset": "nobody" }), "preset")]
    #[case(json!({ "parameters": { "txn_id": "revenue" } }), "parameters.txn_id")]
    #[case(json!({ "parameters": { "": "revenue" } }), "parameters")]
    #[case(json!({ "parameters": { " a": "revenue" } }), "parameters")]
    #[case(json!({ "statuses": { ("x".repeat(129)): "approved" } }), "statuses")]
    #[case(json!({ "statuses": { "3": "declined" } }), "statuses.3")]
    #[case(json!({ "events": { "a": {} } }), "events.a")]
    #[case(json!({ "events": { "a": { "event": "sale", "ignore": true } } }), "events.a")]
    #[case(json!({ "response": { "status": 500, "body": "" } }), "response.status")]
    #[case(json!({ "response": { "body": "x".repeat(1025) } }), "response.body")]
    #[case(
        json!({ "events": (0..51).map(|n| (n.to_string(), json!({}))).collect::<serde_json::Map<_, _>>() }),
        "events"
    )]
    fn the_limits_of_a_mapping_are_checked(#[case] value: Value, #[case] expected: &str) {
        let mapping: PostbackMapping = serde_json::from_value(value).unwrap();
        let error = mapping.check().expect_err(expected);
        assert_eq!(error.field, expected);
    }
}
