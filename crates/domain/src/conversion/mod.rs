//! Conversions: edge-redirector spools and publishes them beside clicks, click-worker stores
//! them and credits them to clicks.
//!
//! [`crate::event`] has what their events share with those of clicks, [`crate::dedupe`] what
//! makes two conversions the same, [`crate::postback`] how requests are read.

mod author;
mod currency;
mod duplicate_mode;
mod event;
mod event_type;
mod history;
mod source;
mod status;

pub use author::Author;
pub use currency::{CRYPTO_CURRENCIES, parse_currency, round_to_currency};
pub use duplicate_mode::DuplicateMode;
pub use event::{Conversion, ConversionFlag};
pub use event_type::{EventType, MAX_EVENT_NAME_BYTES};
pub use history::{ConversionUpdate, EffectiveConversion, effective_conversion};
pub use source::ConversionSource;
pub use status::ConversionStatus;

/// The most bytes that a `txn_id` may have.
pub const MAX_TXN_ID_BYTES: usize = 255;
/// The currency of a conversion that names none, if its account has no default either.
pub const DEFAULT_CURRENCY: &str = "USD";
/// For how many days after a click its conversions are credited to it, if neither the offer
/// nor the campaign sets a window.
pub const DEFAULT_CLICK_WINDOW_DAYS: i32 = 90;
