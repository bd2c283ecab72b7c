//! Estimates how much memory records take, which bounds the in-process cache.

use std::io;

use domain::{
    coupon::CouponCode,
    id::{AccountId, CampaignId, LinkCode, ListId, OfferId, ShortId, TrackerToken},
    record::{AccountRecord, CampaignRecord, CouponRecord, ListRecord},
};
use serde::Serialize;

use super::resolved_link::{ParsedOffer, ResolvedLink};

/// A type whose values own an amount of memory that can be estimated.
pub(super) trait MemorySize {
    /// About how many bytes the value takes, with all that it owns.
    fn memory_size(&self) -> usize;
}

/// Bytes of a record's JSON, which has all of its texts.
fn json_len(record: &impl Serialize) -> usize {
    struct ByteCounter(usize);
    impl io::Write for ByteCounter {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut counter = ByteCounter(0);
    match serde_json::to_writer(&mut counter, record) {
        Ok(()) => counter.0,
        // Serialising plain data does not fail.
        Err(_) => 0,
    }
}

macro_rules! without_owned_memory {
    ($($id:ty),*) => {
        $(impl MemorySize for $id {
            fn memory_size(&self) -> usize {
                size_of::<Self>()
            }
        })*
    };
}
without_owned_memory!(TrackerToken, OfferId, ListId, AccountId);

macro_rules! with_owned_texts {
    ($($record:ty),*) => {
        $(impl MemorySize for $record {
            fn memory_size(&self) -> usize {
                size_of::<Self>() + json_len(self)
            }
        })*
    };
}
with_owned_texts!(
    AccountRecord,
    CampaignRecord,
    CouponRecord,
    ListRecord,
    CampaignId,
    LinkCode,
    ShortId,
    String,
    Vec<String>,
    Vec<OfferId>
);

impl MemorySize for (String, ShortId) {
    fn memory_size(&self) -> usize {
        size_of::<Self>() + self.0.len() + self.1.as_str().len()
    }
}

impl MemorySize for (AccountId, CouponCode) {
    fn memory_size(&self) -> usize {
        size_of::<Self>() + self.1.as_str().len()
    }
}

/// A parsed template has the text of the destination once more, in pieces, so the
/// destination counts twice in addition.
impl MemorySize for ParsedOffer {
    fn memory_size(&self) -> usize {
        size_of::<Self>() + json_len(&self.record) + 2 * self.record.destination.len()
    }
}

/// Records that a link shares with other links count in their own caches.
impl MemorySize for ResolvedLink {
    fn memory_size(&self) -> usize {
        let destination_len = self.link.destination.as_ref().map_or(0, String::len);
        size_of::<Self>() + json_len(&self.link) + 2 * destination_len
    }
}
