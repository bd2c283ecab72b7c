//! The macro engine: templates are parsed once and expanded per click.
//!
//! A template is an http(s) URL with macros in its path, query or fragment:
//!
//! ```text
//! https://example.com/lp?clickid={click_id}&aff={affiliate_id}&s1={{sub1}}#x
//! '----- origin -----''------------------ pieces -----------------------'
//! ```
//!
//! What holds for every template and all values:
//! - The result is a valid URL with the template's scheme, host and port. A
//!   macro before the path is refused when the template is parsed.
//! - A value is percent-encoded, inserted once and never read again: values
//!   are copied behind the cursor, the template is not rewritten.
//! - A known macro without a value becomes empty, an unknown one stays as it
//!   is, so that the next platform can fill it.
//! - Without a macro of the click in the template, `click_id`, `sub1` to
//!   `sub5` and `source` are appended to the query where they have a value
//!   and the template does not spell them out.

mod context;
mod encode;
mod forward;
mod lint;
mod name;
mod parameters;
mod template;
mod token;

#[cfg(test)]
mod tests;

pub use context::{ClickContext, VisitorFacts};
pub use lint::{Finding, Severity, lint};
pub use name::Macro;
pub use parameters::{AffiliatePlatform, append_parameters};
pub use template::{InvalidTemplate, MAX_MACROS, MAX_TEMPLATE_BYTES, Template, fill_known_macros};
