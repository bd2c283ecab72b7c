//! The macro engine: templates are parsed once and expanded for each click.
//!
//! A template is an http(s) URL with macros in its path, query or fragment:
//!
//! ```text
//! https://example.com/lp?clickid={click_id}&aff={affiliate_id}&s1={{sub1}}#x
//! '----- origin -----''------------------- parts -----------------------'
//! ```
//!
//! For every template and all values:
//! - The result is a valid URL with the template's scheme, host and port. A template with a
//!   macro before the path is refused.
//! - A value is percent-encoded and inserted once. Macros in a value are not expanded, since
//!   the values are copied into the output and the template is not rewritten.
//! - A known macro without a value becomes empty. An unknown macro stays as it is, so that
//!   the next platform can fill it.
//! - Unless the template has a macro of the click, `click_id`, `sub1` to `sub5` and `source`
//!   are appended to the query where they have a value and the query lacks the key.

mod context;
mod encode;
mod forward;
mod invalid_template;
mod lint;
mod name;
mod parameters;
mod parser;
mod template;
mod token;

#[cfg(test)]
mod tests;

pub use self::{
    context::{ClickContext, VisitorFacts},
    invalid_template::{InvalidTemplate, MAX_MACROS, MAX_TEMPLATE_BYTES},
    lint::{Finding, Severity, lint},
    name::Macro,
    parameters::{AffiliatePlatform, append_parameters},
    template::{Template, fill_known_macros},
};
