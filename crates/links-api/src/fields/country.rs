//! Countries by ISO 3166-1 alpha-2.

use super::text::Text;
use crate::error::ApiError;

/// Two letters are accepted, since countries come and go.
fn is_code(code: &str) -> bool {
    code.len() == 2 && code.bytes().all(|b| b.is_ascii_uppercase())
}

/// Updates a set of countries, which is sorted. `None` leaves it as it is.
pub fn update_countries(
    current: &mut Vec<String>,
    new: &Option<Vec<Text>>,
    field: &'static str,
) -> Result<(), ApiError> {
    let Some(new) = new else {
        return Ok(());
    };
    let mut codes: Vec<_> = new.iter().map(|code| code.as_str().to_owned()).collect();
    if let Some(code) = codes.iter().find(|code| !is_code(code)) {
        let problem = format!("{code:?} is not a country by ISO 3166-1 alpha-2, as in \"US\"");
        return Err(ApiError::invalid_field(field, problem));
    }
    codes.sort();
    codes.dedup();
    *current = codes;
    Ok(())
}
