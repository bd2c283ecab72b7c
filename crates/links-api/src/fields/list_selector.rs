//! The sending list that a request names.

use super::{
    PhoneNumber,
    text::{Text, non_empty},
};
use crate::error::ApiError;

/// A list by its id or by its number.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ListSelector {
    Id(i64),
    /// Not parsed yet, see [`ListSelector::validate`].
    Phone(String),
}

impl ListSelector {
    /// The number is ignored where there is an id.
    pub fn from_fields(id: Option<i64>, phone: &Option<Text>) -> Result<Self, ApiError> {
        match (id, non_empty(phone)) {
            (Some(id), _) => Ok(Self::Id(id)),
            (None, Some(phone)) => Ok(Self::Phone(phone.to_owned())),
            (None, None) => Err(ApiError::MissingListIdentifier),
        }
    }

    /// Validates the number, apart from [`Self::from_fields`] since other fields are validated
    /// in between.
    pub fn validate(&self) -> Result<(), ApiError> {
        match self {
            Self::Phone(phone) if PhoneNumber::parse(phone).is_none() => {
                Err(ApiError::InvalidPhone("phoneNumber"))
            }
            Self::Id(_) | Self::Phone(_) => Ok(()),
        }
    }
}
