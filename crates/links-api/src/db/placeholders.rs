//! Numbered parameters of a statement.

/// `$1, $2, ...`: parameters for the first `n` values. Where a row is written, its values come
/// first and other parameters behind them, so that INSERT and UPDATE have the same.
pub fn placeholders(n: usize) -> String {
    let numbers: Vec<_> = (1..=n).map(|number| format!("${number}")).collect();
    numbers.join(", ")
}
