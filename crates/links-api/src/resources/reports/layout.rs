//! How the rows of a report are laid out: its dimensions, with the days or hours of the period.

use jiff::Timestamp;

use super::{
    breakdown::{Axis, Breakdown},
    group::Group,
    request::ReportRequest,
    time_slices::TimeSlice,
};
use crate::error::ApiError;

/// The dimensions of a report's rows. Owns what a [`Breakdown`] borrows.
#[derive(Debug)]
pub struct Layout {
    group: Group,
    then_by: Option<Group>,
    /// The days or hours of the period, if a dimension is one of them.
    slices: Vec<TimeSlice>,
    zone_name: String,
    ends_at: Timestamp,
}

impl Layout {
    pub fn new(request: &ReportRequest) -> Result<Self, ApiError> {
        let time = request.groups().into_iter().find(|group| group.is_time());
        Ok(Self {
            group: request.group,
            then_by: request.then_by,
            slices: match time {
                Some(Group::Hour) => request.period.hours()?,
                Some(_) => request.period.days()?,
                None => Vec::new(),
            },
            zone_name: request.period.zone_name.clone(),
            ends_at: request.period.to,
        })
    }

    pub fn breakdown(&self) -> Breakdown<'_> {
        let first = self.axis(self.group);
        match self.then_by {
            Some(second) => Breakdown::Two(first, self.axis(second)),
            None => Breakdown::One(first),
        }
    }

    /// The day or hour with this key, if the dimension is one of them, and its end.
    pub fn slice(&self, group: Group, key: Option<&str>) -> Option<(&TimeSlice, Timestamp)> {
        if !group.is_time() {
            return None;
        }
        // Slices are numbered from 1.
        let number: usize = key?.parse().ok()?;
        let slice = self.slices.get(number.checked_sub(1)?)?;
        let next = self.slices.get(number);
        Some((slice, next.map_or(self.ends_at, |next| next.start)))
    }

    fn axis(&self, group: Group) -> Axis<'_> {
        match group {
            Group::Date | Group::Hour => Axis::Slices(group, &self.slices),
            Group::HourOfDay | Group::Weekday => Axis::RecurringTime(group, &self.zone_name),
            _ => Axis::Values(group),
        }
    }
}
