//! What a user may do in an account.

use super::scope::Scope;
use crate::enumeration::enumeration;

enumeration! {
    /// The role of a user in an account.
    pub enum Role {
        Owner = "owner",
        Manager = "manager",
        Analyst = "analyst",
        ReadOnly = "read_only",
    }
}

impl Role {
    /// The scopes that the user has in the account, as an API key would have them.
    pub fn scopes(self) -> &'static [Scope] {
        match self {
            Self::Owner => &[Scope::All],
            Self::Manager => &[
                Scope::Links,
                Scope::Creatives,
                Scope::Offers,
                Scope::Lists,
                Scope::Campaigns,
                Scope::ReportsRead,
                Scope::ContactsRead,
                Scope::AuditRead,
                Scope::WebhooksManage,
                Scope::ConversionsWrite,
                Scope::CostsWrite,
            ],
            Self::Analyst => &[
                Scope::LinksRead,
                Scope::CreativesRead,
                Scope::OffersRead,
                Scope::ListsRead,
                Scope::CampaignsRead,
                Scope::ReportsRead,
                Scope::ContactsRead,
            ],
            Self::ReadOnly => &[
                Scope::LinksRead,
                Scope::CreativesRead,
                Scope::OffersRead,
                Scope::ListsRead,
                Scope::CampaignsRead,
                Scope::ReportsRead,
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::enumeration::Enumeration as _;

    /// The scopes that operations require, each with whether the operation only reads.
    #[rstest]
    #[case("links:read", true, [true, true, true, true])]
    #[case("links:write", false, [true, true, false, false])]
    #[case("offers:*", true, [true, true, true, true])]
    #[case("offers:*", false, [true, true, false, false])]
    #[case("creatives:*", false, [true, true, false, false])]
    #[case("lists:*", true, [true, true, true, true])]
    #[case("lists:*", false, [true, true, false, false])]
    #[case("campaigns:*", false, [true, true, false, false])]
    #[case("reports:read", true, [true, true, true, true])]
    #[case("contacts:read", true, [true, true, true, false])]
    #[case("conversions:write", false, [true, true, false, false])]
    #[case("costs:write", false, [true, true, false, false])]
    #[case("audit:read", true, [true, true, false, false])]
    #[case("keys:*", true, [true, false, false, false])]
    #[case("keys:*", false, [true, false, false, false])]
    #[case("users:*", true, [true, false, false, false])]
    #[case("users:*", false, [true, false, false, false])]
    #[case("admin", true, [false, false, false, false])]
    fn roles_grant_what_their_names_say(
        #[case] required: &str,
        #[case] reads: bool,
        #[case] expected: [bool; 4],
    ) {
        let required = Scope::parse(required).unwrap();
        let granted = ["owner", "manager", "analyst", "read_only"].map(|name| {
            let scopes = Role::parse(name).unwrap().scopes();
            scopes.iter().any(|scope| scope.grants(required, reads))
        });
        assert_eq!(granted, expected);
    }
}
