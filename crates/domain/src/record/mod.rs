//! Records: what redirectors must know of links, offers, campaigns, lists, coupons and
//! accounts, as links-api writes it to Redis and serves it as the origin. Each of them has a record of its
//! own, so that a change to an offer changes one record and not those of a million links.

mod account;
mod campaign;
mod channel;
mod coupon;
mod key;
mod link;
mod list;
mod offer;
mod stored_click;

pub use self::{
    account::{AccountRecord, AccountStatus},
    campaign::{CampaignRecord, CampaignStatus},
    channel::{CHANGES_CHANNEL, ChannelMessage, RecordChange},
    coupon::{CouponLink, CouponRecord, CouponStatus},
    key::RecordKey,
    link::{CodeUrl, DefaultParameters, LinkRecord, LinkStatus, TrackerUrl},
    list::ListRecord,
    offer::{OfferRecord, OfferStatus},
    stored_click::StoredClick,
};

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::id::{AccountId, ListId, OfferId};

    /// An active offer without any optional value.
    pub fn minimal_offer() -> OfferRecord {
        OfferRecord {
            offer_id: OfferId::parse("6789abcd1234ef5678901234").unwrap(),
            account_id: AccountId(1),
            destination: "https://e.com".into(),
            external_id: None,
            affiliate_id: None,
            fallback_url: None,
            filter_bots: None,
            interstitial: None,
            postback_digest: None,
            postback_digests: Vec::new(),
            postbacks: None,
            postback_keys: Vec::new(),
            postback_mapping: None,
            status: OfferStatus::Active,
            version: 0,
        }
    }

    /// A list without any optional value.
    pub fn minimal_list() -> ListRecord {
        ListRecord {
            list_id: ListId(42),
            account_id: AccountId(1),
            collapse_hops: false,
            fallback_url: None,
            interstitial: None,
            version: 0,
        }
    }
}
