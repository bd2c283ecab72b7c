//! Answers a request to record a conversion.

use std::net::IpAddr;

use actix_http::{HttpMessage as _, Method, Request};
use domain::postback::{
    ConversionDetails, MappingLayers, Postback, PostbackError, PostbackParameters,
};

use super::{
    authentication::{SignedRequest, authenticate, decrypt_body},
    body,
    endpoint::Endpoint,
    event::{AcceptedPostback, record_conversion},
    facts::PostbackFacts,
    find_target::find_target,
    log::log_postback,
    refusal::Refusal,
    response,
    target::PostbackTarget,
};
use crate::{
    click_lookups::ClickLookup, metrics::ConversionLabels, request, response::EdgeResponse,
    state::AppState,
};

/// The code in metrics of a postback that was answered with success.
const ACCEPTED: &str = "accepted";
const IGNORED: &str = "ignored";

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
    let mut facts = PostbackFacts::default();
    let result = match retry_after_s {
        Some(_) => Err(PostbackError::TooManyAttempts),
        None => verify_and_record(&mut request, &endpoint, address, state, &mut facts).await,
    };
    let error = result.as_ref().err().copied();
    log_postback(&request, facts, error, address, state);
    let code = match &result {
        Ok((code, _)) => code,
        Err(error) => error.status_and_code().1,
    };
    let source = endpoint.source_label();
    let labels = ConversionLabels { source, code };
    state.metrics.count_conversion(labels);
    match result {
        _ if is_pixel => response::pixel(),
        Ok((_, response)) => response,
        Err(error) => response::error(error, retry_after_s.unwrap_or(1)),
    }
}

/// Records the conversion if the request names a target and its sender may do so, and
/// reports the attempt to the enumeration guard. Returns the code for metrics and the response.
async fn verify_and_record(
    request: &mut Request,
    endpoint: &Endpoint,
    address: IpAddr,
    state: &AppState,
    facts: &mut PostbackFacts,
) -> Result<(&'static str, EdgeResponse), PostbackError> {
    let body = match *request.method() == Method::POST {
        true => body::read_limited(request, state.client_timeout).await?,
        false => Vec::new(),
    };
    let request = &*request;
    let refused = |refusal: Refusal| {
        if let Some(attempt) = refusal.attempt {
            let guard = &state.enumeration_guard;
            guard.record_failure(address, &(request::host(request), attempt));
        }
        refusal.error
    };
    let decrypted = decrypt_body(request, endpoint, &body, &state.resolver).await;
    let decrypted = decrypted.map_err(refused)?;
    let read_body = decrypted.as_deref().unwrap_or(&body);
    let path_parameters = endpoint.path_parameters().unwrap_or_default();
    let parameters = parse_parameters(request, &path_parameters, read_body)?;
    let target = find_target(request, endpoint, &parameters, &state.resolver).await;
    let target = target.map_err(|refusal| {
        let found = refusal.found.as_ref();
        let unknown = MappingLayers::new(None, None);
        let mapping = found.map_or(unknown, PostbackTarget::mapping);
        let postback = Postback::new(&parameters, mapping);
        facts.read(&postback, postback.details());
        if let Some(found) = found {
            facts.find(found);
        }
        refused(refusal)
    })?;
    let postback = Postback::new(&parameters, target.mapping());
    let details = postback.details();
    facts.read(&postback, details.clone());
    facts.find(&target);
    let now = jiff::Timestamp::now();
    let signed = SignedRequest::new(request, endpoint, &body, now);
    let authentication = authenticate(&signed, &target, &postback, details.revenue);
    let authentication = authentication.map_err(refused)?;
    facts.authenticate(authentication.is_authenticated, authentication.account_id);
    check_coupon(&target, &details, now)?;
    if let PostbackTarget::Link {
        resolved: Some(resolved),
        ..
    } = &target
    {
        let guard = &state.enumeration_guard;
        guard.record_success(address, resolved.link.link_key);
    }
    let accepted = AcceptedPostback {
        address,
        parameters: &parameters,
        postback: &postback,
        target: &target,
        details: &details,
        // The path of a pixel names the link, and the visitor who loads it is the one who
        // converted.
        click_id: match target {
            PostbackTarget::Link {
                is_pixel: false, ..
            } => postback.click_id(now),
            _ => None,
        },
        message_id: match target {
            PostbackTarget::Offer { .. } => postback.message_id()?,
            PostbackTarget::Link { .. } | PostbackTarget::Coupon(_) => None,
        },
        authentication,
    };
    let (code, response) = if details.is_ignored {
        (IGNORED, response::ignored(&details))
    } else {
        check_txn_id(&accepted)?;
        let (recorded, lookup) = tokio::join!(
            record_conversion(request, &accepted, state),
            look_up_click(&accepted, state)
        );
        facts.find_click(lookup.as_ref());
        let recorded = recorded?;
        facts.record(&recorded);
        let is_pending = lookup == Some(ClickLookup::NotStored);
        (
            ACCEPTED,
            response::accepted(&recorded, &details, is_pending),
        )
    };
    let fixed_response = postback.mapping().response();
    Ok((code, fixed_response.map_or(response, response::fixed)))
}

/// Looks for the click of a postback that names nothing else.
async fn look_up_click(accepted: &AcceptedPostback<'_>, state: &AppState) -> Option<ClickLookup> {
    match accepted.target {
        PostbackTarget::Link { resolved: None, .. } => {
            let click_id = accepted.click_id?;
            state.click_lookups.find(click_id, accepted.address).await
        }
        PostbackTarget::Link { .. } | PostbackTarget::Offer { .. } | PostbackTarget::Coupon(_) => {
            None
        }
    }
}

/// Fails if the coupon of the postback does not take the conversion at this time.
fn check_coupon(
    target: &PostbackTarget,
    details: &ConversionDetails,
    now: jiff::Timestamp,
) -> Result<(), PostbackError> {
    match target {
        PostbackTarget::Coupon(target)
            if !target.coupon.accepts(details.event, details.status, now) =>
        {
            Err(PostbackError::CouponNotActive)
        }
        _ => Ok(()),
    }
}

/// Fails if the postback must name a transaction and does not: for an offer or coupon always,
/// for a link by the account's choice if it names no click either.
fn check_txn_id(accepted: &AcceptedPostback<'_>) -> Result<(), PostbackError> {
    let is_required = match accepted.target {
        PostbackTarget::Offer { .. } | PostbackTarget::Coupon(_) => true,
        PostbackTarget::Link { is_pixel, .. } => {
            let has_click = accepted.click_id.is_some();
            !is_pixel && !has_click && accepted.postback.mapping().requires_txn_id()
        }
    };
    match accepted.details.txn_id {
        None if is_required => Err(PostbackError::MissingTxnId),
        _ => Ok(()),
    }
}

/// The parameters of the path, the query and the body.
fn parse_parameters<'a>(
    request: &'a Request,
    path_parameters: &'a str,
    body: &'a [u8],
) -> Result<PostbackParameters<'a>, PostbackError> {
    let mut parameters = PostbackParameters::default();
    parameters.add_form(path_parameters.as_bytes());
    // The whole query is parsed, unlike that of a click: a conversion with a query that is
    // too long must be refused, not cut.
    parameters.add_form(request::query(request).as_bytes());
    let content_type = request::ascii_header(request.headers(), "content-type");
    parameters.add_body(content_type.unwrap_or_default(), body)?;
    Ok(parameters)
}
