//! Reads values of one type out of JSON that an operation takes apart itself.

use std::marker::PhantomData;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{body::from_value, json, shape::BodyShape};
use crate::error::ApiError;

/// Reads values of the type `T` by the rules for bodies: names in either spelling, and no unknown
/// fields.
pub struct JsonReader<T> {
    shape: BodyShape,
    value_type: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned + JsonSchema> JsonReader<T> {
    pub fn new() -> Self {
        Self {
            shape: BodyShape::new::<T>(&[]),
            value_type: PhantomData,
        }
    }

    pub fn read_text(&self, text: &str) -> Result<T, ApiError> {
        self.read(json::parse("", text.as_bytes())?)
    }

    pub fn read(&self, mut value: Value) -> Result<T, ApiError> {
        self.shape.normalize(&mut value)?.check(None)?;
        from_value(&value, &self.shape)
    }
}
