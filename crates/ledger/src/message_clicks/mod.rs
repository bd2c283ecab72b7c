//! Message clicks: the earliest click of a message and contact that is not a bot's.
//!
//! [`message_click_merge_all`] keeps them up when clicks are stored, and
//! [`message_click_rebuild_all`] finds them again from the clicks, when verdicts change or a
//! recount repairs them. Each returns what has changed, by which the credits are found that
//! change too.

mod merge;
mod rebuild;
mod rows;

use domain::{
    id::{AccountId, ClickId},
    message_click_key::MessageClickKey,
};
use tokio_postgres::Row;

use crate::{
    ClickFacts,
    totals::{Measures, TotalsDelta},
};
pub use merge::message_click_merge_all;
pub use rebuild::{message_click_delete_all, message_click_rebuild_all};
pub use rows::message_click_load_all;

/// A message click, or a click that may become one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageClick {
    pub key: MessageClickKey,
    pub click: ClickFacts,
}

/// How the message click of a key has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MessageClickChange {
    /// The key had none before.
    Added(MessageClick),
    /// Another click is the message click now.
    Replaced {
        removed: ClickId,
        added: MessageClick,
    },
    /// The key has none any more.
    Removed {
        key: MessageClickKey,
        click_id: ClickId,
    },
}

impl MessageClickChange {
    fn new(removed: Option<ClickId>, added: MessageClick) -> Self {
        match removed {
            Some(removed) => Self::Replaced { removed, added },
            None => Self::Added(added),
        }
    }

    /// The message click that is new.
    pub fn added(&self) -> Option<&MessageClick> {
        match self {
            Self::Added(added) | Self::Replaced { added, .. } => Some(added),
            Self::Removed { .. } => None,
        }
    }

    /// The click that is not the message click any more, with its key.
    pub fn removed(&self) -> Option<(&MessageClickKey, ClickId)> {
        match self {
            Self::Added(_) => None,
            Self::Replaced { removed, added } => Some((&added.key, *removed)),
            Self::Removed { key, click_id } => Some((key, *click_id)),
        }
    }
}

impl MessageClick {
    /// Reads the columns `account_id`, `message_key` and `contact_key`, and those of a click.
    fn from_row(row: &Row) -> Option<Self> {
        let account_id = row.get("account_id");
        Some(Self {
            key: key_from_row(row),
            click: ClickFacts::from_row(row, "", account_id)?,
        })
    }

    /// Adds `unique_clicks`, 1 or -1, to the totals of this click.
    fn count(&self, delta: &mut TotalsDelta, unique_clicks: i32) {
        let measures = Measures {
            unique_clicks,
            ..Measures::default()
        };
        delta.add(self.click.dimensions(), self.click.time(), "", measures);
    }
}

fn key_from_row(row: &Row) -> MessageClickKey {
    MessageClickKey {
        account_id: AccountId(row.get("account_id")),
        message_key: row.get("message_key"),
        contact_key: row.get("contact_key"),
    }
}
