//! Fields of a body, and parameters of a query, that an operation does not have.

use std::fmt;

use serde_json::Value;

use super::names::nearest;
use crate::error::ApiError;

/// One step from a JSON value to a value in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PathStep {
    Field(String),
    Index(usize),
}

/// Where a field stands in a body: `messages[0].variables.first_name`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FieldPath(Vec<PathStep>);

impl FieldPath {
    pub fn field(&self, name: &str) -> Self {
        self.join(PathStep::Field(name.to_owned()))
    }

    pub fn index(&self, index: usize) -> Self {
        self.join(PathStep::Index(index))
    }

    fn join(&self, step: PathStep) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }

    /// The steps from the body to the field.
    pub fn steps(&self) -> &[PathStep] {
        &self.0
    }

    /// The index of the entry that the field is in, if it is in one of the array `field`.
    fn entry_index(&self, field: &str) -> Option<usize> {
        match self.steps() {
            [PathStep::Field(name), PathStep::Index(index), ..] if name == field => Some(*index),
            _ => None,
        }
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, step) in self.0.iter().enumerate() {
            match step {
                PathStep::Field(name) if i == 0 => f.write_str(name)?,
                PathStep::Field(name) => write!(f, ".{name}")?,
                PathStep::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

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
