//! Rows as CSV (RFC 4180).

use serde::Serialize;
use serde_json::Value;

use crate::error::ApiError;

pub const FORMATS: [&str; 2] = ["json", "csv"];

/// These columns of what rows are as JSON objects. Arrays are joined by spaces.
pub fn write(columns: &[&str], rows: &[impl Serialize]) -> Result<Vec<u8>, ApiError> {
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    writer.write_record(columns).map_err(ApiError::internal)?;
    for row in rows {
        let row = serde_json::to_value(row).map_err(ApiError::internal)?;
        let cells = columns.iter().map(|column| cell(&row[*column]));
        writer.write_record(cells).map_err(ApiError::internal)?;
    }
    writer
        .into_inner()
        .map_err(|error| ApiError::internal(error.into_error()))
}

/// A text that a spreadsheet would take for a formula is quoted: whoever clicks
/// chooses the user agent. Phone numbers start with a plus and are safe.
fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => return String::new(),
        Value::String(text) => text.clone(),
        Value::Array(values) => {
            let texts: Vec<_> = values.iter().map(cell).collect();
            texts.join(" ")
        }
        other => return other.to_string(),
    };
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let is_plain = text.len() > 1 && text[1..].bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if is_formula && !is_plain {
        format!("'{text}")
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn cells_are_quoted_and_no_formulas() {
        let rows = [json!({
            "a": "x, \"y\"\nz", "b": ["ua_bot", "burst"], "c": null, "d": 5, "e": "=1+1",
            "f": "+18005550100", "g": "-12.50", "h": "-1+cmd", "i": "@SUM(A1)",
        })];
        let columns = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
        let text = String::from_utf8(write(&columns, &rows).unwrap()).unwrap();
        assert_eq!(
            text,
            "a,b,c,d,e,f,g,h,i\n\"x, \"\"y\"\"\nz\",ua_bot burst,,5,'=1+1,+18005550100,-12.50,\
             '-1+cmd,'@SUM(A1)\n"
        );
    }
}
