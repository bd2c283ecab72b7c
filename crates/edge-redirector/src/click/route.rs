//! A link together with what it depends on.

use std::sync::Arc;

use domain::{
    availability::{Availability, Subject, availability},
    macros::Template,
    record::{AccountRecord, ListRecord},
};

use crate::resolve::{Link, Offer, Resolver, Unresolved};

pub struct Route {
    pub link: Arc<Link>,
    pub account: Option<Arc<AccountRecord>>,
    pub list: Option<Arc<ListRecord>>,
    pub offer: Option<Arc<Offer>>,
}

impl Route {
    pub async fn load(resolver: &Resolver, link: Arc<Link>) -> Result<Self, Unresolved> {
        let account = resolver.account(link.record.account_id).await?;
        let list = match link.record.list_id {
            Some(id) => resolver.list(id).await?,
            None => None,
        };
        let offer = match link.record.offer_id {
            Some(id) => resolver.offer(id).await?,
            None => None,
        };
        Ok(Self {
            link,
            account,
            list,
            offer,
        })
    }

    pub fn availability(&self) -> Availability<'_> {
        let subject = Subject {
            link: &self.link.record,
            account: self.account.as_deref(),
            list: self.list.as_deref(),
            offer: self.offer.as_deref().map(|offer| &offer.record),
        };
        availability(subject, jiff::Timestamp::now())
    }

    /// Where the link goes: its own template, or else its offer's.
    pub fn template(&self) -> Option<&Template> {
        let own = self.link.template.as_ref();
        own.or_else(|| self.offer.as_deref()?.template.as_ref())
    }

    pub fn collapses_hops(&self) -> bool {
        self.list.as_ref().is_some_and(|list| list.collapse_hops)
    }
}
