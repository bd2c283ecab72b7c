//! The state that the responses acknowledged: an audit must find it in Postgres.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use super::sample::Sample;

/// A link that is clicked.
#[derive(Debug, Clone)]
pub struct Link {
    pub id: String,
    /// `/<id>`
    pub path: String,
    pub message_id: Option<String>,
}

/// Everything that was acknowledged.
#[derive(Debug, Default)]
pub struct Expectations {
    /// The click of each 302, by click id.
    pub clicks: BTreeMap<String, ExpectedClick>,
    /// The accepted conversions, by transaction.
    pub conversions: BTreeMap<String, ExpectedConversion>,
    /// The ids of links whose creation was acknowledged.
    pub links: BTreeSet<String>,
    /// The ids of links that were deactivated.
    pub deactivated: BTreeSet<String>,
    /// Responses that are wrong by themselves.
    pub violations: Vec<String>,
    pub redirects: Vec<Sample>,
    pub conversion_requests: Vec<Sample>,
    pub api_requests: Vec<Sample>,
}

#[derive(Debug, Clone)]
pub struct ExpectedClick {
    /// Its `sub1`.
    pub number: String,
    pub link_id: String,
    pub message_id: Option<String>,
    pub answered: Instant,
}

#[derive(Debug, Clone)]
pub struct ExpectedConversion {
    pub conversion_id: String,
    pub revenue: String,
}
