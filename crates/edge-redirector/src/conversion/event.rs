//! Records a conversion: builds its event and appends it to the spool.

use std::{borrow::Cow, collections::BTreeMap, net::IpAddr};

use actix_http::{Request, header};
use domain::{
    conversion::{Conversion, ConversionSource},
    dedupe::DedupeFields,
    event::MAX_USER_AGENT_BYTES,
    id::{ClickId, ConversionId},
    postback::{ConversionDetails, Postback, PostbackError, PostbackParameters},
    record::LinkRecord,
};
use platform::log_rate_limit::LogRateLimiter;

use super::{
    authentication::Authentication,
    target::{CouponTarget, PostbackTarget},
};
use crate::{request, state::AppState};

/// A postback that is accepted, with all that its event is made of.
pub struct AcceptedPostback<'p> {
    pub address: IpAddr,
    pub parameters: &'p PostbackParameters<'p>,
    pub postback: &'p Postback<'p>,
    pub target: &'p PostbackTarget,
    pub details: &'p ConversionDetails,
    pub click_id: Option<ClickId>,
    pub message_id: Option<String>,
    pub authentication: Authentication,
}

/// A conversion whose event is on disk.
pub struct RecordedConversion {
    pub id: ConversionId,
    /// The first conversion of the same identity, if this is a repetition of it.
    pub first_id: Option<ConversionId>,
}

/// Returns once the event of the conversion is on disk.
pub async fn record_conversion(
    request: &Request,
    accepted: &AcceptedPostback<'_>,
    state: &AppState,
) -> Result<RecordedConversion, PostbackError> {
    let now_ms = jiff::Timestamp::now().as_millisecond();
    let unix_ms = u64::try_from(now_ms).unwrap_or(0);
    let id = ConversionId::generate(unix_ms, &mut rand::rng());
    let conversion = accepted.build_event(request, id);
    let mut line = Vec::with_capacity(512);
    conversion.write_line(&mut line);
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
    let first_id = accepted.find_first(&conversion, state).await;
    Ok(RecordedConversion { id, first_id })
}

impl AcceptedPostback<'_> {
    fn build_event<'e>(&'e self, request: &'e Request, id: ConversionId) -> Conversion<'e> {
        let details = self.details;
        let mut conversion = Conversion {
            conversion_id: id,
            source: ConversionSource::Conv,
            event: details.event,
            status: details.status,
            account_id: self.authentication.account_id,
            click_id: self.click_id,
            link_key: None,
            link_id: None,
            offer_id: None,
            campaign_id: None,
            message_id: None,
            contact_phone: None,
            coupon: None,
            revenue: details.revenue,
            currency: Cow::Borrowed(&details.currency),
            without_payout: details.without_payout,
            txn_id: details.txn_id.as_deref().map(Cow::Borrowed),
            refund_id: details.refund_id.as_deref().map(Cow::Borrowed),
            request_digest: None,
            flags: details.flags.clone(),
            parameters: BTreeMap::new(),
            authenticated: self.authentication.is_authenticated,
            ip: self.address,
            user_agent: request::header_text(request, header::USER_AGENT, MAX_USER_AGENT_BYTES),
        };
        match self.target {
            PostbackTarget::Link {
                resolved, is_pixel, ..
            } => {
                if *is_pixel {
                    conversion.source = ConversionSource::Pixel;
                }
                if let Some(link) = resolved.as_ref().map(|resolved| &resolved.link) {
                    set_link(&mut conversion, link);
                    // Without a click or transaction, a server is told from the next one by
                    // what it sends. A pixel is loaded by the visitor.
                    let has_identity = self.click_id.is_some() || details.txn_id.is_some();
                    if !has_identity && !is_pixel {
                        let digest = self.parameters.digest();
                        conversion.request_digest = Some(Cow::Owned(digest));
                    }
                }
            }
            PostbackTarget::Offer { offer, .. } => {
                conversion.source = ConversionSource::Offer;
                conversion.account_id = Some(offer.record.account_id);
                conversion.offer_id = Some(offer.record.offer_id);
                conversion.message_id = self.message_id.as_deref().map(Cow::Borrowed);
            }
            PostbackTarget::Coupon(target) => set_coupon(&mut conversion, target),
        }
        if conversion.account_id.is_none() {
            conversion.parameters = self.postback.kept_parameters();
        }
        conversion
    }

    /// The first conversion of the same identity, as far as the identity is known here: not
    /// without the account, not by the visitor's hash, and for a transaction not without the
    /// offer, which may be that of the click.
    async fn find_first(
        &self,
        conversion: &Conversion<'_>,
        state: &AppState,
    ) -> Option<ConversionId> {
        let account_id = conversion.account_id?;
        let names_offer = conversion.link_key.is_some()
            || conversion.offer_id.is_some()
            || conversion.coupon.is_some();
        let is_known = match (&conversion.txn_id, conversion.click_id) {
            (Some(_), _) => names_offer,
            (None, Some(_)) => true,
            (None, None) => conversion.request_digest.is_some(),
        };
        if !is_known {
            return None;
        }
        let offer_id = conversion.offer_id.map(|id| id.to_string());
        let mode = self.postback.mapping().duplicate_mode(conversion.event);
        let identity = DedupeFields {
            conversion_id: conversion.conversion_id,
            event: conversion.event,
            offer_id: offer_id.as_deref(),
            txn_id: conversion.txn_id.as_deref(),
            click_id: conversion.click_id,
            link_key: conversion.link_key,
            request_digest: conversion.request_digest.as_deref(),
            visitor: "",
            refund_id: conversion.refund_id.as_deref(),
            revenue: conversion.revenue,
            stores_repetitions: mode.stores_repetitions(conversion.txn_id.is_some()),
        }
        .identity();
        let first_conversions = &state.first_conversions;
        first_conversions
            .find_or_remember(account_id, &identity, conversion.conversion_id)
            .await
    }
}

/// Gives a conversion the link that it is of.
fn set_link<'e>(conversion: &mut Conversion<'e>, link: &'e LinkRecord) {
    conversion.account_id = Some(link.account_id);
    conversion.link_key = Some(link.link_key);
    conversion.link_id = Some(Cow::Borrowed(&link.link_id));
    conversion.offer_id = link.offer_id;
    conversion.campaign_id = link.campaign_id.as_ref().map(Cow::Borrowed);
    conversion.message_id = link.message_id.as_deref().map(Cow::Borrowed);
    conversion.contact_phone = link.contact_phone.as_deref().map(Cow::Borrowed);
}

/// Gives a conversion the coupon that it is of: its link, and what the coupon says instead of
/// the link.
fn set_coupon<'e>(conversion: &mut Conversion<'e>, target: &'e CouponTarget) {
    if let Some(resolved) = &target.link {
        set_link(conversion, &resolved.link);
    }
    let coupon = &*target.coupon;
    conversion.source = ConversionSource::Coupon;
    conversion.account_id = Some(coupon.account_id);
    conversion.coupon = Some(Cow::Borrowed(&coupon.code));
    conversion.offer_id = coupon.offer_id.or(conversion.offer_id);
    if let Some(phone) = &coupon.contact_phone {
        conversion.contact_phone = Some(Cow::Borrowed(phone));
    }
}
