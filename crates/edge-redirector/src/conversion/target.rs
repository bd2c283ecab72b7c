//! What a conversion is for: its link or offer, looked up by the parameters.

use std::sync::Arc;

use actix_http::Request;
use domain::postback::{
    ConversionDetails, LinkPostback, LinkRef, OfferPostback, PostbackError, PostbackParameters,
};

use super::{endpoint::Endpoint, secret::secret_matches};
use crate::{
    request,
    resolve::{ParsedOffer, ResolvedLink, Resolver},
};

pub enum PostbackTarget {
    Link {
        postback: LinkPostback,
        /// `None` if the postback names only a click.
        resolved: Option<Arc<ResolvedLink>>,
        is_pixel: bool,
    },
    Offer {
        postback: OfferPostback,
        offer: Arc<ParsedOffer>,
    },
}

/// Parses the parameters and looks up the link or offer that they name. Fails also if the
/// secret of an offer is wrong.
pub async fn find_target(
    request: &Request,
    endpoint: &Endpoint,
    parameters: &PostbackParameters<'_>,
    resolver: &Resolver,
) -> Result<PostbackTarget, PostbackError> {
    let now = jiff::Timestamp::now();
    match endpoint {
        Endpoint::Conversion => {
            let postback = LinkPostback::from_parameters(parameters, now)?;
            let resolved = match &postback.link {
                Some(link) => Some(find_link(request, link, resolver).await?),
                None => None,
            };
            Ok(PostbackTarget::Link {
                postback,
                resolved,
                is_pixel: false,
            })
        }
        Endpoint::Pixel { link_id } => {
            // The path names the link; the query has only the details.
            let mut link_parameters = PostbackParameters::default();
            let form = format!("link_id={link_id}");
            link_parameters.add_form(form.as_bytes());
            let postback = LinkPostback {
                details: ConversionDetails::from_parameters(parameters)?,
                ..LinkPostback::from_parameters(&link_parameters, now)?
            };
            let link = postback.link.as_ref().ok_or(PostbackError::LinkNotFound)?;
            let resolved = Some(find_link(request, link, resolver).await?);
            Ok(PostbackTarget::Link {
                postback,
                resolved,
                is_pixel: true,
            })
        }
        Endpoint::OfferConversion => find_offer(parameters, resolver).await,
    }
}

/// Finds a link whether or not it is still available: its conversions count in any case.
async fn find_link(
    request: &Request,
    link: &LinkRef,
    resolver: &Resolver,
) -> Result<Arc<ResolvedLink>, PostbackError> {
    let host = request::host(request).ok_or(PostbackError::LinkNotFound)?;
    let resolved = match link {
        LinkRef::Short(id) => resolver.link_for_postback(host, id.clone()).await,
        LinkRef::Code(code) => resolver.code(code.clone()).await,
    };
    let resolved = resolved.map_err(|_| PostbackError::Unavailable)?;
    resolved.ok_or(PostbackError::LinkNotFound)
}

async fn find_offer(
    parameters: &PostbackParameters<'_>,
    resolver: &Resolver,
) -> Result<PostbackTarget, PostbackError> {
    let id = OfferPostback::offer_id(parameters)?;
    let offer = resolver.offer(id).await;
    let offer = offer.map_err(|_| PostbackError::Unavailable)?;
    let offer = offer.ok_or(PostbackError::OfferNotFound)?;
    let secret = parameters.get("postback_secret").unwrap_or_default();
    let digests = offer
        .record
        .postback_digests
        .iter()
        .chain(&offer.record.postback_digest);
    if !secret_matches(secret, digests.map(String::as_str)) {
        return Err(PostbackError::InvalidPostbackSecret);
    }
    let postback = OfferPostback::from_parameters(parameters)?;
    Ok(PostbackTarget::Offer { postback, offer })
}
