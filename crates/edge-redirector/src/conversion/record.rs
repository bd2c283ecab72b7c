//! Puts a conversion into the spool.

use std::{borrow::Cow, net::IpAddr};

use actix_http::{Request, header};
use domain::{
    conversion::{Conversion, ConversionSource},
    event::MAX_USER_AGENT_BYTES,
    id::ConversionId,
    postback::{ConversionDetails, PostbackError},
};
use platform::log_rate_limit::LogRateLimiter;

use super::{Sender, Subject};
use crate::click::{Edge, request};

/// Answers its id once it is on disk.
pub(super) async fn record(
    request: &Request,
    address: IpAddr,
    subject: Subject,
    sender: Sender,
    edge: &Edge,
) -> Result<ConversionId, PostbackError> {
    let now_ms = jiff::Timestamp::now().as_millisecond();
    let unix_ms = u64::try_from(now_ms).unwrap_or(0);
    let conversion_id = ConversionId::generate(unix_ms, &mut rand::rng());
    let mut line = Vec::with_capacity(512);
    conversion(request, address, conversion_id, &subject, &sender).write_line(&mut line);
    let recorded = edge.recorder.spool.record(&line).await;
    recorded.map_err(|reason| {
        edge.metrics.not_recorded(reason);
        static LOG_LIMIT: LogRateLimiter = LogRateLimiter::new();
        if let Some(suppressed) = LOG_LIMIT.permit() {
            tracing::error!(reason = %reason, suppressed, "a conversion was refused: it cannot be recorded");
        }
        PostbackError::Unavailable
    })?;
    Ok(conversion_id)
}

fn conversion<'a>(
    request: &'a Request,
    address: IpAddr,
    conversion_id: ConversionId,
    subject: &'a Subject,
    sender: &Sender,
) -> Conversion<'a> {
    let details = match subject {
        Subject::Link { of, .. } => &of.details,
        Subject::Offer { of, .. } => &of.details,
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
        account_id: sender.account_id,
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
        authenticated: sender.authenticated,
        ip: address,
        user_agent: request::text(request, header::USER_AGENT, MAX_USER_AGENT_BYTES),
    };
    match subject {
        Subject::Link {
            of,
            route,
            is_pixel,
        } => {
            conversion.click_id = of.click_id;
            if *is_pixel {
                conversion.source = ConversionSource::Pixel;
            }
            if let Some(link) = route.as_ref().map(|route| &route.link) {
                conversion.account_id = Some(link.account_id);
                conversion.link_key = Some(link.link_key);
                conversion.link_id = Some(Cow::Borrowed(&link.link_id));
                conversion.offer_id = link.offer_id;
                conversion.campaign_id = link.campaign_id.as_ref().map(Cow::Borrowed);
                conversion.message_id = link.message_id.as_deref().map(Cow::Borrowed);
                conversion.contact_phone = link.contact_phone.as_deref().map(Cow::Borrowed);
            }
        }
        Subject::Offer { of, offer } => {
            conversion.source = ConversionSource::Offer;
            conversion.account_id = Some(offer.record.account_id);
            conversion.offer_id = Some(offer.record.offer_id);
            conversion.message_id = of.message_id.as_deref().map(Cow::Borrowed);
        }
    }
    conversion
}
