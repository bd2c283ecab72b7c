//! The table `offers`: SMS offers and partnership offers.

mod external_id;
mod fields;
mod queries;
mod summary;

pub use external_id::list_by_external_id;
pub use fields::{OfferFields, OfferKind, OfferRow, OfferStatus};
pub use queries::{archive, count_active, find, find_existing, select_page, try_insert, update};
pub use summary::{
    ActiveOffer, OfferSummary, SUMMARY_COLUMNS, destination_template, find_active,
    find_active_by_external_id,
};
