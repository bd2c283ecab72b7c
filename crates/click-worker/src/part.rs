//! A part of a batch: what is stored in one transaction.

use domain::{click::ClickEvent, conversion::Conversion};

use crate::{decode::Poison, store::StoreError};

/// Some events of one kind.
#[derive(Debug, Clone, Copy)]
pub enum Part<'p> {
    Clicks(&'p [ClickEvent<'static>]),
    Conversions(&'p [Conversion<'static>]),
}

impl<'p> Part<'p> {
    pub fn len(self) -> usize {
        match self {
            Self::Clicks(clicks) => clicks.len(),
            Self::Conversions(conversions) => conversions.len(),
        }
    }

    /// Both halves, or the only event's line if there is but one.
    pub fn halves(self) -> Result<[Self; 2], Vec<u8>> {
        match self {
            Self::Clicks([click]) => {
                let mut line = Vec::new();
                click.write_line(&mut line);
                Err(line)
            }
            Self::Conversions([conversion]) => {
                let mut line = Vec::new();
                conversion.write_line(&mut line);
                Err(line)
            }
            Self::Clicks(clicks) => {
                let (left, right) = clicks.split_at(clicks.len() / 2);
                Ok([Self::Clicks(left), Self::Clicks(right)])
            }
            Self::Conversions(conversions) => {
                let (left, right) = conversions.split_at(conversions.len() / 2);
                Ok([Self::Conversions(left), Self::Conversions(right)])
            }
        }
    }
}

/// A line that Postgres refuses for good.
pub fn poison(line: Vec<u8>, error: &StoreError) -> Poison {
    Poison {
        body: line,
        reason: "refused_by_postgres",
        detail: error.to_string(),
    }
}
