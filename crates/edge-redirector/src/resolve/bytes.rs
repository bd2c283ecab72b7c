//! About how many bytes of memory records take: what bounds the in-process cache.

use std::io;

use domain::{
    id::{AccountId, CampaignId, LinkCode, ListId, OfferId, ShortId, TrackerToken},
    record::{AccountRecord, CampaignRecord, ListRecord},
};
use serde::Serialize;

use super::{Offer, Route};

/// About how many bytes something takes, with all that it owns.
pub(super) trait Bytes {
    fn bytes(&self) -> usize;
}

/// As many as its texts have: those of its JSON, which has all of them.
fn of_texts(record: &impl Serialize) -> usize {
    struct Count(usize);
    impl io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    match serde_json::to_writer(&mut count, record) {
        Ok(()) => count.0,
        // A record is plain data: it does not fail.
        Err(_) => 0,
    }
}

macro_rules! is_its_own_size {
    ($($id:ty),*) => {
        $(impl Bytes for $id {
            fn bytes(&self) -> usize {
                size_of::<Self>()
            }
        })*
    };
}
is_its_own_size!(TrackerToken, OfferId, ListId, AccountId);

macro_rules! has_texts {
    ($($record:ty),*) => {
        $(impl Bytes for $record {
            fn bytes(&self) -> usize {
                size_of::<Self>() + of_texts(self)
            }
        })*
    };
}
has_texts!(
    AccountRecord,
    CampaignRecord,
    ListRecord,
    CampaignId,
    LinkCode,
    ShortId,
    Vec<String>
);

impl Bytes for (String, ShortId) {
    fn bytes(&self) -> usize {
        size_of::<Self>() + self.0.len() + self.1.as_str().len()
    }
}

/// A template is parsed: its text once more, in pieces.
impl Bytes for Offer {
    fn bytes(&self) -> usize {
        size_of::<Self>() + of_texts(&self.record) + 2 * self.record.destination.len()
    }
}

/// What a link shares with others is counted there.
impl Bytes for Route {
    fn bytes(&self) -> usize {
        let template = self.link.destination.as_ref().map_or(0, String::len);
        size_of::<Self>() + of_texts(&self.link) + 2 * template
    }
}
