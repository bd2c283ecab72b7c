//! What a postback is for: a link, a click or an offer.

use jiff::Timestamp;

use super::{error::PostbackError, field::Field, interpret::Postback};
use crate::{
    event::check_event_time,
    id::{ClickId, InvalidId, LinkCode, ShortId},
};

/// The most characters that the id or `external_id` of an offer may have.
const MAX_OFFER_NAME_CHARS: usize = 255;
/// The most characters that a `message_id` may have.
const MAX_MESSAGE_ID_CHARS: usize = 255;

/// The link, the click or both that a postback names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedClick {
    pub link: Option<LinkRef>,
    pub click_id: Option<ClickId>,
}

/// The `link_id` of a postback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkRef {
    /// The path of a short link.
    Short(ShortId),
    /// The id of a campaign link: `lnk_` and this code.
    Code(LinkCode),
}

impl LinkRef {
    /// A text that starts with `lnk_` is tried as the id of a campaign link first.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        match LinkCode::parse_link_id(text) {
            Ok(code) => Ok(Self::Code(code)),
            Err(_) => ShortId::parse(text).map(Self::Short),
        }
    }
}

impl Postback<'_> {
    /// The link or click of a postback that must name one. A link that was sent as the click
    /// is taken as the link. A click id whose time is too far from `now` is none: we cannot
    /// have issued it. It is ignored beside a link.
    pub fn named_click(&self, now: Timestamp) -> Result<NamedClick, PostbackError> {
        let link = self.get(Field::LinkId);
        let link = link
            .map(|text| LinkRef::parse(text).map_err(|_| PostbackError::LinkNotFound))
            .transpose()?;
        let Some(text) = self.get(Field::ClickId) else {
            return match link {
                None => Err(PostbackError::MissingLinkId),
                link => Ok(NamedClick {
                    link,
                    click_id: None,
                }),
            };
        };
        let click_id = parse_click_id(text, now);
        if click_id.is_some() || link.is_some() {
            return Ok(NamedClick { link, click_id });
        }
        // What looks like the id of a click, but of none of ours, is no link.
        let is_uuid = matches!(text.len(), 32 | 36) && uuid::Uuid::try_parse(text).is_ok();
        match LinkRef::parse(text) {
            Ok(link) if !is_uuid => Ok(NamedClick {
                link: Some(link),
                click_id: None,
            }),
            _ => Err(PostbackError::InvalidClickId),
        }
    }

    /// The click of a postback, if it names one of ours.
    pub fn click_id(&self, now: Timestamp) -> Option<ClickId> {
        parse_click_id(self.get(Field::ClickId)?, now)
    }

    /// The offer that the postback of an offer names: its id, or else its `external_id`.
    pub fn offer_name(&self) -> Result<&str, PostbackError> {
        let name = self.get(Field::OfferId);
        let name = name.ok_or(PostbackError::MissingOfferId)?;
        let is_possible =
            name.chars().count() <= MAX_OFFER_NAME_CHARS && !name.contains(char::is_control);
        is_possible
            .then_some(name)
            .ok_or(PostbackError::OfferNotFound)
    }

    /// Whether it is for an offer where links and clicks can be named as well: it names the
    /// offer with its secret, and neither link nor click.
    pub fn is_for_offer(&self) -> bool {
        self.get(Field::OfferId).is_some()
            && self.get(Field::PostbackSecret).is_some()
            && self.get(Field::LinkId).is_none()
            && self.get(Field::ClickId).is_none()
    }

    /// The message that a postback names.
    pub fn message_id(&self) -> Result<Option<String>, PostbackError> {
        let is_valid = |text: &str| {
            text.chars().count() <= MAX_MESSAGE_ID_CHARS && !text.contains(char::is_control)
        };
        match self.get(Field::MessageId) {
            Some(text) if !is_valid(text) => Err(PostbackError::InvalidMessageId),
            text => Ok(text.map(str::to_owned)),
        }
    }
}

/// Reads a click id in upper or lower case, with hyphens or without.
fn parse_click_id(text: &str, now: Timestamp) -> Option<ClickId> {
    let uuid = match text.len() {
        32 | 36 => uuid::Uuid::try_parse(text).ok()?,
        _ => return None,
    };
    let click_id = ClickId::from_uuid(uuid).ok()?;
    check_event_time(click_id.time(), now).ok()?;
    Some(click_id)
}
