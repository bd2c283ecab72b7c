//! The macros and their names.

/// A macro. Aliases are one variant: `{transaction_id}` is [`Macro::ClickId`] and `{{sendId}}` is
/// [`Macro::MessageId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Macro {
    ClickId,
    AffiliateId,
    OfferId,
    ExternalId,
    AccountId,
    /// `sub1` to `sub5`, counted from 0.
    Sub(u8),
    Source,
    Creative,
    Cost,
    Ip,
    UserAgent,
    Datetime,
    Timestamp,
    CountryCode,
    LinkId,
    MessageId,
    ListId,
    ContactPhone,
    Device,
    Os,
    Browser,
    Referrer,
}

impl Macro {
    /// The parameters that are appended to a template without a macro of the click, in this
    /// order.
    pub(super) const APPENDED_PARAMETERS: [(&'static str, Macro); 7] = [
        ("click_id", Macro::ClickId),
        ("sub1", Macro::Sub(0)),
        ("sub2", Macro::Sub(1)),
        ("sub3", Macro::Sub(2)),
        ("sub4", Macro::Sub(3)),
        ("sub5", Macro::Sub(4)),
        ("source", Macro::Source),
    ];

    /// The macro that is written `{name}`. Upper and lower case differ.
    pub fn parse_single_braces(name: &str) -> Option<Self> {
        Some(match name {
            "click_id" | "transaction_id" => Macro::ClickId,
            "affiliate_id" => Macro::AffiliateId,
            "offer_id" => Macro::OfferId,
            "account_id" => Macro::AccountId,
            "sub1" => Macro::Sub(0),
            "sub2" => Macro::Sub(1),
            "sub3" => Macro::Sub(2),
            "sub4" => Macro::Sub(3),
            "sub5" => Macro::Sub(4),
            "source" => Macro::Source,
            "creative" => Macro::Creative,
            "cost" => Macro::Cost,
            "ip" => Macro::Ip,
            "user_agent" => Macro::UserAgent,
            "datetime" => Macro::Datetime,
            "timestamp" => Macro::Timestamp,
            "country_code" => Macro::CountryCode,
            "link_id" => Macro::LinkId,
            "message_id" => Macro::MessageId,
            "list_id" => Macro::ListId,
            "device" => Macro::Device,
            "os" => Macro::Os,
            "browser" => Macro::Browser,
            "referrer" => Macro::Referrer,
            _ => return None,
        })
    }

    /// The macro that is written `{{name}}`: every name of single braces, and the names of message
    /// templates.
    pub fn parse_double_braces(name: &str) -> Option<Self> {
        Some(match name {
            "sendId" | "messageId" => Macro::MessageId,
            "contact.phone" => Macro::ContactPhone,
            "offerId" => Macro::OfferId,
            "externalId" => Macro::ExternalId,
            _ => return Self::parse_single_braces(name),
        })
    }
}
