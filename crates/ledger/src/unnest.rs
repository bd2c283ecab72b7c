//! Passing many rows to one statement: as an array for each column, for `unnest`.

/// The array of one column.
pub(crate) fn column<'r, R, T>(rows: &'r [R], value: impl Fn(&'r R) -> T) -> Vec<T> {
    rows.iter().map(value).collect()
}
