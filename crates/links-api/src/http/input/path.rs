//! Where a value stands in a JSON body.

use std::fmt;

use serde_json::Value;

use super::names::fold;

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
    pub fn entry_index(&self, field: &str) -> Option<usize> {
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

/// The steps of a path as errors have it: `messages[0].variables.first_name`.
pub fn parse_path(text: &str) -> Vec<PathStep> {
    let parts = text.split(['.', '[']).filter(|part| !part.is_empty());
    parts
        .map(|part| match part.strip_suffix(']').map(str::parse) {
            Some(Ok(index)) => PathStep::Index(index),
            _ => PathStep::Field(part.to_owned()),
        })
        .collect()
}

/// The value at a path, whose names may have any spelling.
pub fn value_at<'v>(value: &'v Value, steps: &[PathStep]) -> Option<&'v Value> {
    steps.iter().try_fold(value, |value, step| match step {
        PathStep::Field(name) => field(value, name),
        PathStep::Index(index) => value.get(index),
    })
}

/// The field of this name in any spelling, and first in the very one.
pub fn field<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    let fields = value.as_object()?;
    let in_any_spelling = || fields.iter().find(|(key, _)| fold(key) == fold(name));
    fields
        .get(name)
        .or_else(|| in_any_spelling().map(|(_, value)| value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_read_as_it_is_written() {
        for text in ["url", "messages[0].variables.first_name", "a[1][2]"] {
            assert_eq!(FieldPath(parse_path(text)).to_string(), text);
        }
        // No path of ours, but no reason to panic.
        for text in ["", ".", "a[", "a[x]", "]"] {
            parse_path(text);
        }
    }
}
