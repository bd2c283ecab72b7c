//! The kinds of objects that changes are of.

use crate::enumeration::enumeration;

enumeration! {
    /// What a row of the audit trail is about.
    pub enum ObjectKind {
        Account = "account",
        AffiliateLink = "affiliate_link",
        ApiKey = "api_key",
        Campaign = "campaign",
        Click = "click",
        Contact = "contact",
        Conversion = "conversion",
        Cost = "cost",
        Coupon = "coupon",
        Creative = "creative",
        Domain = "domain",
        ExchangeRate = "exchange_rate",
        Invitation = "invitation",
        Link = "link",
        List = "list",
        Message = "message",
        Offer = "offer",
        /// Of `click-worker parked`.
        ParkedEvent = "parked_event",
        PartnershipOffer = "partnership_offer",
        Session = "session",
        /// Of `click-worker recount --repair`.
        Totals = "totals",
        User = "user",
    }
}
