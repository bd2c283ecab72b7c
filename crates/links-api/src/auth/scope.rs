//! What a key may do, and what an account has bought.

use crate::enumeration::{Enumeration as _, enumeration};

enumeration! {
    /// A permission of a key. Each operation requires one; keys are given any number. See
    /// [`Scope::grants`] for the wildcards.
    pub enum Scope {
        LinksRead = "links:read",
        LinksWrite = "links:write",
        Links = "links:*",
        CreativesRead = "creatives:read",
        Creatives = "creatives:*",
        OffersRead = "offers:read",
        Offers = "offers:*",
        ListsRead = "lists:read",
        Lists = "lists:*",
        CampaignsRead = "campaigns:read",
        Campaigns = "campaigns:*",
        /// Everything that an account can read.
        AllRead = "*:read",
        /// Everything that an account can do.
        All = "*",
        ReportsRead = "reports:read",
        /// The audit trail.
        AuditRead = "audit:read",
        /// The numbers of contacts, for users: keys see them with `reports:read`.
        ContactsRead = "contacts:read",
        UsersRead = "users:read",
        /// The account's users and invitations: nobody gets a role that can do more than the one
        /// that gives it.
        Users = "users:*",
        KeysRead = "keys:read",
        /// The account's own API keys: each has at most the scopes of the one that creates it.
        Keys = "keys:*",
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

impl Scope {
    /// Whether a key with this scope can do what requires the scope `required`. `reads` is
    /// whether it only reads.
    pub fn grants(self, required: Self, reads: bool) -> bool {
        if self == required {
            return true;
        }
        // No wildcard of an account is a permission for the whole installation.
        if required == Self::Admin {
            return false;
        }
        match self {
            Self::All => true,
            Self::AllRead => reads,
            _ => {
                self.resource() == required.resource()
                    && match self.access() {
                        "*" => true,
                        "read" => reads,
                        _ => false,
                    }
            }
        }
    }

    /// Whether it grants nothing but reading.
    pub fn only_reads(self) -> bool {
        self.access() == "read"
    }

    /// `links` of `links:read`.
    fn resource(self) -> &'static str {
        self.name().split(':').next().unwrap_or_default()
    }

    /// `read` of `links:read`.
    fn access(self) -> &'static str {
        self.name().split(':').nth(1).unwrap_or_default()
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

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("links:read", "links:read", true, true)]
    #[case("links:write", "links:write", false, true)]
    #[case("links:read", "links:write", false, false)]
    #[case("links:write", "links:read", true, false)]
    #[case("links:*", "links:write", false, true)]
    #[case("links:*", "links:read", true, true)]
    #[case("links:*", "lists:*", true, false)]
    #[case::a_resource_with_one_scope("lists:read", "lists:*", true, true)]
    #[case("lists:read", "lists:*", false, false)]
    #[case("*:read", "reports:read", true, true)]
    #[case("*:read", "offers:*", true, true)]
    #[case("*:read", "offers:*", false, false)]
    #[case("*", "conversions:write", false, true)]
    #[case("*", "admin", true, false)]
    #[case("*:read", "admin", true, false)]
    #[case("admin", "links:read", true, false)]
    fn a_scope_grants_what_its_name_says(
        #[case] scope: &str,
        #[case] required: &str,
        #[case] reads: bool,
        #[case] expected: bool,
    ) {
        let [scope, required] = [scope, required].map(|name| Scope::parse(name).unwrap());
        assert_eq!(scope.grants(required, reads), expected);
    }

    #[rstest]
    #[case("links:read", "links:read", true)]
    #[case("links:*", "links:read", true)]
    #[case("links:*", "links:write", true)]
    #[case("links:read", "links:*", false)]
    #[case("links:read", "*:read", false)]
    #[case("*:read", "links:read", true)]
    #[case("*:read", "links:*", false)]
    #[case("*:read", "*", false)]
    #[case("*", "*:read", true)]
    #[case("*", "keys:*", true)]
    #[case("*", "admin", false)]
    #[case("admin", "*", false)]
    fn a_scope_covers_what_it_grants(
        #[case] scope: &str,
        #[case] other: &str,
        #[case] expected: bool,
    ) {
        let [scope, other] = [scope, other].map(|name| Scope::parse(name).unwrap());
        assert_eq!(scope.grants(other, other.only_reads()), expected);
    }
}
