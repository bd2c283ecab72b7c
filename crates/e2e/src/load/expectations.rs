//! The state that the answers to the load promised: what an audit must find in Postgres.

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

/// What was acknowledged.
#[derive(Debug, Default)]
pub struct Expectations {
    /// By click id: each 302's.
    pub clicks: BTreeMap<String, ExpectedClick>,
    /// The transactions of accepted conversions.
    pub conversions: BTreeMap<String, ExpectedConversion>,
    /// The ids of links whose creation was answered.
    pub links: BTreeSet<String>,
    /// The ids of links that were deactivated.
    pub deactivated: BTreeSet<String>,
    /// Answers that are wrong by themselves.
    pub violations: Vec<String>,
    pub redirects: Vec<Sample>,
    pub conversion_requests: Vec<Sample>,
    pub api_requests: Vec<Sample>,
}

#[derive(Debug, Clone)]
pub struct ExpectedClick {
    /// What its `sub1` is.
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
