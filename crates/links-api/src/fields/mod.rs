//! Types of the fields that bodies, paths and queries have, and their rules. They know no
//! resource and no database.

pub mod amount;
mod clearable_bool;
mod click_cost;
mod country;
mod decimal;
mod email;
pub mod filter_values;
pub mod ids;
pub mod interstitial;
mod json_object;
mod list_selector;
pub mod moment;
mod phone;
pub mod postbacks;
mod query_decimal;
mod slug;
mod status;
mod text;
pub mod timestamp;
mod url;

pub use domain::phone::PhoneNumber;

pub use amount::AmountField;
pub use clearable_bool::ClearableBool;
pub use click_cost::{ClickCostField, ClickCostObject};
pub use country::update_countries;
pub use decimal::{DecimalField, DecimalText};
pub use email::{parse_email, required_email};
pub use json_object::JsonObject;
pub use list_selector::ListSelector;
pub use moment::{QueryEnd, QueryStart};
pub use phone::parse_filter_phone;
pub use query_decimal::QueryDecimal;
pub use slug::parse_slug;
pub use status::{parse_status, update_status};
pub use text::{Text, name, non_empty, present, required, update_text};
pub use timestamp::{QueryTime, Timestamp, WholeSeconds};
pub use url::update_url;
