//! Adds to an error what the client sent: the value of the field that the error is about.

use serde_json::Value;
use url::form_urlencoded;

use super::{
    context::RequestContext,
    input::{describe_value, fold, parse_path, value_at},
};
use crate::error::{ApiError, FieldError};

/// The error of a request with the value that was sent, if it is about one:
/// "it is not a day" becomes "it is the text "today", not a day".
pub fn with_found(error: ApiError, context: RequestContext<'_>) -> ApiError {
    match error {
        ApiError::InvalidField(error) => ApiError::InvalidField(complete(error, context)),
        ApiError::Validation(errors) => {
            let errors = errors.into_iter();
            ApiError::Validation(errors.map(|error| complete(error, context)).collect())
        }
        error => match error.field().and_then(|field| found(&field, context)) {
            Some(found) => ApiError::WithFound {
                error: Box::new(error),
                found,
            },
            None => error,
        },
    }
}

fn complete(error: FieldError, context: RequestContext<'_>) -> FieldError {
    let Some(found) = found(&error.field, context) else {
        return error;
    };
    let message = insert_found(&error.message, &found);
    FieldError {
        message: message.unwrap_or(error.message),
        ..error
    }
}

/// `None` for a message that says already what was found, or is about more than the value.
fn insert_found(message: &str, found: &str) -> Option<String> {
    let after = |start| message.strip_prefix(start);
    let (word, rest) = after("it is not ")
        .map(|rest| ("not", rest))
        .or_else(|| after("it is neither ").map(|rest| ("neither", rest)))?;
    Some(format!("it is {found}, {word} {rest}"))
}

/// The value of a field of the body, or of a parameter of the path or the query.
fn found(field: &str, context: RequestContext<'_>) -> Option<String> {
    let in_body = value_at(&context.json.body.value, &parse_path(field));
    let in_path = || context.request.match_info().get(field).map(Value::from);
    let in_query = || {
        let query = form_urlencoded::parse(context.request.query_string().as_bytes());
        let mut values = query.filter(|(name, _)| fold(name) == fold(field));
        values.next().map(|(_, value)| Value::from(value.as_ref()))
    };
    let found = in_body.cloned().or_else(in_path).or_else(in_query);
    let found = found.filter(|value| !value.is_null())?;
    Some(describe_value(&found))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(
        "it is not a day as in 2026-03-01",
        Some("it is the text \"x\", not a day as in 2026-03-01")
    )]
    #[case(
        "it is neither a day nor a time",
        Some("it is the text \"x\", neither a day nor a time")
    )]
    #[case("it is required", None)]
    #[case("it is the text \"x\", and an integer is wanted", None)]
    fn the_value_stands_before_what_it_is_not(
        #[case] message: &str,
        #[case] expected: Option<&str>,
    ) {
        assert_eq!(insert_found(message, "the text \"x\"").as_deref(), expected);
    }
}
