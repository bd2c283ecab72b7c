//! Message templates: text with `{{linkN}}` placeholders for tracked links and `{{name}}`
//! variables.

mod estimate;
mod frame;
mod lint;
mod template;

pub use self::{
    estimate::{SizeEstimate, estimate_size},
    frame::MessageFrame,
    lint::lint,
    template::{MessagePiece, link_placeholders, parse_pieces, render},
};
