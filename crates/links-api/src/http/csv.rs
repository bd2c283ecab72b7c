//! Rows as CSV (RFC 4180).

#![warn(clippy::indexing_slicing)]

use serde::Serialize;
use serde_json::Value;

use crate::error::ApiError;

const BYTE_ORDER_MARK: &str = "\u{feff}";

/// The kind of CSV that a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Csv {
    /// Excel reads a file without the mark in the encoding of the machine.
    has_byte_order_mark: bool,
}

impl Csv {
    pub fn new(has_byte_order_mark: bool) -> Self {
        Self {
            has_byte_order_mark,
        }
    }

    /// Writes these columns of rows, which are JSON objects. Arrays are joined by spaces.
    pub fn write(self, columns: &[&str], rows: &[impl Serialize]) -> Result<Vec<u8>, ApiError> {
        let mut out = Vec::new();
        if self.has_byte_order_mark {
            out.extend_from_slice(BYTE_ORDER_MARK.as_bytes());
        }
        let mut writer = ::csv::Writer::from_writer(out);
        writer.write_record(columns).map_err(ApiError::internal)?;
        for row in rows {
            let row = serde_json::to_value(row).map_err(ApiError::internal)?;
            let cells = columns
                .iter()
                .map(|column| row.get(*column).map_or_else(String::new, cell));
            writer.write_record(cells).map_err(ApiError::internal)?;
        }
        writer
            .into_inner()
            .map_err(|error| ApiError::internal(error.into_error()))
    }
}

/// The text of a cell. A text that a spreadsheet would take for a formula gets an apostrophe,
/// since visitors choose their user agent. Phone numbers begin with a plus and are safe.
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
    if is_formula(&text) {
        format!("'{text}")
    } else {
        text
    }
}

/// Whether a text begins as formulas do and is no number or phone number. Spreadsheets may drop
/// a tab or a line break in front; those of East Asia also accept the wide forms.
fn is_formula(text: &str) -> bool {
    let mut rest = text.chars();
    match rest.next() {
        Some('+' | '-') => {
            let mut rest = rest.peekable();
            let is_number = rest.peek().is_some() && rest.all(|c| c.is_ascii_digit() || c == '.');
            !is_number
        }
        Some('=' | '@' | '\t' | '\r' | '\n' | '＝' | '＋' | '－' | '＠') => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    const CSV: Csv = Csv {
        has_byte_order_mark: false,
    };

    #[test]
    fn cells_are_quoted_and_no_formulas() {
        let rows = [json!({
            "a": "x, \"y\"\nz", "b": ["ua_bot", "burst"], "c": null, "d": 5, "e": "=1+1",
            "f": "+18005550100", "g": "-12.50", "h": "-1+cmd", "i": "@SUM(A1)",
        })];
        let columns = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
        let text = String::from_utf8(CSV.write(&columns, &rows).unwrap()).unwrap();
        assert_eq!(
            text,
            "a,b,c,d,e,f,g,h,i\n\"x, \"\"y\"\"\nz\",ua_bot burst,,5,'=1+1,+18005550100,-12.50,\
             '-1+cmd,'@SUM(A1)\n"
        );
    }

    #[rstest]
    #[case::empty("", "")]
    #[case::two_bytes("é", "é")]
    #[case::two_bytes_and_more("école", "école")]
    #[case::three_bytes("スプリング", "スプリング")]
    #[case::four_bytes("💸 sale", "💸 sale")]
    #[case::right_to_left("مرحبا", "مرحبا")]
    #[case::combining("e\u{301}", "e\u{301}")]
    #[case::byte_order_mark("\u{feff}a", "\u{feff}a")]
    #[case::replacement("\u{fffd}", "\u{fffd}")]
    #[case::sign_alone("-", "'-")]
    #[case::sign_and_letter("+é", "'+é")]
    #[case::number("-1.5", "-1.5")]
    #[case::phone("+4915112345678", "+4915112345678")]
    #[case::other_digits("+１２", "'+１２")]
    #[case::equals("=é", "'=é")]
    #[case::line_feed("\n=1+1", "'\n=1+1")]
    #[case::carriage_return("\r=1+1", "'\r=1+1")]
    #[case::tab("\t=1+1", "'\t=1+1")]
    #[case::wide("＝1+1", "'＝1+1")]
    fn a_cell_may_begin_with_any_letter(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(cell(&json!(text)), expected);
        assert_eq!(cell(&json!([text])), expected);
    }

    #[test]
    fn the_byte_order_mark_comes_first_where_it_is_asked_for() {
        let with_mark = Csv {
            has_byte_order_mark: true,
        };
        let rows = [json!({ "a": "é" })];
        assert_eq!(CSV.write(&["a"], &rows).unwrap(), "a\né\n".as_bytes());
        assert_eq!(
            with_mark.write(&["a"], &rows).unwrap(),
            "\u{feff}a\né\n".as_bytes()
        );
        let nothing: [Value; 0] = [];
        assert_eq!(
            with_mark.write(&["a"], &nothing).unwrap(),
            "\u{feff}a\n".as_bytes()
        );
    }
}
