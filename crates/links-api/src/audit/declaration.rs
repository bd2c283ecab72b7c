//! What an operation declares about its change.

use super::ObjectKind;

/// What the audit trail says of an operation. Pointers are JSON pointers (RFC 6901) to an id:
/// `/linkId`.
#[derive(Debug, Clone, Copy)]
pub enum Audited {
    /// It changes nothing, although it is no GET: a preview or a test.
    Nothing,
    /// It creates an object, whose id stands in the response.
    Creation { kind: ObjectKind, id: &'static str },
    /// It changes or deletes an object. The id stands in the response to the GET of the object.
    Change { kind: ObjectKind, id: &'static str },
    /// It changes many objects. `ids` is the field with the id of each, in the arrays of the
    /// response.
    Many { kind: ObjectKind, ids: &'static str },
    /// The handler notes what it changes.
    Noted { kind: ObjectKind },
}

impl Audited {
    /// `None` if nothing is changed.
    pub fn kind(self) -> Option<ObjectKind> {
        match self {
            Self::Nothing => None,
            Self::Creation { kind, .. }
            | Self::Change { kind, .. }
            | Self::Many { kind, .. }
            | Self::Noted { kind } => Some(kind),
        }
    }
}
