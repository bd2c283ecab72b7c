//! From a valid request to a new link: the offer and the list that it names.

use std::collections::HashMap;

use domain::{id::OfferId, record::DefaultParameters};

use super::request::{AcceptedTargets, LinkSpec, LinkTarget, OfferSelector};
use crate::{
    auth::Product,
    db::{
        domains::{self, ShortDomain},
        lists::{self, ActiveList},
        offers::{self, ActiveOffer, OfferKind},
    },
    error::ApiError,
    fields::ListSelector,
    http::RequestContext,
    minting::NewLink,
};

/// Looks up offers and lists for the links of one request, each once.
pub struct TargetResolver<'a> {
    context: RequestContext<'a>,
    accepted: AcceptedTargets,
    offers: HashMap<OfferSelector, Option<ActiveOffer>>,
    lists: HashMap<ListSelector, Option<ActiveList>>,
    domains: HashMap<String, ShortDomain>,
}

impl<'a> TargetResolver<'a> {
    pub fn new(context: RequestContext<'a>, accepted: AcceptedTargets) -> Self {
        Self {
            context,
            accepted,
            offers: HashMap::new(),
            lists: HashMap::new(),
            domains: HashMap::new(),
        }
    }

    /// The new link, and its offer if it has one.
    pub async fn resolve(
        &mut self,
        spec: LinkSpec,
    ) -> Result<(NewLink, Option<ActiveOffer>), ApiError> {
        let (context, accepted) = (self.context, self.accepted);
        require_product(context, &spec.target, accepted)?;
        // The two queries are sent at once and take one round trip.
        let (offer, list) = tokio::join!(
            find_offer(&mut self.offers, context, &spec.target, accepted),
            find_list(&mut self.lists, context, spec.list.as_ref()),
        );
        let (offer, list) = (offer?, list?);
        let domain = match (&spec.domain, list) {
            (Some(host), _) => find_domain(&mut self.domains, context, host).await?,
            (None, Some(list)) => list.short_domain()?.clone(),
            (None, None) => return Err(ApiError::MissingListIdentifier),
        };
        let kind = offer.as_ref().map(|offer| offer.kind);
        let tracker_host = (kind == Some(OfferKind::Partnership)).then(|| {
            let list_host = list.and_then(|list| list.click_host.as_ref());
            let host = list_host.unwrap_or(&context.state.platform_click_host);
            host.clone()
        });
        let link = NewLink {
            domain,
            slug: spec.slug,
            tracker_host,
            campaign: None,
            placeholder: None,
            list_id: list.map(|list| list.id),
            offer_id: offer.as_ref().map(|offer| offer.id),
            destination: match spec.target {
                LinkTarget::Url(url) => Some(url),
                LinkTarget::Offer(_) => None,
            },
            default_parameters: DefaultParameters::default(),
            attributes: spec.attributes,
        };
        Ok((link, offer))
    }
}

/// Checks that the account has the product of the target, as far as the product is known
/// before the offer is.
fn require_product(
    context: RequestContext<'_>,
    target: &LinkTarget,
    accepted: AcceptedTargets,
) -> Result<(), ApiError> {
    match (target, accepted) {
        (_, AcceptedTargets::PartnershipOffer)
        | (LinkTarget::Offer(OfferSelector::ExternalId(_)), _) => {
            context.caller.require_product(Product::OfferManagement)
        }
        (_, AcceptedTargets::SmsOfferOrUrl) | (LinkTarget::Url(_), _) => {
            context.caller.require_product(Product::Sms)
        }
        (LinkTarget::Offer(OfferSelector::Id(_)), AcceptedTargets::Any) => Ok(()),
    }
}

async fn find_offer(
    known: &mut HashMap<OfferSelector, Option<ActiveOffer>>,
    context: RequestContext<'_>,
    target: &LinkTarget,
    accepted: AcceptedTargets,
) -> Result<Option<ActiveOffer>, ApiError> {
    let LinkTarget::Offer(selector) = target else {
        return Ok(None);
    };
    if !known.contains_key(selector) {
        let offer = load_offer(context, selector, accepted).await?;
        known.insert(selector.clone(), offer);
    }
    let offer = known[selector].clone();
    let offer = offer.ok_or(ApiError::OfferNotFound(match accepted {
        AcceptedTargets::PartnershipOffer => "partnership offer",
        AcceptedTargets::SmsOfferOrUrl | AcceptedTargets::Any => "offer",
    }))?;
    if accepted == AcceptedTargets::Any {
        context.caller.require_product(match offer.kind {
            OfferKind::Partnership => Product::OfferManagement,
            OfferKind::Sms => Product::Sms,
        })?;
    }
    Ok(Some(offer))
}

async fn load_offer(
    context: RequestContext<'_>,
    selector: &OfferSelector,
    accepted: AcceptedTargets,
) -> Result<Option<ActiveOffer>, ApiError> {
    let account_id = context.caller.account_id;
    match selector {
        OfferSelector::Id(id) => {
            let Ok(id) = OfferId::parse(id) else {
                return Ok(None);
            };
            let kinds: &[OfferKind] = match accepted {
                AcceptedTargets::PartnershipOffer => &[OfferKind::Partnership],
                AcceptedTargets::SmsOfferOrUrl => &[OfferKind::Sms],
                AcceptedTargets::Any => &[OfferKind::Partnership, OfferKind::Sms],
            };
            offers::find_active(context.db, account_id, id, kinds).await
        }
        OfferSelector::ExternalId(id) => {
            offers::find_active_by_external_id(context.db, account_id, id).await
        }
    }
}

async fn find_list<'k>(
    known: &'k mut HashMap<ListSelector, Option<ActiveList>>,
    context: RequestContext<'_>,
    selector: Option<&ListSelector>,
) -> Result<Option<&'k ActiveList>, ApiError> {
    let Some(selector) = selector else {
        return Ok(None);
    };
    if !known.contains_key(selector) {
        let account_id = context.caller.account_id;
        let list = lists::find_active(context.db, account_id, selector).await?;
        known.insert(selector.clone(), list);
    }
    known[selector]
        .as_ref()
        .map(Some)
        .ok_or(ApiError::ListNotFound)
}

async fn find_domain(
    known: &mut HashMap<String, ShortDomain>,
    context: RequestContext<'_>,
    host: &str,
) -> Result<ShortDomain, ApiError> {
    if let Some(domain) = known.get(host) {
        return Ok(domain.clone());
    }
    let account_id = context.caller.account_id;
    let domain = domains::find_active_short(context.db, account_id, host).await?;
    let domain = domain.ok_or(ApiError::DomainNotFound("short"))?;
    known.insert(host.to_owned(), domain.clone());
    Ok(domain)
}
