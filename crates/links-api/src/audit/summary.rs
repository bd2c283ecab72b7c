//! The summary of a response that is about many objects.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value, json};

/// The ids that a summary has of each array at most.
pub const MAX_SUMMARY_IDS: usize = 100;

/// Keeps the numbers, booleans and inner objects of a response. Of an array it has the number of
/// entries, and the first ids, which are the texts or numbers in the field `ids`. `None` if the
/// response is no JSON object and no array.
pub fn summarise(response: &[u8], ids: &'static str) -> Option<Value> {
    let mut deserializer = serde_json::Deserializer::from_slice(response);
    let summary = Summary { ids }.deserialize(&mut deserializer).ok()?;
    summary.filter(Value::is_object)
}

/// Reads without keeping what is left out: a response may have 100,000 entries. A value that is
/// left out is `None`.
#[derive(Clone, Copy)]
struct Summary {
    ids: &'static str,
}

impl<'de> DeserializeSeed<'de> for Summary {
    type Value = Option<Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Summary {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Some(json!(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Some(json!(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Some(json!(value)))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Some(json!(value)))
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            if let Some(value) = map.next_value_seed(self)? {
                fields.insert(name, value);
            }
        }
        Ok(Some(Value::Object(fields)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut n_entries = 0_usize;
        let mut ids = Vec::new();
        while ids.len() < MAX_SUMMARY_IDS {
            let Some(mut entry) = entries.next_element::<Value>()? else {
                break;
            };
            n_entries += 1;
            let id = entry.get_mut(self.ids).map(Value::take);
            ids.extend(id.filter(|id| id.is_string() || id.is_number()));
        }
        while entries.next_element::<IgnoredAny>()?.is_some() {
            n_entries += 1;
        }
        let mut array = json!({ "count": n_entries });
        if !ids.is_empty() {
            array["ids"] = Value::Array(ids);
        }
        Ok(Some(array))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::counts(json!({ "created": 1, "rows": [] }),
                   json!({ "created": 1, "rows": { "count": 0 } }))]
    #[case::inner(json!({ "success": true, "erased": { "links": 4 } }),
                  json!({ "success": true, "erased": { "links": 4 } }))]
    #[case::ids(json!({ "links": [{ "linkId": "a", "text": "t" }, { "linkId": null }, 5] }),
                json!({ "links": { "count": 3, "ids": ["a"] } }))]
    #[case::numbers(json!({ "links": [{ "linkId": 7 }] }),
                    json!({ "links": { "count": 1, "ids": [7] } }))]
    #[case::texts_are_left_out(json!({ "next_cursor": "x", "n": null }), json!({}))]
    fn numbers_and_ids_are_kept(#[case] response: Value, #[case] expected: Value) {
        let summary = summarise(response.to_string().as_bytes(), "linkId");
        assert_eq!(summary, Some(expected));
    }

    #[test]
    fn ids_are_bounded_and_all_entries_are_counted() {
        let entries: Vec<_> = (0..1_000).map(|id| json!({ "id": id })).collect();
        let response = json!({ "rows": entries }).to_string();
        let summary = summarise(response.as_bytes(), "id").unwrap();
        assert_eq!(summary["rows"]["count"], 1_000);
        let ids = summary["rows"]["ids"].as_array().unwrap();
        assert_eq!((ids.len(), &ids[99]), (MAX_SUMMARY_IDS, &json!(99)));
    }

    #[rstest]
    #[case("")]
    #[case("5")]
    #[case("\"text\"")]
    fn other_responses_have_no_summary(#[case] response: &str) {
        assert_eq!(summarise(response.as_bytes(), "id"), None);
    }
}
