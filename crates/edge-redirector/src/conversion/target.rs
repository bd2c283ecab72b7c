//! What a conversion is for: a link, an offer or a coupon, with its account.

use std::sync::Arc;

use domain::{
    postback::MappingLayers,
    record::{AccountRecord, CouponRecord, OfferRecord},
};

use crate::resolve::{ParsedOffer, ResolvedLink};

pub enum PostbackTarget {
    Link {
        /// `None` if the postback names only a click.
        resolved: Option<Arc<ResolvedLink>>,
        /// The account of the parameter `account_id`, if no link tells the account.
        named_account: Option<Arc<AccountRecord>>,
        is_pixel: bool,
    },
    Offer {
        offer: Arc<ParsedOffer>,
        account: Option<Arc<AccountRecord>>,
    },
    Coupon(CouponTarget),
}

/// A coupon, and what is behind its code.
pub struct CouponTarget {
    pub coupon: Arc<CouponRecord>,
    pub account: Arc<AccountRecord>,
    pub link: Option<Arc<ResolvedLink>>,
    /// The coupon's own offer.
    pub offer: Option<Arc<ParsedOffer>>,
}

impl CouponTarget {
    /// The coupon's own offer, or else that of its link.
    pub fn offer(&self) -> Option<&OfferRecord> {
        let own_offer = self.offer.as_deref().map(|offer| &offer.record);
        own_offer.or_else(|| self.link.as_deref()?.offer())
    }
}

impl PostbackTarget {
    /// The account that the target belongs to, or else the one that the postback names.
    pub fn account(&self) -> Option<&AccountRecord> {
        match self {
            Self::Link {
                resolved: Some(resolved),
                ..
            } => resolved.account(),
            Self::Link { named_account, .. } => named_account.as_deref(),
            Self::Offer { account, .. } => account.as_deref(),
            Self::Coupon(target) => Some(&target.account),
        }
    }

    pub fn offer(&self) -> Option<&OfferRecord> {
        match self {
            Self::Link { resolved, .. } => resolved.as_deref()?.offer(),
            Self::Offer { offer, .. } => Some(&offer.record),
            Self::Coupon(target) => target.offer(),
        }
    }

    /// The mappings by which the postback is read.
    pub fn mapping(&self) -> MappingLayers<'_> {
        mapping(self.offer(), self.account())
    }
}

/// The mappings by which a postback for an offer or an account is read.
pub fn mapping<'r>(
    offer: Option<&'r OfferRecord>,
    account: Option<&'r AccountRecord>,
) -> MappingLayers<'r> {
    MappingLayers::new(
        offer.and_then(|offer| offer.postback_mapping.as_ref()),
        account.and_then(|account| account.postback_mapping.as_ref()),
    )
    .with_default_currency(account.and_then(|account| account.default_currency.as_deref()))
}
