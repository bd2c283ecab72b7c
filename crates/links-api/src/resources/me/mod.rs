//! The key of a request and its account, for whoever has the key.

mod get;
mod object;

use crate::http::Operation;
use get::get_me;
use object::MeObject;

pub fn operations() -> Vec<Operation> {
    vec![
        Operation::get("/me", get_me)
            .any_key()
            .tag("me")
            .summary("Get the key of the request and its account")
            .description("Without the secrets of postbacks, which operators see.")
            .response::<MeObject>(200, MeObject::example()),
    ]
}
