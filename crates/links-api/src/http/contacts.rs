//! What users see of contacts whose role does not let them see their numbers: no number whole,
//! nothing by a number that they name, and no export.

use actix_web::HttpRequest;
use url::form_urlencoded;

use super::{input::fold, response::Response};
use crate::{
    audit::mask_contacts,
    auth::{Caller, Scope},
    error::ApiError,
};

/// Fails if the request is about a contact's number or asks for an export, and the caller may not
/// see numbers.
pub fn check_contacts(caller: &Caller, request: &HttpRequest) -> Result<(), ApiError> {
    if caller.sees_contacts() {
        return Ok(());
    }
    let mut query = form_urlencoded::parse(request.query_string().as_bytes());
    let asks = query.any(|(name, value)| match fold(&name).as_str() {
        "contactphone" | "phone" => !value.is_empty(),
        "format" => value == "csv",
        _ => false,
    });
    match asks || request.match_info().get("phone").is_some() {
        true => Err(caller.lacks(Scope::ContactsRead)),
        false => Ok(()),
    }
}

/// The response as the caller may see it.
pub fn without_numbers(caller: &Caller, response: Response) -> Result<Response, ApiError> {
    if caller.sees_contacts() {
        return Ok(response);
    }
    match response.json() {
        Some(mut body) => {
            mask_contacts(&mut body);
            response.with_body(&body)
        }
        None => Ok(response),
    }
}
