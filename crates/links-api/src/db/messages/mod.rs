//! The table `messages`: messages that were rendered, and messages that a platform has composed
//! and sent by itself and that were recorded.

mod delivery;
mod links;
mod list;
mod recorded;
mod rendered;
mod stored;

pub use delivery::{MessageReport, MessageStatus, update_reports};
pub use links::{find_links, find_sent_offers};
pub use list::{MessageFilter, MessageRow, find, replace_contact, select_page};
pub use recorded::{RecordedMessage, insert_recorded_if_new};
pub use rendered::{NewMessage, insert_all_if_new};
pub use stored::{StoredMessage, find_and_lock};
