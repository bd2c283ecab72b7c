//! Texts in bodies, and the rules of required, optional and updated ones.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

use crate::error::{ApiError, CodedField};

/// A text without U+0000, which Postgres cannot store. An empty text is the same as an absent
/// one where something is created, see [`non_empty`], and clears the value where something is
/// updated, see [`update_text`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text(String);

impl Text {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.contains('\0') {
            return Err(de::Error::custom("U+0000 is not allowed"));
        }
        Ok(Self(text))
    }
}

impl JsonSchema for Text {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Text".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[^\\u0000]*$" })
    }
}

/// The text, unless it is absent or empty.
pub fn non_empty(text: &Option<Text>) -> Option<&str> {
    text.as_ref()
        .map(Text::as_str)
        .filter(|text| !text.is_empty())
}

/// A text that must be there, such as a password.
pub fn present<'t>(text: &'t Option<Text>, field: &'static str) -> Result<&'t str, ApiError> {
    non_empty(text).ok_or_else(|| ApiError::invalid_field(field, "it is required"))
}

/// Updates an optional text of at most `max` characters. An absent text leaves it as it is, an
/// empty one clears it.
pub fn update_text(
    current: &mut Option<String>,
    new: &Option<Text>,
    field: &'static str,
    max: usize,
) -> Result<(), ApiError> {
    let Some(Text(text)) = new else {
        return Ok(());
    };
    if text.chars().count() > max {
        return Err(ApiError::invalid_field(
            field,
            format!("it exceeds {max} characters"),
        ));
    }
    *current = Some(text.clone()).filter(|text| !text.is_empty());
    Ok(())
}

/// A name of at most 255 characters: the new one, or else the current one.
pub fn name(new: &Option<Text>, current: &str) -> Result<String, ApiError> {
    let name = required(new, current).ok_or(ApiError::MissingField(CodedField::Name))?;
    if name.chars().count() > 255 {
        return Err(ApiError::NameTooLong);
    }
    Ok(name.to_owned())
}

/// The new text, or else the current one; `None` if that is blank.
pub fn required<'t>(new: &'t Option<Text>, current: &'t str) -> Option<&'t str> {
    let text = new.as_ref().map_or(current, Text::as_str);
    Some(text).filter(|text| !text.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_no_null_character() {
        assert!(serde_json::from_str::<Text>(r#""a\u0000b""#).is_err());
        assert!(serde_json::from_str::<Text>(r#""a b""#).is_ok());
    }

    #[test]
    fn an_absent_text_is_kept_and_an_empty_one_clears_the_value() {
        let mut value = Some("a".to_owned());
        let text = |text: &str| Some(Text(text.to_owned()));
        update_text(&mut value, &None, "name", 3).unwrap();
        assert_eq!(value.as_deref(), Some("a"));
        update_text(&mut value, &text("äöü"), "name", 3).unwrap();
        assert_eq!(value.as_deref(), Some("äöü"));
        assert!(update_text(&mut value, &text("äöüß"), "name", 3).is_err());
        update_text(&mut value, &text(""), "name", 3).unwrap();
        assert_eq!(value, None);
    }
}
