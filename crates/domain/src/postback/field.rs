//! What a parameter of a postback can mean.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::no_value::{is_no_amount, is_no_name};

/// What a parameter of a postback means. The name of a field is also the name under which every
/// sender may send it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "PostbackField")]
pub enum Field {
    ClickId,
    LinkId,
    OfferId,
    AccountId,
    TxnId,
    /// The sender's name of a refund or chargeback, of which a transaction can have several.
    RefundId,
    Revenue,
    Currency,
    Event,
    Status,
    MessageId,
    /// The code of a coupon.
    Coupon,
    /// The preset by which the postback is read.
    Preset,
    Token,
    Signature,
    PostbackSecret,
}

impl Field {
    pub const ALL: [Self; 16] = [
        Self::ClickId,
        Self::LinkId,
        Self::OfferId,
        Self::AccountId,
        Self::TxnId,
        Self::RefundId,
        Self::Revenue,
        Self::Currency,
        Self::Event,
        Self::Status,
        Self::MessageId,
        Self::Coupon,
        Self::Preset,
        Self::Token,
        Self::Signature,
        Self::PostbackSecret,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClickId => "click_id",
            Self::LinkId => "link_id",
            Self::OfferId => "offer_id",
            Self::AccountId => "account_id",
            Self::TxnId => "txn_id",
            Self::RefundId => "refund_id",
            Self::Revenue => "revenue",
            Self::Currency => "currency",
            Self::Event => "event",
            Self::Status => "status",
            Self::MessageId => "message_id",
            Self::Coupon => "coupon",
            Self::Preset => "preset",
            Self::Token => "token",
            Self::Signature => "signature",
            Self::PostbackSecret => "postback_secret",
        }
    }

    /// The field of this name. Upper and lower case are the same.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|field| field.as_str().eq_ignore_ascii_case(name))
    }

    /// Whether the value is secret: it is in no log.
    pub const fn is_secret(self) -> bool {
        matches!(self, Self::Token | Self::Signature | Self::PostbackSecret)
    }

    /// Whether a value says that there is none, as the macro of a network that it did not
    /// replace. A status of 0 is a status, and a secret may be any text.
    pub(super) fn has_no_value(self, value: &str) -> bool {
        match self {
            Self::Token | Self::Signature | Self::PostbackSecret => value.is_empty(),
            Self::Revenue | Self::Status => is_no_amount(value),
            _ => is_no_name(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_has_one_name() {
        for field in Field::ALL {
            assert_eq!(Field::parse(field.as_str()), Some(field));
            let json = serde_json::to_string(&field).unwrap();
            assert_eq!(json.trim_matches('"'), field.as_str());
        }
        assert_eq!(Field::parse("Click_ID"), Some(Field::ClickId));
        assert_eq!(Field::parse("clickid"), None);
    }
}
