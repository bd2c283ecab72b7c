//! Parses the text of a JSON body.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value, error::Category};

use crate::error::ApiError;

/// Characters of the body that an error shows.
const EXCERPT_CHARS: usize = 20;

/// Parses a JSON value. An object that has a name twice is an error, since one of the values
/// would be ignored.
pub fn parse(content_type: &str, body: &[u8]) -> Result<Value, ApiError> {
    let text = str::from_utf8(body).map_err(|error| {
        let at = error.valid_up_to();
        ApiError::InvalidJson(format!("it is not UTF-8 text after {at} bytes"))
    })?;
    match serde_json::from_str::<UniqueNames>(text) {
        Ok(UniqueNames(value)) => Ok(value),
        Err(_) if content_type == "application/x-www-form-urlencoded" || is_form(text) => {
            let problem = "it is a form. Send JSON, such as {\"name\": \"value\"}, with the header \
                           Content-Type: application/json";
            Err(ApiError::InvalidJson(problem.to_owned()))
        }
        Err(error) => Err(ApiError::InvalidJson(describe(text, &error))),
    }
}

fn is_form(text: &str) -> bool {
    let name = text.split('=').next().unwrap_or_default();
    let is_name = |c: char| c.is_ascii_alphanumeric() || "_-[]%.".contains(c);
    name.len() < text.len() && !name.is_empty() && name.chars().all(is_name)
}

/// What is wrong and where, in words about the body.
fn describe(text: &str, error: &serde_json::Error) -> String {
    if text.trim().is_empty() {
        return "it is empty. Send an object, such as {\"name\": \"value\"}".to_owned();
    }
    match error.classify() {
        Category::Eof => {
            "it ends before the last object, array or text does. A closing }, ] or \" is missing"
                .to_owned()
        }
        Category::Data if error.to_string().starts_with(REPEATED) => error.to_string(),
        _ => {
            let (line, column) = (error.line(), error.column());
            let rest = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
            let excerpt = rest.chars().skip(column.saturating_sub(1));
            let excerpt: String = excerpt.take(EXCERPT_CHARS).collect();
            format!("something is wrong at line {line}, column {column}, where it says `{excerpt}`")
        }
    }
}

const REPEATED: &str = "the name ";

/// A JSON value whose objects have each name once.
struct UniqueNames(Value);

impl<'de> Deserialize<'de> for UniqueNames {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor).map(Self)
    }
}

struct ValueVisitor;

impl<'de> DeserializeSeed<'de> for ValueVisitor {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(value) = values.next_element_seed(ValueVisitor)? {
            array.push(value);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(name) = fields.next_key::<String>()? {
            let value = fields.next_value_seed(ValueVisitor)?;
            if map.contains_key(&name) {
                return Err(A::Error::custom(format_args!(
                    "{REPEATED}`{name}` is there twice in one object"
                )));
            }
            map.insert(name, value);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(b"", "it is empty. Send an object, such as {\"name\": \"value\"}")]
    #[case(b" \n", "it is empty. Send an object, such as {\"name\": \"value\"}")]
    #[case(
        b"{",
        "it ends before the last object, array or text does. A closing }, ] or \" is missing"
    )]
    #[case(
        b"{\"a\": \"b",
        "it ends before the last object, array or text does. A closing }, ] or \" is missing"
    )]
    #[case(
        b"{\"a\": 1,}",
        "something is wrong at line 1, column 9, where it says `}`"
    )]
    #[case(
        b"{\n\"a\" 1}",
        "something is wrong at line 2, column 5, where it says `1}`"
    )]
    #[case(b"{} {}", "something is wrong at line 1, column 4, where it says `{}`")]
    #[case(
        b"{\"a\": 1e400}",
        "something is wrong at line 1, column 11, where it says `0}`"
    )]
    #[case(b"\xff", "it is not UTF-8 text after 0 bytes")]
    #[case(
        b"{\"a\": 1, \"a\": 2}",
        "the name `a` is there twice in one object at line 1 column 16"
    )]
    #[case(
        b"offerId=5&url=x",
        "it is a form. Send JSON, such as {\"name\": \"value\"}, with the header Content-Type: application/json"
    )]
    fn the_error_says_what_is_wrong_with_the_text(#[case] body: &[u8], #[case] expected: &str) {
        let Err(ApiError::InvalidJson(problem)) = parse("", body) else {
            panic!("{body:?} is not refused as JSON");
        };
        assert_eq!(problem, expected);
    }

    #[test]
    fn a_value_is_read_as_serde_json_reads_it() {
        let text = r#"{"a": [null, true, -1, 18446744073709551615, 1.5, "é\n"], "b": {"c": {}}}"#;
        let value = parse("application/json", text.as_bytes()).unwrap();
        assert_eq!(value, serde_json::from_str::<Value>(text).unwrap());
    }

    #[test]
    fn deeply_nested_json_does_not_overflow_the_stack() {
        let nested = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(parse("", nested.as_bytes()).is_err());
    }
}
