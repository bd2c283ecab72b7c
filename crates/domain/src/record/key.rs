//! The names under which records are stored and served.

use std::fmt;

use crate::{
    coupon::CouponCode,
    host,
    id::{AccountId, CampaignId, LinkCode, ListId, OfferId, ShortId, TrackerToken},
};

/// The name of a record, the same in Redis (behind the key prefix) and in the origin's path.
/// A link that has a click tracker URL or a campaign link's code is stored under that name
/// too, so that either of its URLs costs one look-up.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RecordKey {
    /// A link by its short domain (normalised, see [`crate::host`]) and short id.
    Link {
        host: String,
        id: ShortId,
    },
    /// A partnership link by its click tracker token.
    Tracker(TrackerToken),
    /// A campaign link by its code.
    Code(LinkCode),
    Offer(OfferId),
    Campaign(CampaignId),
    List(ListId),
    Account(AccountId),
    Coupon {
        account_id: AccountId,
        code: CouponCode,
    },
    /// A host, normalised. It has no record: its changes say that another account holds it.
    Host(String),
}

impl fmt::Display for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Link { host, id } => write!(f, "link/{host}/{id}"),
            Self::Tracker(token) => write!(f, "tracker/{token}"),
            Self::Code(code) => write!(f, "code/{code}"),
            Self::Offer(id) => write!(f, "offer/{id}"),
            Self::Campaign(id) => write!(f, "campaign/{id}"),
            Self::List(id) => write!(f, "list/{id}"),
            Self::Account(id) => write!(f, "account/{id}"),
            Self::Coupon { account_id, code } => write!(f, "coupon/{account_id}/{code}"),
            Self::Host(host) => write!(f, "host/{host}"),
        }
    }
}

impl RecordKey {
    /// The inverse of `Display`. `None` if the text is not the name of a record.
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, name) = text.split_once('/')?;
        Some(match kind {
            "link" => {
                let (host, id) = name.split_once('/')?;
                Self::Link {
                    host: host::normalise(host)?,
                    id: ShortId::parse(id).ok()?,
                }
            }
            "tracker" => Self::Tracker(TrackerToken::parse(name).ok()?),
            "code" => Self::Code(LinkCode::parse(name).ok()?),
            "offer" => Self::Offer(OfferId::parse(name).ok()?),
            "campaign" => Self::Campaign(CampaignId::parse(name).ok()?),
            "list" => Self::List(ListId(name.parse().ok()?)),
            "account" => Self::Account(AccountId(name.parse().ok()?)),
            "coupon" => {
                let (account_id, code) = name.split_once('/')?;
                Self::Coupon {
                    account_id: AccountId(account_id.parse().ok()?),
                    code: CouponCode::parse(code)?,
                }
            }
            "host" => Self::Host(host::normalise(name)?),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_record_key_is_parsed_from_its_text() {
        let keys = [
            "link/yourdomain.com/Ab3kX9q",
            "tracker/a1b2c3d4-e5f6-4890-abcd-ef1234567890",
            "code/x7kQ2mNp",
            "offer/6789abcd1234ef5678901234",
            "campaign/camp_abc123",
            "list/42",
            "account/1",
            "coupon/1/SUMMER10",
            "host/yourdomain.com",
        ];
        for text in keys {
            let key = RecordKey::parse(text).expect(text);
            assert_eq!(key.to_string(), text);
        }
        for text in [
            "",
            "link",
            "link/x",
            "offer/x",
            "nothing/1",
            "list/1/2",
            "coupon/1",
            "coupon/x/A",
        ] {
            assert_eq!(RecordKey::parse(text), None, "{text}");
        }
    }
}
