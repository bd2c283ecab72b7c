//! The ids of resources, as parameters of paths.

use domain::id::{
    AccountId, CampaignId, ConversionId, CouponId, CreativeId, LinkCode, ListId, OfferId, ShortId,
};
use serde_json::{Value, json};

use super::PhoneNumber;
use crate::{auth::SecretToken, error::ApiError, http::PathParameter};

/// A short domain or a click domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DomainId(pub i64);

/// The number of a row of `costs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CostId(pub i64);

/// An API key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApiKeyId(pub i64);

/// A user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserId(pub i64);

/// A session of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionId(pub i64);

/// An invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvitationId(pub i64);

/// The token of a link to an invitation, which stands in paths where ids of invitations do.
#[derive(Debug, Clone)]
pub struct InvitationToken(pub SecretToken);

/// The token of a link for a new password.
#[derive(Debug, Clone)]
pub struct PasswordToken(pub SecretToken);

/// A message, by the id that the client gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageId(pub String);

/// An id that is the number of a row.
macro_rules! number_parameter {
    ($Type:ident, $name:literal, $description:literal, $resource:literal, $example:literal) => {
        impl PathParameter for $Type {
            const NAME: &'static str = $name;
            const DESCRIPTION: &'static str = $description;
            const RESOURCE: &'static str = $resource;

            fn schema() -> Value {
                json!({ "type": "integer", "format": "int64" })
            }

            fn example() -> Value {
                json!($example)
            }

            fn parse(text: &str) -> Option<Self> {
                text.parse().ok().map(Self)
            }
        }
    };
}

number_parameter!(AccountId, "account_id", "The account's id.", "account", 1);
number_parameter!(ApiKeyId, "key_id", "The API key's id.", "API key", 3);
number_parameter!(CouponId, "coupon_id", "The coupon's id.", "coupon", 5);
number_parameter!(
    CreativeId,
    "creative_id",
    "The creative's id.",
    "creative",
    101
);
number_parameter!(CostId, "cost_id", "The cost's id.", "cost", 12);
number_parameter!(DomainId, "domain_id", "The domain's id.", "domain", 7);
number_parameter!(ListId, "list_id", "The sending list's id.", "list", 42);

number_parameter!(UserId, "user_id", "The user's id.", "user", 4);
number_parameter!(SessionId, "session_id", "The session's id.", "session", 11);
number_parameter!(
    InvitationId,
    "invitation",
    "The invitation's id.",
    "invitation",
    6
);

/// A secret token in the path. Errors do not show what was sent.
macro_rules! token_parameter {
    ($Type:ident, $name:literal, $description:literal) => {
        impl PathParameter for $Type {
            const NAME: &'static str = $name;
            const DESCRIPTION: &'static str = $description;
            const RESOURCE: &'static str = "link";

            fn schema() -> Value {
                json!({ "type": "string", "minLength": 1 })
            }

            fn example() -> Value {
                json!("mYQ1z0kq5nVxT3b6c9e2f4h7j8k0LpQrStUvWxYzA_E")
            }

            fn parse(text: &str) -> Option<Self> {
                SecretToken::parse(text).map(Self)
            }

            fn error(_: &str) -> ApiError {
                ApiError::LinkNotValid
            }
        }
    };
}

token_parameter!(
    InvitationToken,
    "invitation",
    "The token of the link in the invitation."
);
token_parameter!(
    PasswordToken,
    "token",
    "The token of the link for a new password."
);

/// An id that is a text of a fixed form.
macro_rules! text_parameter {
    (
        $Type:ident, $name:literal, $description:literal, $resource:literal,
        $pattern:literal, $example:literal, $parse:expr
    ) => {
        impl PathParameter for $Type {
            const NAME: &'static str = $name;
            const DESCRIPTION: &'static str = $description;
            const RESOURCE: &'static str = $resource;

            fn schema() -> Value {
                json!({ "type": "string", "pattern": $pattern })
            }

            fn example() -> Value {
                json!($example)
            }

            fn parse(text: &str) -> Option<Self> {
                $parse(text).ok()
            }
        }
    };
}

text_parameter!(
    ShortId,
    "link_id",
    "The link's short id.",
    "link",
    "^[A-Za-z0-9_-]{3,64}$",
    "Ab3kX9q",
    ShortId::parse
);
text_parameter!(
    LinkCode,
    "affiliate_link_id",
    "The campaign link's id.",
    "link",
    "^lnk_[A-Za-z0-9]{8}$",
    "lnk_x7kQ2mNp",
    LinkCode::parse_link_id
);
text_parameter!(
    CampaignId,
    "campaign_id",
    "The campaign's id.",
    "campaign",
    "^camp_[A-Za-z0-9]{1,32}$",
    "camp_abc123",
    CampaignId::parse
);
text_parameter!(
    OfferId,
    "offer_id",
    "The offer's id.",
    "offer",
    "^[0-9a-f]{24}$",
    "6789abcd1234ef5678901234",
    OfferId::parse
);

text_parameter!(
    ConversionId,
    "conversion_id",
    "The conversion's id, or that of one of its updates.",
    "conversion",
    "^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$",
    "01a11d5d-1e7b-7123-8123-456789abcdef",
    ConversionId::parse
);

/// The id of a partnership offer, which is looked for among those alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartnershipOfferId(pub OfferId);

impl PathParameter for PartnershipOfferId {
    const NAME: &'static str = OfferId::NAME;
    const DESCRIPTION: &'static str = OfferId::DESCRIPTION;
    const RESOURCE: &'static str = "partnership offer";

    fn schema() -> Value {
        OfferId::schema()
    }

    fn example() -> Value {
        OfferId::example()
    }

    fn parse(text: &str) -> Option<Self> {
        <OfferId as PathParameter>::parse(text).map(Self)
    }
}

impl PathParameter for MessageId {
    const NAME: &'static str = "message_id";
    const DESCRIPTION: &'static str = "The message's id.";
    const RESOURCE: &'static str = "message";

    fn schema() -> Value {
        json!({ "type": "string", "minLength": 1, "maxLength": 255 })
    }

    fn example() -> Value {
        json!("m-1")
    }

    fn parse(text: &str) -> Option<Self> {
        // Postgres cannot store U+0000, so that there is no such message.
        (!text.contains('\0')).then(|| Self(text.to_owned()))
    }
}

impl PathParameter for PhoneNumber {
    const NAME: &'static str = "phone";
    const DESCRIPTION: &'static str = "The contact's number in E.164.";
    const RESOURCE: &'static str = "contact";

    fn schema() -> Value {
        json!({ "type": "string", "pattern": r"^\+[1-9][0-9]{6,14}$" })
    }

    fn example() -> Value {
        json!("+18005550100")
    }

    fn parse(text: &str) -> Option<Self> {
        Self::parse(text)
    }

    /// Any contact may exist, so that a text that is no number is a mistake of the client.
    fn error(_: &str) -> ApiError {
        ApiError::InvalidPhone("phone")
    }
}
