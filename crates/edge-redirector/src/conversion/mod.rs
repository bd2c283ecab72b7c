//! Conversions: `/conv`, `/conv/offer` and `/pixel/<link_id>.gif`. They are
//! recorded as clicks are, in the spool, before they are answered.

mod answer;
mod body;
mod proof;
mod record;

use std::sync::Arc;

use actix_http::{HttpMessage as _, Method, Request};
use domain::{
    id::AccountId,
    postback::{
        LinkPostback, LinkRef, OfferPostback, PostbackError, PostbackParameters, signed_text,
    },
    record::AccountRecord,
};

use proof::{Proof, Rule, is_one_of};

use crate::{
    click::{Edge, request},
    metrics::ConversionOutcome,
    pages::Page,
    resolve::{Offer, Route},
};

/// What a path is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// `/conv`: of a link or a click.
    Conv,
    /// `/conv/offer`: of an offer, with its secret.
    Offer,
    /// `/pixel/<link_id>.gif`
    Pixel(String),
}

impl Endpoint {
    pub fn parse(path: &str) -> Option<Self> {
        match path {
            "/conv" => Some(Self::Conv),
            "/conv/offer" => Some(Self::Offer),
            _ => {
                let id = path.strip_prefix("/pixel/")?.strip_suffix(".gif")?;
                Some(Self::Pixel(id.to_owned()))
            }
        }
    }
}

/// Answers a request to an endpoint. A pixel is a picture whatever happens: what
/// is wrong with it is counted.
pub async fn handle(mut request: Request, endpoint: Endpoint, edge: &Edge) -> Page {
    let method = request.method().clone();
    let is_pixel = matches!(endpoint, Endpoint::Pixel(_));
    let allowed: &[Method] = match is_pixel {
        true => &[Method::GET, Method::HEAD],
        false => &[Method::GET, Method::POST],
    };
    if !allowed.contains(&method) {
        return answer::method_not_allowed(if is_pixel { "GET, HEAD" } else { "GET, POST" });
    }
    if method == Method::HEAD {
        return answer::pixel();
    }
    let address = edge.recorder.visitors.address(&request);
    let refused_for_s = edge.guard.refuses(address);
    let recorded = async {
        if refused_for_s.is_some() {
            return Err(PostbackError::TooManyAttempts);
        }
        let body = match method == Method::POST {
            true => body::read(&mut request, edge.client_timeout).await?,
            false => Vec::new(),
        };
        let parameters = parameters(&request, &body)?;
        let subject = subject(&request, &endpoint, &parameters, edge).await;
        let has_body = !body.is_empty();
        let checked = match subject {
            Ok(subject) => sender(&request, &endpoint, &subject, &parameters, has_body, edge)
                .await
                .map(|sender| (subject, sender)),
            Err(refused) => Err(refused),
        };
        match &checked {
            Ok((
                Subject::Link {
                    route: Some(route), ..
                },
                _,
            )) => edge.guard.found(address, route.link.link_key),
            Err(refused) => {
                if let Some(missed) = missed(*refused, &endpoint, &parameters) {
                    edge.guard
                        .missed(address, &(request::host(&request), missed));
                }
            }
            Ok(_) => {}
        }
        let (subject, sender) = checked?;
        record::record(&request, address, subject, sender, edge).await
    };
    let recorded = recorded.await;
    let source = match endpoint {
        Endpoint::Conv => "conv",
        Endpoint::Offer => "offer",
        Endpoint::Pixel(_) => "pixel",
    };
    let code = recorded.map_or_else(|refused| refused.status_and_code().1, |_| "accepted");
    edge.metrics.conversion(ConversionOutcome { source, code });
    match recorded {
        _ if is_pixel => answer::pixel(),
        Ok(id) => answer::accepted(id),
        Err(refused) => answer::refused(refused, refused_for_s.unwrap_or(1)),
    }
}

/// What a conversion is of, looked up.
enum Subject {
    Link {
        of: LinkPostback,
        route: Option<Arc<Route>>,
        is_pixel: bool,
    },
    Offer {
        of: OfferPostback,
        offer: Arc<Offer>,
    },
}

/// What never existed, or is a wrong secret, if that is why a conversion was refused.
fn missed<'p>(
    refused: PostbackError,
    endpoint: &'p Endpoint,
    parameters: &'p PostbackParameters<'_>,
) -> Option<[Option<&'p str>; 2]> {
    let pair = |names: [&str; 2]| Some(names.map(|name| parameters.get(name)));
    match refused {
        PostbackError::LinkNotFound => Some([
            match endpoint {
                Endpoint::Pixel(id) => Some(id.as_str()),
                Endpoint::Conv | Endpoint::Offer => parameters.get("link_id"),
            },
            None,
        ]),
        PostbackError::OfferNotFound | PostbackError::InvalidPostbackSecret => {
            pair(["offer_id", "postback_secret"])
        }
        PostbackError::AccountNotFound => Some([parameters.get("account_id"), None]),
        PostbackError::InvalidToken | PostbackError::InvalidSignature => {
            pair(["token", "signature"])
        }
        _ => None,
    }
}

fn parameters<'a>(
    request: &'a Request,
    body: &'a [u8],
) -> Result<PostbackParameters<'a>, PostbackError> {
    let mut parameters = PostbackParameters::default();
    // All of it: what is too long is to be refused and not cut.
    parameters.add_form(request::query(request).as_bytes());
    let content_type = request::value(request.headers(), "content-type").unwrap_or_default();
    if content_type
        .trim_start()
        .to_ascii_lowercase()
        .starts_with("application/json")
    {
        parameters.add_json(body)?;
    } else {
        parameters.add_form(body);
    }
    Ok(parameters)
}

async fn subject(
    request: &Request,
    endpoint: &Endpoint,
    parameters: &PostbackParameters<'_>,
    edge: &Edge,
) -> Result<Subject, PostbackError> {
    let now = jiff::Timestamp::now();
    match endpoint {
        Endpoint::Conv => {
            let of = LinkPostback::from_parameters(parameters, now)?;
            let route = match &of.link {
                Some(name) => Some(find_link(request, name, edge).await?),
                None => None,
            };
            Ok(Subject::Link {
                of,
                route,
                is_pixel: false,
            })
        }
        Endpoint::Pixel(id) => {
            let mut named = PostbackParameters::default();
            let name = format!("link_id={id}");
            named.add_form(name.as_bytes());
            let of = LinkPostback {
                details: domain::postback::ConversionDetails::from_parameters(parameters)?,
                ..LinkPostback::from_parameters(&named, now)?
            };
            let name = of.link.as_ref().ok_or(PostbackError::LinkNotFound)?;
            let route = Some(find_link(request, name, edge).await?);
            Ok(Subject::Link {
                of,
                route,
                is_pixel: true,
            })
        }
        Endpoint::Offer => {
            let id = OfferPostback::offer_id(parameters)?;
            let found = edge.resolver.offer(id).await;
            let offer = found.map_err(|_| PostbackError::Unavailable)?;
            let offer = offer.ok_or(PostbackError::OfferNotFound)?;
            let secret = parameters.get("postback_secret").unwrap_or_default();
            let record = &offer.record;
            let digests = record
                .postback_digests
                .iter()
                .chain(&record.postback_digest);
            if !is_one_of(secret, digests.map(String::as_str)) {
                return Err(PostbackError::InvalidPostbackSecret);
            }
            let of = OfferPostback::from_parameters(parameters)?;
            Ok(Subject::Offer { of, offer })
        }
    }
}

/// Conversions of a link are taken whether or not it still leads anywhere.
async fn find_link(
    request: &Request,
    name: &LinkRef,
    edge: &Edge,
) -> Result<Arc<Route>, PostbackError> {
    let host = request::host(request).ok_or(PostbackError::LinkNotFound)?;
    let route = match name {
        LinkRef::Short(id) => edge.resolver.named(host, id.clone()).await,
        LinkRef::Code(code) => edge.resolver.code(code.clone()).await,
    };
    let route = route.map_err(|_| PostbackError::Unavailable)?;
    route.ok_or(PostbackError::LinkNotFound)
}

/// Who sent a postback, as far as it is proved.
struct Sender {
    /// A secret came with it.
    authenticated: bool,
    /// The account whose secret it was, where no link names it.
    account_id: Option<AccountId>,
}

/// Checks what the link's offer or account wants of postbacks. One that names nothing but a
/// click may name the account, too, to prove itself; else whoever stores it asks for what the
/// click's account wants.
async fn sender(
    request: &Request,
    endpoint: &Endpoint,
    subject: &Subject,
    parameters: &PostbackParameters<'_>,
    has_body: bool,
    edge: &Edge,
) -> Result<Sender, PostbackError> {
    let Subject::Link { of, route, .. } = subject else {
        return Ok(Sender {
            authenticated: true,
            account_id: None,
        });
    };
    let named = match route {
        Some(_) => None,
        None => named_account(parameters, edge).await?,
    };
    let (account, offer) = match route {
        Some(route) => (route.account(), route.offer()),
        None => (named.as_deref(), None),
    };
    let pixel_link_id = match endpoint {
        Endpoint::Pixel(id) => Some(id.as_str()),
        Endpoint::Conv | Endpoint::Offer => None,
    };
    let authenticated = Rule::of(account, offer).check(&Proof {
        token: parameters.get("token"),
        signature: parameters.get("signature"),
        signed_text: signed_text(pixel_link_id, request::query(request)),
        has_body,
    })?;
    let max_amount = account.and_then(|account| account.postback_max_amount);
    if let (Some(revenue), Some(max_amount)) = (of.details.revenue, max_amount)
        && revenue > max_amount
        && !authenticated
    {
        return Err(PostbackError::RevenueTooLarge);
    }
    let account_id = named
        .filter(|_| authenticated)
        .map(|named| named.account_id);
    Ok(Sender {
        authenticated,
        account_id,
    })
}

/// The account that `account_id` names.
async fn named_account(
    parameters: &PostbackParameters<'_>,
    edge: &Edge,
) -> Result<Option<Arc<AccountRecord>>, PostbackError> {
    let Some(text) = parameters.get("account_id") else {
        return Ok(None);
    };
    let id = text.parse().map_err(|_| PostbackError::AccountNotFound)?;
    let account = edge.resolver.account(AccountId(id)).await;
    let account = account.map_err(|_| PostbackError::Unavailable)?;
    account.map(Some).ok_or(PostbackError::AccountNotFound)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_conversions_are_known() {
        let pixel = |id: &str| Some(Endpoint::Pixel(id.to_owned()));
        for (path, expected) in [
            ("/conv", Some(Endpoint::Conv)),
            ("/conv/offer", Some(Endpoint::Offer)),
            ("/pixel/Ab3kX9q.gif", pixel("Ab3kX9q")),
            ("/pixel/.gif", pixel("")),
            ("/pixel/Ab3kX9q", None),
            ("/convert", None),
            ("/Ab3kX9q", None),
        ] {
            assert_eq!(Endpoint::parse(path), expected, "{path}");
        }
    }
}
