//! serde's side of a query: a struct whose values are texts.

use std::{cell::RefCell, fmt};

use serde::{
    Deserializer,
    de::{
        self, DeserializeOwned, DeserializeSeed, IntoDeserializer, MapAccess, Visitor,
        value::StrDeserializer,
    },
    forward_to_deserialize_any,
};

use super::super::input::fold;
use crate::error::ApiError;

/// Deserialises a struct from the pairs of a query.
pub fn deserialize<T: DeserializeOwned>(pairs: &[(String, String)]) -> Result<T, ApiError> {
    let result = T::deserialize(QueryDeserializer { pairs });
    result.map_err(|error| ApiError::invalid_field(error.field, error.message))
}

/// The names of a struct's fields, in their order: serde tells them to a deserialiser.
pub fn field_names<T: DeserializeOwned>() -> &'static [&'static str] {
    let names = RefCell::new(None);
    // The value is never made: the deserialiser takes the names and ends.
    let _no_value = T::deserialize(FieldNames(&names));
    names.into_inner().expect("a query is a struct")
}

/// What is wrong with a value. `field` is filled in by [`ParameterAccess`], which knows it.
#[derive(Debug)]
struct QueryError {
    field: String,
    message: String,
}

impl QueryError {
    fn new(message: impl fmt::Display) -> Self {
        Self {
            field: "query".to_owned(),
            message: message.to_string(),
        }
    }
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for QueryError {}

impl de::Error for QueryError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message)
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::new(format_args!("it is not one of {}", expected.join(", ")))
    }
}

struct QueryDeserializer<'q> {
    pairs: &'q [(String, String)],
}

impl<'de> Deserializer<'de> for QueryDeserializer<'_> {
    type Error = QueryError;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, QueryError> {
        visitor.visit_map(ParameterAccess {
            pairs: self.pairs,
            fields: fields.iter(),
            current: None,
        })
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, QueryError> {
        Err(QueryError::new("a query is a struct"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        option unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier
        ignored_any
    }
}

/// The parameters that the struct has fields for, in the order of the fields.
struct ParameterAccess<'q> {
    pairs: &'q [(String, String)],
    fields: std::slice::Iter<'static, &'static str>,
    /// Name and value of the parameter that is being read.
    current: Option<(&'static str, &'q str)>,
}

impl<'de> MapAccess<'de> for ParameterAccess<'_> {
    type Error = QueryError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, QueryError> {
        for name in self.fields.by_ref() {
            let folded = fold(name);
            let is_value = |(key, value): &&(String, String)| {
                !value.is_empty() && (key == name || fold(key) == folded)
            };
            if let Some((_, value)) = self.pairs.iter().find(is_value) {
                self.current = Some((name, value));
                let key: StrDeserializer<'_, QueryError> = name.into_deserializer();
                return seed.deserialize(key).map(Some);
            }
        }
        Ok(None)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<S::Value, QueryError> {
        let (name, text) = self.current.take().expect("a value follows its key");
        let result = if text.contains('\0') {
            Err(QueryError::new("U+0000 is not allowed"))
        } else {
            seed.deserialize(ValueDeserializer(text))
        };
        result.map_err(|error| QueryError {
            field: name.to_owned(),
            ..error
        })
    }
}

/// The text of one parameter, which is there.
struct ValueDeserializer<'q>(&'q str);

impl<'de> Deserializer<'de> for ValueDeserializer<'_> {
    type Error = QueryError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, QueryError> {
        visitor.visit_str(self.0)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, QueryError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, QueryError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, QueryError> {
        match self.0 {
            "true" => visitor.visit_bool(true),
            "false" => visitor.visit_bool(false),
            other => Err(de::Error::unknown_variant(other, &["true", "false"])),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, QueryError> {
        let name: StrDeserializer<'_, QueryError> = self.0.into_deserializer();
        visitor.visit_enum(name)
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

/// Takes the names of a struct's fields.
struct FieldNames<'n>(&'n RefCell<Option<&'static [&'static str]>>);

impl<'de> Deserializer<'de> for FieldNames<'_> {
    type Error = QueryError;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, QueryError> {
        self.0.replace(Some(fields));
        Err(QueryError::new("no value is made"))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, QueryError> {
        Err(QueryError::new("a query is a struct"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        option unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier
        ignored_any
    }
}
