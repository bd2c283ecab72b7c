//! The tables of totals, and the SQL that compares each with the expected rows.

/// The columns of measures of `totals` and `link_totals`.
const MEASURES: &[&str] = &[
    "sends",
    "messages",
    "delivered_sends",
    "delivered_messages",
    "failed_sends",
    "failed_messages",
    "clicks",
    "unique_clicks",
    "bot_clicks",
    "confirmed_clicks",
    "costed_clicks",
    "click_cost",
    "conversions",
    "revenue",
    "pending_conversions",
    "pending_revenue",
];

/// The columns of measures of `event_totals`.
const MEASURES_OF_EVENTS: &[&str] = &[
    "conversions",
    "revenue",
    "pending_conversions",
    "pending_revenue",
];

/// A table of totals.
pub(super) struct TotalsTable {
    pub name: &'static str,
    /// The common table expression of `totals.sql` with the rows that the table should have.
    expected: &'static str,
    pub key: &'static str,
    /// The columns beside the key and the measures, with a comma at the end.
    pub columns: &'static str,
    pub measures: &'static [&'static str],
    /// Whether the table has at most one row of each key.
    pub is_unique: bool,
}

pub(super) const TOTALS: TotalsTable = TotalsTable {
    name: "totals",
    expected: "expected_totals",
    key: "account_id, span, dimension, bucket, key, currency",
    columns: "offer_id, list_id, creative_id, campaign_id, country, device, ",
    measures: MEASURES,
    is_unique: true,
};

pub(super) const LINK_TOTALS: TotalsTable = TotalsTable {
    name: "link_totals",
    expected: "expected_link_totals",
    key: "account_id, link_key, bucket, country, device, currency",
    columns: "",
    measures: MEASURES,
    is_unique: false,
};

pub(super) const EVENT_TOTALS: TotalsTable = TotalsTable {
    name: "event_totals",
    expected: "expected_event_totals",
    key: "account_id, bucket, key, currency",
    columns: "event, link_key, offer_id, list_id, creative_id, campaign_id, country, device, ",
    measures: MEASURES_OF_EVENTS,
    is_unique: true,
};

impl TotalsTable {
    /// A query for the rows that are not what they should be: their key and columns, what each
    /// measure lacks, and the difference in words. `$1` is an account, or NULL for all.
    pub fn differences(&self) -> String {
        let (reversals, expected_rows) =
            (include_str!("reversals.sql"), include_str!("totals.sql"));
        let Self {
            name,
            expected,
            key,
            columns,
            measures: names,
            is_unique: _,
        } = self;
        let join = |column: &dyn Fn(&str) -> String| {
            let columns: Vec<_> = names.iter().map(|name| column(name)).collect();
            columns.join(", ")
        };
        let in_scope = "AND ($1::bigint IS NULL OR t.account_id = $1)
               AND t.bucket >= coalesce(
                   (SELECT a.raw_since FROM accounts a WHERE a.id = t.account_id), '-infinity')";
        // A missing row is the same as one whose measures are 0.
        let measures = |alias: &str| join(&|name| format!("coalesce({alias}.{name}, 0)"));
        let lacking =
            join(&|name| format!("coalesce(e.{name}, 0) - coalesce(t.{name}, 0) AS {name}"));
        // The table may have several rows of a key.
        let sums = join(&|name| format!("sum({name}) AS {name}"));
        let group: String = columns.to_string() + key;
        let columns: String = columns
            .split_terminator(", ")
            .map(|name| format!("coalesce(e.{name}, t.{name}) AS {name}, "))
            .collect();
        let (actual_measures, expected_measures) = (measures("t"), measures("e"));
        format!(
            "WITH {reversals},
             {expected_rows}
             SELECT {key}, {columns}{lacking},
                    format('{name} %s: is (%s), should be (%s)', concat_ws(' ', {key}),
                           concat_ws(' ', {actual_measures}), concat_ws(' ', {expected_measures}))
                        AS difference
             FROM (SELECT * FROM {expected} t WHERE true {in_scope}) AS e
             FULL JOIN (SELECT {group}, {sums} FROM {name} t WHERE true {in_scope} GROUP BY {group})
                 AS t USING ({key})
             WHERE ({actual_measures}) IS DISTINCT FROM ({expected_measures})"
        )
    }
}
