//! The parameters of a postback, from its query and its body.

use std::{borrow::Cow, collections::BTreeMap};

use serde_json::value::RawValue;
use url::form_urlencoded;

use super::error::PostbackError;

/// Names and values in the order in which they were added. Of a name that is there twice the
/// first value counts, and an empty value counts as none.
#[derive(Debug, Default)]
pub struct PostbackParameters<'a>(Vec<(Cow<'a, str>, Cow<'a, str>)>);

impl<'a> PostbackParameters<'a> {
    /// Adds the parameters of a query or of a form.
    pub fn add_form(&mut self, raw: &'a [u8]) {
        self.0.extend(form_urlencoded::parse(raw));
    }

    /// Adds the members of a JSON object. A number keeps its spelling, so that an amount is
    /// not rounded. Fails if the body is no object, or has an object or array in it.
    pub fn add_json(&mut self, body: &'a [u8]) -> Result<(), PostbackError> {
        let members: BTreeMap<String, &'a RawValue> =
            serde_json::from_slice(body).map_err(|_| PostbackError::InvalidBody)?;
        for (name, value) in members {
            let value = value.get();
            let text = match value.as_bytes().first() {
                Some(b'"') => {
                    serde_json::from_str(value).map_err(|_| PostbackError::InvalidBody)?
                }
                // The value is `null`.
                Some(b'n') => continue,
                Some(b'{' | b'[') => return Err(PostbackError::InvalidBody),
                _ => value.to_owned(),
            };
            self.0.push((name.into(), text.into()));
        }
        Ok(())
    }

    /// The value without blanks around it, if it is not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(key, _)| key == name)?;
        Some(value.trim()).filter(|value| !value.is_empty())
    }

    /// The value if there is one. Fails if it is not valid.
    pub(super) fn get_valid(
        &self,
        name: &str,
        is_valid: impl Fn(&str) -> bool,
    ) -> Result<Option<String>, ()> {
        match self.get(name) {
            Some(value) if is_valid(value) => Ok(Some(value.to_owned())),
            Some(_) => Err(()),
            None => Ok(None),
        }
    }
}
