//! Into which rows a query of a report divides what it sums up.

use jiff::Timestamp;
use ledger::totals::day_start;
use tokio_postgres::types::ToSql;

use super::{
    fetch::Granularity, filters::Filters, group::Group, source::Source, time_slices::TimeSlice,
};

/// The rows of a report, each with a text as its key, which is `None` for what has no value.
#[derive(Debug, Clone, Copy)]
pub enum Breakdown<'r> {
    /// One row for everything, without a key.
    Whole,
    /// A row for each value of a dimension.
    One(Axis<'r>),
    /// A row for each two values of two dimensions. The key is a JSON array of both.
    Two(Axis<'r>, Axis<'r>),
    /// A row for each of some links or messages. The key of a link is the number of its row.
    Keys(Group, &'r [String]),
}

/// A dimension, with the values that its rows can have if these are times.
#[derive(Debug, Clone, Copy)]
pub enum Axis<'r> {
    /// Each day or hour. The key is the number of the slice, from 1.
    Slices(Group, &'r [TimeSlice]),
    /// The hour of the day (0 to 23) or the day of the week (1 is Monday) in a time zone.
    RecurringTime(Group, &'r str),
    /// The values of any other dimension.
    Values(Group),
}

/// The parts of a query that depend on the breakdown.
pub struct BreakdownClauses {
    /// The expression of the key, a text.
    pub row_key: String,
    /// A condition that begins with AND, or nothing.
    pub condition: String,
    /// The parameters of the expression or the condition.
    parameters: Vec<Box<dyn ToSql + Sync + Send>>,
}

impl<'r> Breakdown<'r> {
    /// The dimensions by which the rows differ.
    pub fn groups(self) -> Vec<Group> {
        match self {
            Self::Whole => Vec::new(),
            Self::One(axis) => vec![axis.group()],
            Self::Two(first, second) => vec![first.group(), second.group()],
            Self::Keys(group, _) => vec![group],
        }
    }

    pub fn source(self, filters: &Filters) -> Source {
        Source::select_all(filters, &self.groups())
    }

    /// As [`source`](Self::source), for what value totals have as well: counts and revenue by one
    /// dimension, and by days of it.
    pub fn source_of_counts(self, filters: &Filters) -> Source {
        let value_group = match self {
            Self::One(Axis::Values(group)) => Some(group),
            Self::Two(Axis::Values(group), Axis::Slices(..))
            | Self::Two(Axis::Slices(..), Axis::Values(group))
                if self.granularity() == Granularity::DailyRows =>
            {
                Some(group)
            }
            _ => None,
        };
        match value_group {
            Some(group) if group.is_of_clicks_only() && filters.are_empty() => {
                Source::Values(group)
            }
            _ => self.source(filters),
        }
    }

    /// Rows of links and messages are read by key, for which there are no rows of days. Days can
    /// be read as such if all begin at a midnight by UTC. The first one need not, since it begins
    /// with the period.
    pub fn granularity(self) -> Granularity {
        let has_whole_days = match self {
            Self::Whole => true,
            Self::One(axis) => axis.has_whole_days(),
            Self::Two(first, second) => first.has_whole_days() && second.has_whole_days(),
            Self::Keys(..) => false,
        };
        match has_whole_days {
            true => Granularity::DailyRows,
            false => Granularity::QuarterHourRows,
        }
    }

    /// `number` is that of the first parameter.
    pub fn clauses(self, source: Source, number: usize) -> BreakdownClauses {
        let mut clauses = BreakdownClauses {
            row_key: "NULL::text".to_owned(),
            condition: String::new(),
            parameters: Vec::new(),
        };
        match self {
            Self::Whole => {}
            Self::One(axis) => clauses.row_key = clauses.add_axis(axis, source, number),
            Self::Two(first, second) => {
                let first = clauses.add_axis(first, source, number);
                let second = clauses.add_axis(second, source, number);
                clauses.row_key =
                    format!("nullif(json_build_array({first}, {second})::text, '[null, null]')");
            }
            Self::Keys(group, keys) => {
                let link_column = match group {
                    Group::Link => "id",
                    _ => "message_id",
                };
                let numbers = || keys.iter().filter_map(|key| key.parse().ok());
                clauses.row_key = format!("{}::text", source.row_key(group));
                // The condition is on the keys of links, so that only their rows are read.
                clauses.condition = format!(
                    "AND t.link_key IN (
                         SELECT id FROM links WHERE account_id = $1 AND {link_column} = ANY (${number})
                     )"
                );
                clauses.parameters.push(match group {
                    Group::Link => Box::new(numbers().collect::<Vec<i64>>()),
                    _ => Box::new(keys.to_vec()),
                });
            }
        }
        clauses
    }
}

impl Axis<'_> {
    pub fn group(self) -> Group {
        match self {
            Self::Slices(group, _) | Self::RecurringTime(group, _) | Self::Values(group) => group,
        }
    }

    fn has_whole_days(self) -> bool {
        let is_midnight = |slice: &TimeSlice| slice.start == day_start(slice.start);
        match self {
            Self::Slices(Group::Date, slices) => slices.iter().skip(1).all(is_midnight),
            Self::Slices(..) | Self::RecurringTime(..) => false,
            Self::Values(_) => true,
        }
    }
}

impl BreakdownClauses {
    /// The parameters for a query.
    pub fn parameters(&self) -> Vec<&(dyn ToSql + Sync)> {
        let parameters = self.parameters.iter();
        parameters
            .map(|parameter| &**parameter as &(dyn ToSql + Sync))
            .collect()
    }

    /// Adds the parameters of an axis. Returns the expression of its key, a text.
    fn add_axis(&mut self, axis: Axis<'_>, source: Source, first_number: usize) -> String {
        let number = first_number + self.parameters.len();
        match axis {
            Axis::Values(group) => format!("nullif({}::text, '')", source.row_key(group)),
            Axis::Slices(_, slices) => {
                let starts: Vec<Timestamp> = slices.iter().map(|slice| slice.start).collect();
                self.parameters.push(Box::new(starts));
                format!("width_bucket(t.bucket, ${number}::timestamptz[])::text")
            }
            Axis::RecurringTime(group, zone) => {
                self.parameters.push(Box::new(zone.to_owned()));
                let field = match group {
                    Group::Weekday => "isodow",
                    _ => "hour",
                };
                format!("extract({field} FROM t.bucket AT TIME ZONE ${number}::text)::text")
            }
        }
    }
}
