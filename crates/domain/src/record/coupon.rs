//! The record of a coupon.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    conversion::{ConversionStatus, EventType},
    coupon::CouponCode,
    id::{AccountId, CouponId, OfferId, ShortId},
};

/// A coupon code, and what its conversions are for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CouponRecord {
    pub coupon_id: CouponId,
    pub account_id: AccountId,
    pub code: CouponCode,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offer_id: Option<OfferId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<CouponLink>,
    /// The phone number of the contact in E.164 whose code it is, unless it is the link's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact_phone: Option<String>,
    pub status: CouponStatus,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<Timestamp>,
    /// The time from which on it is not valid any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Timestamp>,
    #[serde(default)]
    pub version: i64,
}

/// The link of a coupon, by the name under which its record is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CouponLink {
    /// The host of the short domain, normalised.
    pub short_host: String,
    pub link_id: ShortId,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CouponStatus {
    Active,
    Paused,
}

impl CouponRecord {
    /// Whether it takes a conversion that arrives at `now`. What takes back an earlier
    /// conversion is taken at any time: otherwise a refund after the end would be lost.
    pub fn accepts(&self, event: EventType, status: ConversionStatus, now: Timestamp) -> bool {
        let takes_back = event.is_reversal()
            || matches!(
                status,
                ConversionStatus::Rejected | ConversionStatus::Reversed
            );
        let has_begun = self.valid_from.is_none_or(|from| from <= now);
        let has_ended = self.valid_until.is_some_and(|until| until <= now);
        takes_back || (self.status == CouponStatus::Active && has_begun && !has_ended)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn time(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[rstest]
    #[case::from_its_start(100, CouponStatus::Active, "sale", "approved", true)]
    #[case::before_its_start(99, CouponStatus::Active, "sale", "approved", false)]
    #[case::before_its_end(199, CouponStatus::Active, "lead", "pending", true)]
    #[case::from_its_end(200, CouponStatus::Active, "sale", "approved", false)]
    #[case::while_paused(150, CouponStatus::Paused, "sale", "approved", false)]
    #[case::refund(999, CouponStatus::Paused, "refund", "approved", true)]
    #[case::chargeback(999, CouponStatus::Active, "chargeback", "approved", true)]
    #[case::rejected(999, CouponStatus::Active, "sale", "rejected", true)]
    #[case::reversed(999, CouponStatus::Active, "sale", "reversed", true)]
    #[case::pending(999, CouponStatus::Active, "sale", "pending", false)]
    fn a_coupon_takes_sales_while_it_is_valid_and_refunds_always(
        #[case] second: i64,
        #[case] status: CouponStatus,
        #[case] event: &str,
        #[case] conversion_status: &str,
        #[case] expected: bool,
    ) {
        let coupon = CouponRecord {
            coupon_id: CouponId(5),
            account_id: AccountId(1),
            code: CouponCode::parse("SUMMER10").unwrap(),
            offer_id: None,
            link: None,
            contact_phone: Some("+18005550100".to_owned()),
            status,
            valid_from: Some(time(100)),
            valid_until: Some(time(200)),
            version: 0,
        };
        let event = EventType::from_name(event).unwrap();
        let conversion_status = ConversionStatus::parse(conversion_status).unwrap();
        let accepts = coupon.accepts(event, conversion_status, time(second));
        assert_eq!(accepts, expected);
    }
}
