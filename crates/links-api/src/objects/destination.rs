//! The destination of a link, as far as it is known before a click.

use std::borrow::Cow;

use domain::{
    macros::{Macro, fill_known_macros},
    record::LinkRecord,
};

use crate::db::offers::OfferSummary;

/// The link's own URL or else its offer's, with the macros filled in whose values are known.
pub fn destination_url(link: &LinkRecord, offer: Option<&OfferSummary>) -> String {
    let template = match (&link.destination, offer) {
        (Some(destination), _) => destination,
        (None, Some(offer)) => &offer.destination_template,
        (None, None) => return String::new(),
    };
    let text = |text: &Option<String>| text.clone().map(Cow::Owned);
    fill_known_macros(template, |name| match name {
        Macro::OfferId => link.offer_id.map(|id| Cow::Owned(id.to_string())),
        Macro::ExternalId => offer.and_then(|offer| text(&offer.external_id)),
        Macro::AffiliateId => offer.and_then(|offer| text(&offer.affiliate_id)),
        Macro::AccountId => Some(Cow::Owned(link.account_id.to_string())),
        Macro::ListId => link.list_id.map(|id| Cow::Owned(id.to_string())),
        Macro::LinkId => Some(Cow::Borrowed(link.link_id.as_str())),
        Macro::MessageId => text(&link.message_id),
        Macro::ContactPhone => text(&link.contact_phone),
        _ => None,
    })
}
