//! `POST /api/v2/creatives/{creative_id}/render`: the texts of up to 1,000 messages, with a
//! tracked link for each placeholder of each.
//!
//! A message id is rendered once. By its row in `messages`, two requests that render it, at
//! once or one after the other, are one send with the same links.

mod handler;
mod links;
mod sends;
mod skipped;

pub use handler::{MAX_MESSAGES, RenderRequest, RenderResponse, render_creative};
