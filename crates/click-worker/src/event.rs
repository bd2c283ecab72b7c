//! An event: a click or a conversion, on its way from a message into Postgres.

use domain::{click::ClickEvent, conversion::Conversion, id::ClickId};
use jiff::Timestamp;
use uuid::Uuid;

/// What a line of a message says.
#[expect(
    clippy::large_enum_variant,
    reason = "most events are clicks, which are the larger ones"
)]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    Click(ClickEvent<'static>),
    Conversion(Conversion<'static>),
}

impl Event {
    /// The click's or conversion's id.
    pub fn id(&self) -> Uuid {
        match self {
            Self::Click(click) => click.click_id.as_uuid(),
            Self::Conversion(conversion) => conversion.conversion_id.as_uuid(),
        }
    }

    /// When it happened.
    pub fn time(&self) -> Timestamp {
        match self {
            Self::Click(click) => click.click_id.time(),
            Self::Conversion(conversion) => conversion.conversion_id.time(),
        }
    }

    /// `None` for a conversion that names nothing but a click.
    pub fn account_id(&self) -> Option<i64> {
        match self {
            Self::Click(click) => Some(click.account_id.0),
            Self::Conversion(conversion) => conversion.account_id.map(|id| id.0),
        }
    }

    /// The click that a conversion names.
    pub fn named_click(&self) -> Option<ClickId> {
        match self {
            Self::Click(_) => None,
            Self::Conversion(conversion) => conversion.click_id,
        }
    }

    /// The event as one line, as it is published.
    pub fn line(&self) -> Vec<u8> {
        let mut line = Vec::new();
        match self {
            Self::Click(click) => click.write_line(&mut line),
            Self::Conversion(conversion) => conversion.write_line(&mut line),
        }
        line
    }
}
