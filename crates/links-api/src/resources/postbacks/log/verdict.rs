//! The verdicts by which entries are selected: those of redirectors, those that the ledger
//! knows by now, and `refused` for any error.

use domain::postback::PostbackVerdict;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

/// A verdict as of now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerdictQuery {
    /// What the ledger says of an accepted postback, or `accepted` where it says nothing.
    OfLedger(&'static str),
    /// What the redirector said, which stays.
    OfRedirector(PostbackVerdict),
    /// Any error with which a postback was refused.
    Refused,
}

const OF_LEDGER: [&str; 5] = ["stored", "duplicate", "pending", "deleted", "accepted"];
const REFUSED: &str = "refused";

impl VerdictQuery {
    /// The verdicts of redirectors that an entry can have.
    pub fn of_redirector(self) -> Vec<&'static str> {
        match self {
            Self::OfLedger(_) => {
                let recorded = [PostbackVerdict::Accepted, PostbackVerdict::Duplicate];
                recorded.map(PostbackVerdict::as_str).to_vec()
            }
            Self::OfRedirector(verdict) => vec![verdict.as_str()],
            Self::Refused => PostbackVerdict::all()
                .filter(|verdict| verdict.is_refused())
                .map(PostbackVerdict::as_str)
                .collect(),
        }
    }

    /// The verdict that the entry must have now, beside that of the redirector.
    pub fn current(self) -> Option<&'static str> {
        match self {
            Self::OfLedger(name) => Some(name),
            Self::OfRedirector(_) | Self::Refused => None,
        }
    }

    fn parse(name: &str) -> Option<Self> {
        if name == REFUSED {
            return Some(Self::Refused);
        }
        let of_ledger = OF_LEDGER.into_iter().find(|verdict| *verdict == name);
        of_ledger
            .map(Self::OfLedger)
            .or_else(|| PostbackVerdict::parse(name).map(Self::OfRedirector))
    }

    fn names() -> Vec<&'static str> {
        let of_redirector = PostbackVerdict::all()
            .map(PostbackVerdict::as_str)
            .filter(|name| !OF_LEDGER.contains(name));
        OF_LEDGER
            .into_iter()
            .chain([REFUSED])
            .chain(of_redirector)
            .collect()
    }
}

impl<'de> Deserialize<'de> for VerdictQuery {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::parse(&name).ok_or_else(|| {
            let names = Self::names().join(", ");
            de::Error::custom(format!("it is not one of {names}"))
        })
    }
}

impl JsonSchema for VerdictQuery {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "PostbackVerdict".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "enum": Self::names() })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_name_selects_verdicts_of_redirectors() {
        let names = VerdictQuery::names();
        assert_eq!(names.len(), BTreeSet::from_iter(&names).len());
        for name in names {
            let verdict = VerdictQuery::parse(name).unwrap();
            assert!(!verdict.of_redirector().is_empty(), "{name}");
        }
        for (name, n_of_redirector, current) in [
            ("stored", 2, Some("stored")),
            ("duplicate", 2, Some("duplicate")),
            ("ignored", 1, None),
            ("suppressed", 1, None),
            ("invalid_token", 1, None),
            (
                "refused",
                domain::postback::PostbackError::all().count(),
                None,
            ),
        ] {
            let verdict = VerdictQuery::parse(name).unwrap();
            let actual = (verdict.of_redirector().len(), verdict.current());
            assert_eq!(actual, (n_of_redirector, current), "{name}");
        }
        assert_eq!(VerdictQuery::parse("nothing"), None);
    }
}
