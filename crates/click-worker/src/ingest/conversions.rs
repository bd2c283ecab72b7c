//! From the event of a conversion to the facts that are stored.

use std::net::{IpAddr, Ipv6Addr};

use domain::{
    conversion::Conversion,
    visitor::{VisitorHash, VisitorHashKey},
};
use ledger::conversions::NewConversion;

pub(super) fn conversion_facts(event: &Conversion<'static>, key: &VisitorHashKey) -> NewConversion {
    let time = event.conversion_id.time();
    let visitor = VisitorHash::new(key, time, event.ip, event.user_agent.as_deref());
    let has_no_account = event.account_id.is_none();
    let address_key = || VisitorHash::new(key, time, network(event.ip), None).to_string();
    NewConversion {
        conversion_id: event.conversion_id,
        source: event.source,
        event: event.event,
        status: event.status,
        account_id: event.account_id.map(|id| id.0),
        click_id: event.click_id,
        link_key: event.link_key.map(|key| key.0),
        link_id: event.link_id.as_ref().map(ToString::to_string),
        offer_id: event.offer_id.map(|id| id.to_string()),
        campaign_id: event.campaign_id.as_ref().map(ToString::to_string),
        message_id: event.message_id.as_deref().map(str::to_owned),
        contact_phone: event.contact_phone.as_deref().map(str::to_owned),
        coupon: event.coupon.as_ref().map(ToString::to_string),
        revenue: event.revenue,
        currency: event.currency.clone().into_owned(),
        without_payout: event.without_payout,
        txn_id: event.txn_id.as_deref().map(str::to_owned),
        refund_id: event.refund_id.as_deref().map(str::to_owned),
        request_digest: event.request_digest.as_deref().map(str::to_owned),
        flags: event.flags.clone(),
        parameters: event
            .parameters
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect(),
        authenticated: event.is_authenticated(),
        visitor: visitor.to_string(),
        address_key: has_no_account.then(address_key),
        customer_email_hash: None,
        metadata: None,
        history: Vec::new(),
        import: None,
    }
}

/// The address that stands for one sender. One customer has 2^64 addresses of IPv6, a /64
/// network.
fn network(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX)).into(),
        ip => ip,
    }
}
