//! A link together with what it depends on.

use std::sync::Arc;

use domain::{
    availability::{Availability, Subject, availability},
    macros::Template,
    record::{AccountRecord, LinkRecord, ListRecord, OfferRecord},
};

use super::Offer;

/// A link, and the account, list and offer as they were when it was loaded.
#[derive(Debug)]
pub struct Route {
    pub link: LinkRecord,
    own_template: Option<Template>,
    account: Option<Arc<AccountRecord>>,
    list: Option<Arc<ListRecord>>,
    offer: Option<Arc<Offer>>,
}

impl Route {
    pub fn new(
        link: LinkRecord,
        account: Option<Arc<AccountRecord>>,
        list: Option<Arc<ListRecord>>,
        offer: Option<Arc<Offer>>,
    ) -> Self {
        let own = link.destination.as_deref();
        Self {
            own_template: own.and_then(|template| Template::parse(template).ok()),
            link,
            account,
            list,
            offer,
        }
    }

    pub fn availability(&self, now: jiff::Timestamp) -> Availability<'_> {
        let subject = Subject {
            link: &self.link,
            account: self.account.as_deref(),
            list: self.list.as_deref(),
            offer: self.offer(),
        };
        availability(subject, now)
    }

    pub fn offer(&self) -> Option<&OfferRecord> {
        self.offer.as_deref().map(|offer| &offer.record)
    }

    /// Where the link goes: its own template, or else its offer's.
    pub fn template(&self) -> Option<&Template> {
        let own = self.own_template.as_ref();
        own.or_else(|| self.offer.as_deref()?.template.as_ref())
    }

    pub fn collapses_hops(&self) -> bool {
        self.list.as_ref().is_some_and(|list| list.collapse_hops)
    }
}
