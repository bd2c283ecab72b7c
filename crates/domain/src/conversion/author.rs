//! Who changes a conversion for its account.

/// Who corrected, imported or deleted a conversion for its account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Author {
    /// The id of an API key.
    ApiKey(i64),
    /// The id of a user.
    User(i64),
}

impl Author {
    /// The author of two columns, of which at most one has a value.
    pub fn from_columns(api_key_id: Option<i64>, user_id: Option<i64>) -> Option<Self> {
        api_key_id.map(Self::ApiKey).or(user_id.map(Self::User))
    }

    pub fn api_key_id(self) -> Option<i64> {
        match self {
            Self::ApiKey(id) => Some(id),
            Self::User(_) => None,
        }
    }

    pub fn user_id(self) -> Option<i64> {
        match self {
            Self::ApiKey(_) => None,
            Self::User(id) => Some(id),
        }
    }
}
