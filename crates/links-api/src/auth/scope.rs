//! What a key may do, and what an account has bought.

use crate::enumeration::enumeration;

enumeration! {
    /// A permission of a key. Each operation requires one; keys are given any number.
    pub enum Scope {
        LinksRead = "links:read",
        LinksWrite = "links:write",
        Creatives = "creatives:*",
        Offers = "offers:*",
        Lists = "lists:*",
        Campaigns = "campaigns:*",
        ReportsRead = "reports:read",
        /// No operation requires it yet. Keys can have it already, so that they need not be
        /// replaced when webhooks come.
        WebhooksManage = "webhooks:manage",
        ConversionsWrite = "conversions:write",
        /// What traffic costs. Reading it needs `reports:read`.
        CostsWrite = "costs:write",
        /// Accounts, keys and exchange rates of the whole installation.
        Admin = "admin",
    }
}

enumeration! {
    /// A product that an account has bought.
    pub enum Product {
        Sms = "sms",
        OfferManagement = "offer_management",
    }
}

impl Product {
    /// The name in a sentence for people.
    pub fn title(self) -> &'static str {
        match self {
            Self::Sms => "SMS",
            Self::OfferManagement => "Offer Management",
        }
    }
}
