//! From a conversion as it was published to the facts that are stored.

use ::store::ledger::conversions::NewConversion;
use domain::{
    attribution::{VisitorHash, VisitorKey},
    conversion::Conversion,
};

pub(super) fn facts(event: &Conversion<'static>, key: &VisitorKey) -> NewConversion {
    let time = event.conversion_id.time();
    let visitor = VisitorHash::of(key, time, event.ip, event.user_agent.as_deref());
    NewConversion {
        conversion_id: event.conversion_id,
        source: event.source,
        event: event.event,
        account_id: event.account_id.map(|id| id.0),
        click_id: event.click_id,
        link_key: event.link_key.map(|key| key.0),
        link_id: event.link_id.as_ref().map(ToString::to_string),
        offer_id: event.offer_id.map(|id| id.to_string()),
        campaign_id: event.campaign_id.as_ref().map(ToString::to_string),
        message_id: event.message_id.as_deref().map(str::to_owned),
        contact_phone: event.contact_phone.as_deref().map(str::to_owned),
        revenue: event.revenue,
        currency: event.currency.clone().into_owned(),
        txn_id: event.txn_id.as_deref().map(str::to_owned),
        visitor: visitor.to_string(),
        customer_email_hash: None,
        metadata: None,
    }
}
