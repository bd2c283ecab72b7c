//! Where the value of each macro comes from.

use std::{borrow::Cow, net::IpAddr};

use super::Macro;
use crate::{
    device::Device,
    id::ClickId,
    query::ClickQuery,
    record::{LinkRecord, OfferRecord},
};

/// What is known about the visitor from the request.
#[derive(Debug, Clone, Copy)]
pub struct VisitorFacts<'a> {
    pub ip: IpAddr,
    pub user_agent: Option<&'a str>,
    pub referrer: Option<&'a str>,
    /// ISO 3166-1 alpha-2 in upper case.
    pub country: Option<&'a str>,
    /// Required only if the template [contains](super::Template::contains_any) `device`, `os` or
    /// `browser`, since looking it up takes long.
    pub device: Option<&'a Device>,
}

/// Everything from which macros get their values for one click.
#[derive(Debug, Clone, Copy)]
pub struct ClickContext<'a> {
    pub click_id: ClickId,
    pub link: &'a LinkRecord,
    pub offer: Option<&'a OfferRecord>,
    pub query: &'a ClickQuery<'a>,
    pub visitor: VisitorFacts<'a>,
}

impl<'a> ClickContext<'a> {
    /// The value of a macro before it is encoded. `sub1` to `sub5`, `source`, `creative` and
    /// `cost` come from the query, or else from the link's default parameters. All others come
    /// from the system and never from the query, so that a visitor cannot forge them.
    pub fn value(&self, name: Macro) -> Option<Cow<'a, str>> {
        let link = self.link;
        let defaults = &link.default_parameters;
        let visitor = &self.visitor;
        match name {
            Macro::ClickId => Some(self.click_id.to_string().into()),
            Macro::Datetime => Some(self.click_id.time().to_string().into()),
            Macro::Timestamp => Some(self.click_id.time().as_second().to_string().into()),
            Macro::AccountId => Some(link.account_id.to_string().into()),
            Macro::OfferId => link.offer_id.map(|id| id.to_string().into()),
            Macro::ExternalId => self.offer.and_then(|offer| borrowed(&offer.external_id)),
            Macro::AffiliateId => self.offer.and_then(|offer| borrowed(&offer.affiliate_id)),
            Macro::LinkId => Some(link.link_id.as_str().into()),
            Macro::MessageId => borrowed(&link.message_id),
            Macro::ListId => link.list_id.map(|id| id.to_string().into()),
            Macro::ContactPhone => borrowed(&link.contact_phone),
            Macro::Sub(index) => {
                let index = usize::from(index);
                query_or_default(&self.query.subs[index], &defaults.subs[index])
            }
            Macro::Source => query_or_default(&self.query.source, &defaults.source),
            Macro::Creative => query_or_default(&self.query.creative, &defaults.creative)
                .or_else(|| link.creative_id.map(|id| id.to_string().into())),
            Macro::Cost => query_or_default(&self.query.cost, &defaults.cost),
            Macro::Ip => Some(visitor.ip.to_string().into()),
            Macro::UserAgent => visitor.user_agent.map(Cow::Borrowed),
            Macro::Referrer => visitor.referrer.map(Cow::Borrowed),
            Macro::CountryCode => visitor.country.map(Cow::Borrowed),
            Macro::Device => visitor.device?.class.map(Cow::Borrowed),
            Macro::Os => borrowed(&visitor.device?.os),
            Macro::Browser => borrowed(&visitor.device?.browser),
        }
    }
}

fn query_or_default<'a>(
    from_query: &'a Option<Cow<'a, str>>,
    default: &'a Option<String>,
) -> Option<Cow<'a, str>> {
    match from_query {
        Some(value) => Some(Cow::Borrowed(value)),
        None => borrowed(default),
    }
}

fn borrowed(text: &Option<String>) -> Option<Cow<'_, str>> {
    text.as_deref().map(Cow::Borrowed)
}
