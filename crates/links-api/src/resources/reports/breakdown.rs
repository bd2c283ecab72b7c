//! Into which rows a query of a report divides what it sums up.

use jiff::Timestamp;
use ledger::totals::day_start;
use tokio_postgres::types::ToSql;

use super::{
    fetch::Granularity, group::Group, request::Filters, source::Source, time_slices::TimeSlice,
};

/// The rows of a report, each with a text as its key, which is `None` for what has no value.
#[derive(Debug, Clone, Copy)]
pub enum Breakdown<'r> {
    /// One row for everything, without a key.
    Whole,
    /// A row for each day or hour. The key is the number of the slice, from 1.
    Slices(Group, &'r [TimeSlice]),
    /// A row for each value of a dimension.
    Values(Group),
    /// A row for each of some links or messages. The key of a link is the number of its row.
    Keys(Group, &'r [String]),
}

/// The parts of a query that depend on the breakdown.
pub struct BreakdownClauses {
    /// The expression of the key, a text.
    pub row_key: String,
    /// A condition that begins with AND, or nothing.
    pub condition: String,
    /// The parameter of the expression or the condition, if it has any.
    pub parameter: Option<Box<dyn ToSql + Sync + Send>>,
}

impl<'r> Breakdown<'r> {
    /// The dimension by which the rows differ, unless it is time.
    pub fn dimension(self) -> Option<Group> {
        match self {
            Self::Whole | Self::Slices(..) => None,
            Self::Values(group) | Self::Keys(group, _) => Some(group),
        }
    }

    pub fn source(self, filters: &Filters) -> Source {
        Source::select(filters, self.dimension())
    }

    /// Rows of links and messages are read by key, for which there are no rows of days. Days can
    /// be read as such if all begin at a midnight by UTC. The first one need not, since it begins
    /// with the period.
    pub fn granularity(self) -> Granularity {
        let is_midnight = |slice: &TimeSlice| slice.start == day_start(slice.start);
        match self {
            Self::Whole | Self::Values(_) => Granularity::DailyRows,
            Self::Slices(Group::Date, slices) if slices.iter().skip(1).all(is_midnight) => {
                Granularity::DailyRows
            }
            Self::Slices(..) | Self::Keys(..) => Granularity::QuarterHourRows,
        }
    }

    /// `number` is that of the parameter, if there is one.
    pub fn clauses(self, source: Source, number: usize) -> BreakdownClauses {
        let without_parameter = |row_key: String| BreakdownClauses {
            row_key,
            condition: String::new(),
            parameter: None,
        };
        match self {
            Self::Whole => without_parameter("NULL::text".to_owned()),
            Self::Values(group) => {
                let column = source.column(group);
                without_parameter(format!("nullif({column}::text, '')"))
            }
            Self::Slices(_, slices) => {
                let starts: Vec<Timestamp> = slices.iter().map(|slice| slice.start).collect();
                BreakdownClauses {
                    row_key: format!("width_bucket(t.bucket, ${number}::timestamptz[])::text"),
                    condition: String::new(),
                    parameter: Some(Box::new(starts)),
                }
            }
            Self::Keys(group, keys) => {
                let link_column = match group {
                    Group::Link => "id",
                    _ => "message_id",
                };
                let numbers = || keys.iter().filter_map(|key| key.parse().ok());
                BreakdownClauses {
                    row_key: format!("{}::text", source.column(group)),
                    // The condition is on the keys of links, so that only their rows are read.
                    condition: format!(
                        "AND t.link_key IN (
                             SELECT id FROM links WHERE account_id = $1 AND {link_column} = ANY (${number})
                         )"
                    ),
                    parameter: Some(match group {
                        Group::Link => Box::new(numbers().collect::<Vec<i64>>()),
                        _ => Box::new(keys.to_vec()),
                    }),
                }
            }
        }
    }
}

impl BreakdownClauses {
    /// The parameter for a query, and the number of parameters.
    pub fn parameters(&self) -> Vec<&(dyn ToSql + Sync)> {
        let parameter = self.parameter.as_deref();
        parameter
            .map(|parameter| parameter as &(dyn ToSql + Sync))
            .into_iter()
            .collect()
    }
}
