//! Requests to links: the two hops `/<id>` and `/c/<token>`, and the button of the preview
//! page, `/<id>/continue/<token>` and `/c/<token>/continue/<token>`. Conversions are left
//! to `conversion`, and the rules to `domain`.

mod event;
mod find_link;
mod redirect;
mod response;
mod visit;

pub use redirect::handle;
