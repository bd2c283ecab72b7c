//! Answers a request to record a conversion.

use std::net::IpAddr;

use actix_http::{HttpMessage as _, Method, Request};
use domain::{
    id::ConversionId,
    postback::{PostbackError, PostbackParameters},
};

use super::{
    authentication::{Authentication, authenticate},
    body,
    endpoint::Endpoint,
    event::record_conversion,
    response,
    target::{PostbackTarget, find_target},
};
use crate::{metrics::ConversionLabels, request, response::EdgeResponse, state::AppState};

/// A pixel is always answered with the image: its errors are only counted.
pub async fn handle(mut request: Request, endpoint: Endpoint, state: &AppState) -> EdgeResponse {
    let method = request.method();
    let is_pixel = endpoint.pixel_link_id().is_some();
    match (is_pixel, method) {
        (true, &Method::GET) | (false, &Method::GET | &Method::POST) => {}
        (true, &Method::HEAD) => return response::pixel(),
        (true, _) => return response::method_not_allowed("GET, HEAD"),
        (false, _) => return response::method_not_allowed("GET, POST"),
    }
    let address = state.visitor_detector.client_address(&request);
    let retry_after_s = state.enumeration_guard.retry_after(address);
    let result = match retry_after_s {
        Some(_) => Err(PostbackError::TooManyAttempts),
        None => verify_and_record(&mut request, &endpoint, address, state).await,
    };
    let code = result.map_or_else(|error| error.status_and_code().1, |_| "accepted");
    let source = endpoint.source_label();
    let labels = ConversionLabels { source, code };
    state.metrics.count_conversion(labels);
    match result {
        _ if is_pixel => response::pixel(),
        Ok(id) => response::accepted(id),
        Err(error) => response::error(error, retry_after_s.unwrap_or(1)),
    }
}

/// Records the conversion if the request names a target and its sender may do so, and
/// reports the attempt to the enumeration guard.
async fn verify_and_record(
    request: &mut Request,
    endpoint: &Endpoint,
    address: IpAddr,
    state: &AppState,
) -> Result<ConversionId, PostbackError> {
    let body = match *request.method() == Method::POST {
        true => body::read_limited(request, state.client_timeout).await?,
        false => Vec::new(),
    };
    let request = &*request;
    let parameters = parse_parameters(request, &body)?;
    let has_body = !body.is_empty();
    let verified = verify(request, endpoint, &parameters, has_body, state).await;
    let guard = &state.enumeration_guard;
    match &verified {
        Ok((PostbackTarget::Link { resolved, .. }, _)) => {
            if let Some(resolved) = resolved {
                guard.record_success(address, resolved.link.link_key);
            }
        }
        Ok((PostbackTarget::Offer { .. }, _)) => {}
        Err(error) => {
            if let Some(attempt) = failed_attempt(*error, endpoint, &parameters) {
                guard.record_failure(address, &(request::host(request), attempt));
            }
        }
    }
    let (target, authentication) = verified?;
    record_conversion(request, address, target, authentication, state).await
}

async fn verify(
    request: &Request,
    endpoint: &Endpoint,
    parameters: &PostbackParameters<'_>,
    has_body: bool,
    state: &AppState,
) -> Result<(PostbackTarget, Authentication), PostbackError> {
    let resolver = &*state.resolver;
    let target = find_target(request, endpoint, parameters, resolver).await?;
    let authentication =
        authenticate(request, endpoint, &target, parameters, has_body, resolver).await?;
    Ok((target, authentication))
}

/// The parameters of the query and of the body, which is JSON or a form.
fn parse_parameters<'a>(
    request: &'a Request,
    body: &'a [u8],
) -> Result<PostbackParameters<'a>, PostbackError> {
    let mut parameters = PostbackParameters::default();
    // The whole query is parsed, unlike that of a click: a conversion with a query that is
    // too long must be refused, not cut.
    parameters.add_form(request::query(request).as_bytes());
    let content_type = request::ascii_header(request.headers(), "content-type");
    let content_type = content_type.unwrap_or_default().trim_start();
    let is_json = content_type
        .to_ascii_lowercase()
        .starts_with("application/json");
    if is_json {
        parameters.add_json(body)?;
    } else {
        parameters.add_form(body);
    }
    Ok(parameters)
}

/// The unknown id or wrong secret that the request was refused for; `None` if it was refused
/// for another reason.
fn failed_attempt<'p>(
    error: PostbackError,
    endpoint: &'p Endpoint,
    parameters: &'p PostbackParameters<'_>,
) -> Option<[Option<&'p str>; 2]> {
    let pair = |names: [&str; 2]| Some(names.map(|name| parameters.get(name)));
    match error {
        PostbackError::LinkNotFound => {
            let pixel_link_id = endpoint.pixel_link_id();
            Some([pixel_link_id.or_else(|| parameters.get("link_id")), None])
        }
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
