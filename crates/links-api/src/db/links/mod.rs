//! The table `links`.

mod campaign_links;
mod changed;
mod contact;
mod insert;
mod keys;
mod of_messages;
mod record;
mod state;
mod v2_links;

pub use campaign_links::{
    CampaignLinkFilter, CampaignLinkRow, find_campaign_link, select_campaign_links,
    update_campaign_link,
};
pub use changed::record_links_changed;
pub use contact::{erase_contact, find_and_lock_keys_of_contact};
pub use insert::{LinkInsert, insert_all_if_free};
pub use keys::{find_keys, find_keys_on_host};
pub use of_messages::{
    LinkOfMessage, MessageLink, PlaceholderUrl, bind_to_messages, find_and_lock_for_messages,
    find_placeholder_urls,
};
pub use record::{
    RECORD_COLUMNS, RECORD_FROM, SHORT_URL, find_records, record_from_row, select_records,
};
pub use state::LinkState;
pub use v2_links::{
    LinkFilter, LinkRow, LinkUpdate, deactivate_link, find_v2_link, select_v2_links, update_v2_link,
};
