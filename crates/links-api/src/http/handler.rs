//! Handlers: `async fn`s whose arguments are extracted from the request.
//!
//! The first argument is the [`RequestContext`]. Up to four more are extracted in the order in
//! which they stand, and the first that is not valid is the error of the request. An argument
//! is one of
//!
//! - a [`PathParameter`]: the type of an id,
//! - [`QueryParameters`]: a struct with a field for each parameter,
//! - a [`RequestBody`]: the type of the JSON body,
//! - a [`RawRequestBody`]: the type of a body of several content types.
//!
//! A `Result<T, ApiError>` of one of these leaves it to the handler when the error is
//! returned, if it has other checks to make first.
//!
//! The types also describe themselves for the document, so that what is documented is what is
//! extracted.

use actix_web::{HttpMessage as _, HttpRequest};
use futures_util::future::LocalBoxFuture;

use super::{
    body::{RawRequestBody, RequestBody},
    context::RequestContext,
    found::with_found,
    input,
    operation_parts::OperationInputs,
    path_parameter::PathParameter,
    query::QueryParameters,
    response::Response,
};
use crate::error::ApiError;

/// An `async fn` that can handle requests. `Args` are the types of its arguments after the
/// context; there is an implementation for each number of them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a handler",
    note = "a handler is an `async fn(RequestContext<'_>, ..) -> Result<Response, ApiError>` whose \
            further arguments implement `PathParameter`, `QueryParameters` or `RequestBody`"
)]
pub trait Handler<Args>: Copy + 'static {
    /// Adds what the arguments are extracted from.
    fn describe(inputs: &mut OperationInputs);

    /// Extracts the arguments and runs the handler.
    fn handle(self, context: RequestContext<'_>) -> HandlerFuture<'_>;
}

pub type HandlerFuture<'a> = LocalBoxFuture<'a, Result<Response, ApiError>>;

/// A type that can be extracted from a request. `Source` tells the implementations for the
/// kinds of arguments apart; the compiler infers it.
pub trait FromRequest<Source>: Sized {
    fn describe(inputs: &mut OperationInputs);

    fn from_request(context: RequestContext<'_>) -> Result<Self, ApiError>;
}

pub struct FromPath;
pub struct FromQuery;
pub struct FromBody;
pub struct FromRawBody;
pub struct AsResult<Source>(Source);

impl<T: PathParameter> FromRequest<FromPath> for T {
    fn describe(inputs: &mut OperationInputs) {
        inputs.add_path_parameter::<T>();
    }

    fn from_request(context: RequestContext<'_>) -> Result<Self, ApiError> {
        T::from_path(context.request.match_info())
    }
}

impl<T: QueryParameters> FromRequest<FromQuery> for T {
    fn describe(inputs: &mut OperationInputs) {
        inputs.add_query_parameters(T::parameters());
    }

    fn from_request(context: RequestContext<'_>) -> Result<Self, ApiError> {
        T::from_query(context.request.query_string())
    }
}

impl<T: RequestBody> FromRequest<FromBody> for T {
    fn describe(inputs: &mut OperationInputs) {
        inputs.set_body::<T>();
    }

    fn from_request(context: RequestContext<'_>) -> Result<Self, ApiError> {
        let json = context.json;
        if let Some(error) = json.error.take() {
            return Err(error);
        }
        let spec = json.spec.expect("the operation describes its body");
        input::from_value(&json.body.value, &spec.shape)
    }
}

impl<T: RawRequestBody> FromRequest<FromRawBody> for T {
    fn describe(inputs: &mut OperationInputs) {
        inputs.set_raw_body::<T>();
    }

    fn from_request(context: RequestContext<'_>) -> Result<Self, ApiError> {
        T::parse(&content_type(context.request), context.body)
    }
}

/// The content type of the body without parameters, in lower case; empty without the header.
pub fn content_type(request: &HttpRequest) -> String {
    request.content_type().trim().to_ascii_lowercase()
}

impl<T: FromRequest<Source>, Source> FromRequest<AsResult<Source>> for Result<T, ApiError> {
    fn describe(inputs: &mut OperationInputs) {
        T::describe(inputs);
    }

    fn from_request(context: RequestContext<'_>) -> Result<Self, ApiError> {
        Ok(T::from_request(context))
    }
}

/// Implements [`Handler`] for functions of the context and the arguments that are named, each
/// with the name of its source.
macro_rules! impl_handler {
    ($($argument:ident $Type:ident $Source:ident),*) => {
        impl<F, $($Type, $Source),*> Handler<($(($Type, $Source),)*)> for F
        where
            F: for<'a> AsyncFn(RequestContext<'a>, $($Type),*) -> Result<Response, ApiError>
                + Copy
                + 'static,
            $($Type: FromRequest<$Source> + 'static,)*
        {
            fn describe(inputs: &mut OperationInputs) {
                // A handler without arguments uses it here only.
                _ = &inputs;
                $($Type::describe(inputs);)*
            }

            fn handle(self, context: RequestContext<'_>) -> HandlerFuture<'_> {
                Box::pin(async move {
                    let handled = async {
                        $(let $argument = $Type::from_request(context)?;)*
                        self(context, $($argument),*).await
                    };
                    handled.await.map_err(|error| with_found(error, context))
                })
            }
        }
    };
}

impl_handler!();
impl_handler!(a A SourceA);
impl_handler!(a A SourceA, b B SourceB);
impl_handler!(a A SourceA, b B SourceB, c C SourceC);
impl_handler!(a A SourceA, b B SourceB, c C SourceC, d D SourceD);
