//! How a query locks the rows that it selects.

/// The lock is held until the transaction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowLock {
    /// Other transactions may change the row meanwhile.
    None,
    /// The row is neither changed nor deleted by others.
    Share,
    /// The row is about to be changed: others that want to change it wait.
    Update,
}

impl RowLock {
    /// The locking clause for a query that has no other tables.
    pub fn clause(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Share => "FOR SHARE",
            Self::Update => "FOR UPDATE",
        }
    }

    /// The locking clause for one table of several, by its alias.
    pub fn clause_of(self, alias: &str) -> String {
        match self {
            Self::None => String::new(),
            Self::Share | Self::Update => format!("{} OF {alias}", self.clause()),
        }
    }
}
