//! Parameters of Postgres's planner for the statements of the ledger, whose work must not
//! grow with the history of a link, message or account.

/// Each statement finds its rows by index, and is planned for the tables as they are when
/// it runs. Without this, a session keeps a plan from the time when a table was empty: it
/// reads the whole table, or uses an index that was as good as any other then, although the
/// table has a million rows by now.
///
/// `jit` is off because the planner gives a very high cost to the plan types that are
/// forbidden here, and Postgres would compile every plan that has one of them each time.
const PLANNER: [(&str, &str); 5] = [
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("jit", "off"),
    ("plan_cache_mode", "force_custom_plan"),
];

/// A common table expression `planner` that sets the parameters for the rest of the
/// transaction. It saves a round trip beside the lock of an account.
pub(crate) fn planner_expression() -> String {
    let set = PLANNER.map(|(name, value)| format!("set_config('{name}', '{value}', true)"));
    format!(
        "WITH planner AS MATERIALIZED (SELECT ARRAY[{}])",
        set.join(", ")
    )
}

/// The parameters for sessions that look things up for the ledger, as an argument of
/// [`postgres::pool::build_with_parameters`].
pub fn planner_parameters() -> String {
    let parameters = PLANNER.map(|(name, value)| format!("-c {name}={value}"));
    parameters.join(" ")
}
