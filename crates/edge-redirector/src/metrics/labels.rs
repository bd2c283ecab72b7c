//! The labels of the metrics: an enum for each label, with the text of each value. Their
//! counters are left to [`Metrics`](super::Metrics).

use prometheus_client::encoding::EncodeLabelSet;

use crate::spool::RecordError;

/// How a request to a link was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestOutcome {
    /// Redirected from the short link to its click tracker, which records the click.
    ToTracker,
    /// Recorded as a click, and redirected to the destination or shown a page.
    Click,
    /// Answered as a click, but the click could not be recorded: somebody must act.
    Unrecorded,
    /// Redirected to the fallback URL, since the link is not available.
    Fallback,
    NotFound,
    /// The link could not be looked up: neither Redis nor the origin answered.
    Unavailable,
    /// PostbackError because of too many concurrent requests.
    Overloaded,
    /// PostbackError because of too many failed attempts from the same network.
    RateLimited,
}

impl RequestOutcome {
    /// In the order of the variants: a variant is an index into it.
    pub const ALL: [Self; 8] = [
        Self::ToTracker,
        Self::Click,
        Self::Unrecorded,
        Self::Fallback,
        Self::NotFound,
        Self::Unavailable,
        Self::Overloaded,
        Self::RateLimited,
    ];

    pub fn label(self) -> &'static str {
        match self {
            Self::ToTracker => "to_tracker",
            Self::Click => "click",
            Self::Unrecorded => "unrecorded",
            Self::Fallback => "fallback",
            Self::NotFound => "not_found",
            Self::Unavailable => "unavailable",
            Self::Overloaded => "overloaded",
            Self::RateLimited => "rate_limited",
        }
    }
}

/// How a lookup of a record outside of the process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LookupResult {
    /// Redis had the record.
    Redis,
    /// The origin had the record.
    Origin,
    /// The origin has no such record.
    NotFound,
    /// The origin did not answer.
    Failed,
    /// The origin was not asked, because of too many concurrent lookups.
    LookupLimit,
}

impl LookupResult {
    pub const ALL: [Self; 5] = [
        Self::Redis,
        Self::Origin,
        Self::NotFound,
        Self::Failed,
        Self::LookupLimit,
    ];

    pub fn label(self) -> &'static str {
        match self {
            Self::Redis => "redis",
            Self::Origin => "origin",
            Self::NotFound => "not_found",
            Self::Failed => "failed",
            Self::LookupLimit => "lookup_limit",
        }
    }
}

/// A GeoIP database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GeoDatabase {
    Country,
    Asn,
}

impl GeoDatabase {
    /// In the order of the variants: a variant is an index into it.
    pub const ALL: [Self; 2] = [Self::Country, Self::Asn];

    pub fn label(self) -> &'static str {
        match self {
            Self::Country => "country",
            Self::Asn => "asn",
        }
    }
}

/// How a lookup in a GeoIP database ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GeoLookup {
    Found,
    /// The database has no record of the address.
    Unknown,
    /// The database is damaged where the record should be.
    Failed,
}

impl GeoLookup {
    /// In the order of the variants: a variant is an index into it.
    pub const ALL: [Self; 3] = [Self::Found, Self::Unknown, Self::Failed];

    pub fn label(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::Unknown => "unknown",
            Self::Failed => "failed",
        }
    }
}

/// How a request to record a conversion was answered.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ConversionLabels {
    /// One of [`CONVERSION_SOURCES`].
    pub source: &'static str,
    /// `accepted`, `ignored` if the mapping says that the event is not stored, or the error
    /// code of the response.
    pub code: &'static str,
}

/// How it ended to look for the click that a conversion names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClickLookupResult {
    Stored,
    NotStored,
    /// The origin did not answer in time.
    Failed,
    /// The origin was not asked, because of too many lookups.
    Skipped,
}

impl ClickLookupResult {
    pub const ALL: [Self; 4] = [Self::Stored, Self::NotStored, Self::Failed, Self::Skipped];

    pub fn label(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::NotStored => "not_stored",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

/// What became of an entry of the log of postbacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogEntryResult {
    Sent,
    /// Its network or account has had its share.
    RateLimited,
    BufferFull,
    /// The origin refused it.
    Rejected,
    /// The redirector stopped while the origin did not answer.
    Stopped,
}

impl LogEntryResult {
    pub const ALL: [Self; 5] = [
        Self::Sent,
        Self::RateLimited,
        Self::BufferFull,
        Self::Rejected,
        Self::Stopped,
    ];

    pub fn label(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::RateLimited => "rate_limited",
            Self::BufferFull => "buffer_full",
            Self::Rejected => "rejected",
            Self::Stopped => "stopped",
        }
    }
}

pub(super) const CONVERSION_SOURCES: [&str; 4] = ["conv", "offer", "coupon", "pixel"];

pub(super) const RECORD_ERRORS: [RecordError; 5] = [
    RecordError::SpoolFull,
    RecordError::DiskFailed,
    RecordError::DiskTimeout,
    RecordError::TooLarge,
    RecordError::Stopped,
];

pub(super) fn record_error_label(error: RecordError) -> &'static str {
    match error {
        RecordError::SpoolFull => "spool_full",
        RecordError::DiskFailed => "disk_failed",
        RecordError::DiskTimeout => "disk_timeout",
        RecordError::TooLarge => "too_large",
        RecordError::Stopped => "stopped",
    }
}

/// The error types of publisher sessions; a test of the publisher compares them.
pub(super) const PUBLISHER_FAILURES: [&str; 7] = [
    "not_connected",
    "returned",
    "nacked",
    "not_in_confirm_mode",
    "connection_lost",
    "confirm_timeout",
    "spool_unreadable",
];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct OutcomeLabels {
    pub outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ReasonLabels {
    pub reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct ResultLabels {
    pub result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct GeoLookupLabels {
    pub database: &'static str,
    pub result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct GeoDatabaseLabels {
    pub database: &'static str,
    pub r#type: String,
}
