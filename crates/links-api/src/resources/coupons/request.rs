//! The body of a coupon, and the rules of its fields.

use domain::{coupon::CouponCode, id::OfferId};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    db::{coupons::CouponFields, links, offers},
    error::ApiError,
    fields::{PhoneNumber, Text, non_empty, timestamp, update_status},
    http::{RequestBody, RequestContext},
};

/// Creating a coupon takes all fields into account, updating it those that are given.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct CouponRequest {
    /// 1 to 64 of A-Z, a-z, 0-9, _, - and . in upper or lower case. Required.
    #[schemars(extend("pattern" = "^[A-Za-z0-9_.-]{0,64}$"))]
    code: Option<Text>,
    /// The offer of its conversions; by default that of the link.
    offer_id: Option<Text>,
    /// The link that its conversions are of: its short id, or the lnk_... of a campaign link.
    link_id: Option<Text>,
    /// The host of the link's short domain, if several domains have a link of this id.
    domain: Option<Text>,
    /// The contact of its conversions, in E.164; by default that of the link.
    #[schemars(extend("pattern" = r"^(\+[1-9][0-9]{6,14})?$"))]
    contact_phone: Option<Text>,
    /// active or paused. A paused coupon takes no sales, but refunds of earlier ones.
    #[schemars(extend("enum" = ["active", "paused", "", null]))]
    status: Option<Text>,
    /// The time from which on it is valid.
    #[schemars(extend("format" = "date-time"))]
    valid_from: Option<Text>,
    /// The time from which on it is not valid any more.
    #[schemars(extend("format" = "date-time"))]
    valid_until: Option<Text>,
}

impl RequestBody for CouponRequest {}

impl CouponRequest {
    /// Updates the fields that are given, and validates all that are required.
    pub async fn apply(
        &self,
        context: RequestContext<'_>,
        fields: &mut CouponFields,
    ) -> Result<(), ApiError> {
        let code = self.code.as_ref().map_or(&*fields.code, Text::as_str);
        let code = CouponCode::parse(code.trim()).ok_or_else(|| {
            ApiError::invalid_field("code", "it is not 1 to 64 of A-Z, a-z, 0-9, _, - and .")
        })?;
        fields.code = code.to_string();
        update_status(&mut fields.status, &self.status)?;
        if self.contact_phone.is_some() {
            fields.contact_phone = match non_empty(&self.contact_phone) {
                None => None,
                Some(phone) => {
                    let phone = PhoneNumber::parse(phone);
                    let phone = phone.ok_or(ApiError::InvalidPhone("contact_phone"))?;
                    Some(phone.as_str().to_owned())
                }
            };
        }
        update_time(&mut fields.valid_from, &self.valid_from, "valid_from")?;
        update_time(&mut fields.valid_until, &self.valid_until, "valid_until")?;
        if let (Some(from), Some(until)) = (fields.valid_from, fields.valid_until)
            && until <= from
        {
            let problem = "it is not later than valid_from";
            return Err(ApiError::invalid_field("valid_until", problem));
        }
        if self.offer_id.is_some() {
            fields.offer_id = self.find_offer(context).await?;
        }
        if self.link_id.is_some() {
            fields.link_key = self.find_link(context).await?;
        }
        let has_target = fields.offer_id.is_some()
            || fields.link_key.is_some()
            || fields.contact_phone.is_some();
        has_target
            .then_some(())
            .ok_or(ApiError::MissingCouponTarget)
    }

    async fn find_offer(&self, context: RequestContext<'_>) -> Result<Option<String>, ApiError> {
        let Some(text) = non_empty(&self.offer_id) else {
            return Ok(None);
        };
        let not_found = || ApiError::NotFound("offer");
        let id = OfferId::parse(text).map_err(|_| not_found())?.to_string();
        let account_id = context.caller.account_id;
        let ids = std::slice::from_ref(&id);
        let found = offers::find_existing(context.db, account_id, ids).await?;
        found.into_iter().next().map(Some).ok_or_else(not_found)
    }

    async fn find_link(&self, context: RequestContext<'_>) -> Result<Option<i64>, ApiError> {
        let Some(text) = non_empty(&self.link_id) else {
            return Ok(None);
        };
        let host = non_empty(&self.domain).and_then(domain::host::normalise);
        let keys =
            links::find_keys_on_host(context.db, context.caller.account_id, text, host.as_deref());
        match &keys.await?[..] {
            [] => Err(ApiError::NotFound("link")),
            [key] => Ok(Some(*key)),
            _ => Err(ApiError::AmbiguousLinkId),
        }
    }
}

/// Updates a time. An absent text leaves it as it is, an empty one clears it.
fn update_time(
    current: &mut Option<jiff::Timestamp>,
    new: &Option<Text>,
    field: &'static str,
) -> Result<(), ApiError> {
    let Some(text) = new else {
        return Ok(());
    };
    *current = match text.as_str() {
        "" => None,
        text => {
            let time = timestamp::parse(text)
                .ok_or_else(|| ApiError::invalid_field(field, timestamp::NOT_A_TIME))?;
            // Postgres stores microseconds, and the response has what is stored.
            let time = jiff::Timestamp::from_microsecond(time.as_microsecond());
            Some(time.map_err(ApiError::internal)?)
        }
    };
    Ok(())
}
