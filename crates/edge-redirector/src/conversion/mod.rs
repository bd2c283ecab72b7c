//! Conversions: `/conv`, `/conv/offer` and `/pixel/<link_id>.gif`. They are
//! recorded as clicks are, in the spool, before they are answered.

mod answer;
mod body;
mod record;

use std::sync::Arc;

use actix_http::{HttpMessage as _, Method, Request};
use domain::postback::{LinkName, OfLink, OfOffer, Parameters, Refused};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

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
            return Err(Refused::TooManyAttempts);
        }
        let body = match method == Method::POST {
            true => body::read(&mut request, edge.client_timeout).await?,
            false => Vec::new(),
        };
        let parameters = parameters(&request, &body)?;
        let subject = subject(&request, &endpoint, &parameters, edge).await;
        match &subject {
            Ok(Subject::Link {
                route: Some(route), ..
            }) => edge.guard.found(address, route.link.link_key),
            Err(
                Refused::LinkNotFound | Refused::OfferNotFound | Refused::InvalidPostbackSecret,
            ) => {
                let host = request::host(&request);
                edge.guard
                    .missed(address, &(host, asked_for(&endpoint, &parameters)));
            }
            _ => {}
        }
        record::record(&request, address, subject?, edge).await
    };
    let recorded = recorded.await;
    let source = match endpoint {
        Endpoint::Conv => "conv",
        Endpoint::Offer => "offer",
        Endpoint::Pixel(_) => "pixel",
    };
    let code = recorded.map_or_else(|refused| refused.row().1, |_| "accepted");
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
        of: OfLink,
        route: Option<Arc<Route>>,
        is_pixel: bool,
    },
    Offer {
        of: OfOffer,
        offer: Arc<Offer>,
    },
}

/// What a request says that may be a guess: the link, or the offer and its secret.
fn asked_for<'p>(endpoint: &'p Endpoint, parameters: &'p Parameters<'_>) -> [Option<&'p str>; 2] {
    match endpoint {
        Endpoint::Conv => [parameters.get("link_id"), None],
        Endpoint::Pixel(id) => [Some(id), None],
        Endpoint::Offer => ["offer_id", "postback_secret"].map(|name| parameters.get(name)),
    }
}

fn parameters<'a>(request: &'a Request, body: &'a [u8]) -> Result<Parameters<'a>, Refused> {
    let mut parameters = Parameters::default();
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
    parameters: &Parameters<'_>,
    edge: &Edge,
) -> Result<Subject, Refused> {
    let now = jiff::Timestamp::now();
    match endpoint {
        Endpoint::Conv => {
            let of = OfLink::read(parameters, now)?;
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
            let mut named = Parameters::default();
            let name = format!("link_id={id}");
            named.add_form(name.as_bytes());
            let of = OfLink {
                details: domain::postback::Details::read(parameters)?,
                ..OfLink::read(&named, now)?
            };
            let name = of.link.as_ref().ok_or(Refused::LinkNotFound)?;
            let route = Some(find_link(request, name, edge).await?);
            Ok(Subject::Link {
                of,
                route,
                is_pixel: true,
            })
        }
        Endpoint::Offer => {
            let id = OfOffer::offer_id(parameters)?;
            let found = edge.resolver.offer(id).await;
            let offer = found.map_err(|_| Refused::Unavailable)?;
            let offer = offer.ok_or(Refused::OfferNotFound)?;
            let secret = parameters.get("postback_secret").unwrap_or_default();
            if !is_secret(secret, offer.record.postback_digest.as_deref()) {
                return Err(Refused::InvalidPostbackSecret);
            }
            let of = OfOffer::read(parameters)?;
            Ok(Subject::Offer { of, offer })
        }
    }
}

/// Conversions of a link are taken whether or not it still leads anywhere.
async fn find_link(request: &Request, name: &LinkName, edge: &Edge) -> Result<Arc<Route>, Refused> {
    let host = request::host(request).ok_or(Refused::LinkNotFound)?;
    let route = match name {
        LinkName::Short(id) => edge.resolver.named(host, id.clone()).await,
        LinkName::Code(code) => edge.resolver.code(code.clone()).await,
    };
    let route = route.map_err(|_| Refused::Unavailable)?;
    route.ok_or(Refused::LinkNotFound)
}

/// In constant time. An offer without a secret takes none.
fn is_secret(given: &str, digest: Option<&str>) -> bool {
    let Some(digest) = digest else { return false };
    let given: String = Sha256::digest(given)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    given.as_bytes().ct_eq(digest.as_bytes()).into()
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

    #[test]
    fn an_offer_without_a_secret_takes_none() {
        let digest = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";
        assert!(is_secret("secret", Some(digest)));
        assert!(!is_secret("Secret", Some(digest)));
        assert!(!is_secret("", Some(digest)));
        assert!(!is_secret("", None));
        assert!(!is_secret("secret", None));
    }
}
