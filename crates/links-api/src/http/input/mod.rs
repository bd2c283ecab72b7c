//! What clients send in queries and JSON bodies, before it becomes the argument of a handler.
//!
//! - A name is known in camelCase and in snake_case ([`names`]).
//! - Nothing is silently ignored: a name that no field has is an error, or, for operations that
//!   must accept it, is listed in the header `Waypost-Ignored`.
//! - An object can be read, changed and sent back: what it shows beside the fields that can be
//!   changed is accepted as long as it is unchanged ([`current_object`]).

mod body;
mod current_object;
mod json;
mod names;
mod path;
mod query;
mod reader;
mod shape;
mod type_error;
mod unknown_fields;

pub use body::{PreparedBody, from_value};
pub use current_object::remove_unchanged;
pub use json::parse as parse_json;
pub use names::fold;
pub use path::{PathStep, parse_path, value_at};
pub use query::unknown_parameters;
pub use reader::JsonReader;
pub use shape::BodyShape;
pub use type_error::describe_value;
