//! What became of a postback, as the log of postbacks names it.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::error::PostbackError;

/// What a redirector did with a postback. A refused one has the code of its error, so that the
/// log and the response have the same word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PostbackVerdict {
    /// Its conversion is on disk. Whether it is stored by now, the ledger knows.
    Accepted,
    /// It repeats a conversion that the redirector knows.
    Duplicate,
    /// The mapping says that its event is not stored.
    Ignored,
    Refused(PostbackError),
    /// No postback, but the number of those that have no entry of their own.
    Suppressed,
}

impl PostbackVerdict {
    pub fn all() -> impl Iterator<Item = Self> {
        let others = [
            Self::Accepted,
            Self::Duplicate,
            Self::Ignored,
            Self::Suppressed,
        ];
        others
            .into_iter()
            .chain(PostbackError::all().map(Self::Refused))
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Duplicate => "duplicate",
            Self::Ignored => "ignored",
            Self::Refused(error) => error.status_and_code().1,
            Self::Suppressed => "suppressed",
        }
    }

    /// The verdict of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::all().find(|verdict| verdict.as_str() == name)
    }

    pub const fn is_refused(self) -> bool {
        matches!(self, Self::Refused(_))
    }
}

impl Serialize for PostbackVerdict {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for PostbackVerdict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::parse(&name).ok_or_else(|| de::Error::custom("there is no such verdict"))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_verdict_has_a_name_of_its_own_and_every_error_is_one() {
        let names: BTreeSet<_> = PostbackVerdict::all()
            .map(PostbackVerdict::as_str)
            .collect();
        assert_eq!(names.len(), 4 + PostbackError::all().count());
        for error in PostbackError::all() {
            let (_, code) = error.status_and_code();
            let verdict = PostbackVerdict::parse(code);
            assert_eq!(verdict, Some(PostbackVerdict::Refused(error)), "{code}");
        }
        for verdict in PostbackVerdict::all() {
            assert_eq!(PostbackVerdict::parse(verdict.as_str()), Some(verdict));
        }
        assert_eq!(PostbackVerdict::parse("stored"), None);
    }
}
