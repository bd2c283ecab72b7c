//! Records a conversion: builds its event and appends it to the spool.

use std::{borrow::Cow, net::IpAddr};

use actix_http::{Request, header};
use domain::{
    conversion::{Conversion, ConversionSource},
    event::MAX_USER_AGENT_BYTES,
    id::ConversionId,
    postback::{ConversionDetails, PostbackError},
};
use platform::log_rate_limit::LogRateLimiter;

use super::{authentication::Authentication, target::PostbackTarget};
use crate::{request, state::AppState};

/// Returns the id of the conversion once its event is on disk.
pub async fn record_conversion(
    request: &Request,
    address: IpAddr,
    target: PostbackTarget,
    authentication: Authentication,
    state: &AppState,
) -> Result<ConversionId, PostbackError> {
    let now_ms = jiff::Timestamp::now().as_millisecond();
    let unix_ms = u64::try_from(now_ms).unwrap_or(0);
    let conversion_id = ConversionId::generate(unix_ms, &mut rand::rng());
    let mut line = Vec::with_capacity(512);
    build_event(request, address, conversion_id, &target, &authentication).write_line(&mut line);
    state.spool.record(&line).await.map_err(|error| {
        state.metrics.count_unrecorded_event(error);
        static LOG_LIMIT: LogRateLimiter = LogRateLimiter::new();
        if let Some(suppressed) = LOG_LIMIT.permit() {
            tracing::error!(
                error.message = %error,
                suppressed,
                "conversion refused because it could not be recorded"
            );
        }
        PostbackError::Unavailable
    })?;
    Ok(conversion_id)
}

fn build_event<'a>(
    request: &'a Request,
    address: IpAddr,
    conversion_id: ConversionId,
    target: &'a PostbackTarget,
    authentication: &Authentication,
) -> Conversion<'a> {
    let details = match target {
        PostbackTarget::Link { postback, .. } => &postback.details,
        PostbackTarget::Offer { postback, .. } => &postback.details,
    };
    let ConversionDetails {
        event,
        revenue,
        currency,
        txn_id,
    } = details;
    let mut conversion = Conversion {
        conversion_id,
        source: ConversionSource::Conv,
        event: *event,
        account_id: authentication.account_id,
        click_id: None,
        link_key: None,
        link_id: None,
        offer_id: None,
        campaign_id: None,
        message_id: None,
        contact_phone: None,
        revenue: *revenue,
        currency: Cow::Borrowed(currency),
        txn_id: txn_id.as_deref().map(Cow::Borrowed),
        authenticated: authentication.is_authenticated,
        ip: address,
        user_agent: request::header_text(request, header::USER_AGENT, MAX_USER_AGENT_BYTES),
    };
    match target {
        PostbackTarget::Link {
            postback,
            resolved,
            is_pixel,
        } => {
            conversion.click_id = postback.click_id;
            if *is_pixel {
                conversion.source = ConversionSource::Pixel;
            }
            if let Some(link) = resolved.as_ref().map(|resolved| &resolved.link) {
                conversion.account_id = Some(link.account_id);
                conversion.link_key = Some(link.link_key);
                conversion.link_id = Some(Cow::Borrowed(&link.link_id));
                conversion.offer_id = link.offer_id;
                conversion.campaign_id = link.campaign_id.as_ref().map(Cow::Borrowed);
                conversion.message_id = link.message_id.as_deref().map(Cow::Borrowed);
                conversion.contact_phone = link.contact_phone.as_deref().map(Cow::Borrowed);
            }
        }
        PostbackTarget::Offer { postback, offer } => {
            conversion.source = ConversionSource::Offer;
            conversion.account_id = Some(offer.record.account_id);
            conversion.offer_id = Some(offer.record.offer_id);
            conversion.message_id = postback.message_id.as_deref().map(Cow::Borrowed);
        }
    }
    conversion
}
