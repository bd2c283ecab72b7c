//! The rows: each says what it measures against what, and gives its verdict.

mod changes;
mod drain;
mod drain_mixed;
mod hot_link;
mod lag;
mod link_tables;
mod mint;
mod neighbour;
mod redirect;
mod render;
mod report_queries;
mod workers;

use std::pin::Pin;

use anyhow::Result;

use crate::{report::Verdict, settings::Settings};

type RowFuture<'s> = Pin<Box<dyn Future<Output = Result<Verdict>> + 's>>;

pub struct Row {
    pub name: &'static str,
    /// What is measured, for the usage.
    pub description: &'static str,
    pub run: for<'s> fn(&'s Settings) -> RowFuture<'s>,
}

/// All rows, in the order in which they run.
pub const ROWS: &[Row] = &[
    Row {
        name: "redirect",
        description: "recorded clicks per second of one core, against nginx's bare `return 302`",
        run: |settings| Box::pin(redirect::run(settings)),
    },
    Row {
        name: "mint",
        description: "links created per second, against a raw COPY of the same rows",
        run: |settings| Box::pin(mint::run(settings)),
    },
    Row {
        name: "render",
        description: "messages rendered per second, their links against the same COPY",
        run: |settings| Box::pin(render::run(settings)),
    },
    Row {
        name: "changes",
        description: "milliseconds from a change's answer until every redirector obeys",
        run: |_| Box::pin(changes::run()),
    },
    Row {
        name: "drain",
        description: "clicks stored per second out of a full queue, against a raw COPY",
        run: |settings| Box::pin(drain::run(settings)),
    },
    Row {
        name: "drain-mixed",
        description: "events of 20 accounts with conversions, against clicks alone",
        run: |settings| Box::pin(drain_mixed::run(settings)),
    },
    Row {
        name: "hot-link",
        description: "clicks of a link with a long history, against a fresh link",
        run: |settings| Box::pin(hot_link::run(settings)),
    },
    Row {
        name: "workers",
        description: "four workers against one, and how often they wait for a lock",
        run: |settings| Box::pin(workers::run(settings)),
    },
    Row {
        name: "neighbour",
        description: "how late an account's clicks are stored while another one is busy",
        run: |settings| Box::pin(neighbour::run(settings)),
    },
    Row {
        name: "lag",
        description: "milliseconds from a click to its message click in Postgres",
        run: |settings| Box::pin(lag::run(settings)),
    },
    Row {
        name: "report",
        description: "milliseconds of a report over 100,000 to 10,000,000 clicks",
        run: |settings| Box::pin(report_queries::run(settings)),
    },
];
