//! Fields of a body, and parameters of a query, that an operation does not have.

use serde_json::Value;

use super::{names::nearest, path::FieldPath};
use crate::error::ApiError;

/// A field that the operation does not have.
#[derive(Debug, Clone, PartialEq)]
pub struct UnknownField {
    pub path: FieldPath,
    pub value: Value,
    /// What the client may have meant.
    pub nearest: Option<String>,
}

impl UnknownField {
    pub fn new<'n>(
        path: FieldPath,
        name: &str,
        value: Value,
        known: impl IntoIterator<Item = &'n str>,
    ) -> Self {
        Self {
            nearest: nearest(name, known).map(str::to_owned),
            path,
            value,
        }
    }

    fn error(&self) -> ApiError {
        ApiError::UnknownField {
            field: self.path.to_string(),
            nearest: self.nearest.clone(),
        }
    }
}

/// All unknown fields of a body, in their order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct UnknownFields(pub Vec<UnknownField>);

impl UnknownFields {
    /// Fails if there is one, but for fields in entries of the array `entries_field`: each of
    /// those fails on its own, see [`UnknownFields::check_entry`].
    pub fn check(&self, entries_field: Option<&str>) -> Result<(), ApiError> {
        let is_in_entry = |unknown: &&UnknownField| {
            entries_field.is_some_and(|field| unknown.path.entry_index(field).is_some())
        };
        let first = self.0.iter().find(|unknown| !is_in_entry(unknown));
        first.map_or(Ok(()), |unknown| Err(unknown.error()))
    }

    /// Fails if an unknown field is in this entry of the array `entries_field`.
    pub fn check_entry(&self, entries_field: &str, index: usize) -> Result<(), ApiError> {
        let mut unknown_fields = self.0.iter();
        let first = unknown_fields.find(|u| u.path.entry_index(entries_field) == Some(index));
        first.map_or(Ok(()), |unknown| Err(unknown.error()))
    }

    /// The paths, for the header `Waypost-Ignored`.
    pub fn paths(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|unknown| unknown.path.to_string())
    }
}
