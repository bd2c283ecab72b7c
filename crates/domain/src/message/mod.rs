//! Message templates: text with `{{linkN}}` placeholders for tracked links and variables as in
//! `{{name}}` and `{{name|default}}`.

mod estimate;
mod frame;
mod lint;
mod lookalikes;
mod template;

pub use self::{
    estimate::{SizeEstimate, estimate_size},
    frame::MessageFrame,
    lint::lint,
    template::{MessagePiece, Placeholder, link_placeholders, parse_pieces, render},
};
