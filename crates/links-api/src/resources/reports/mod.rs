//! Reports: sends, clicks, conversions, revenue and costs by any dimension, from the totals.

mod breakdown;
mod by_event;
mod by_key;
mod converted;
mod costs;
mod counts;
mod events;
mod exchange;
mod fetch;
mod filters;
mod group;
mod layout;
mod measures;
mod names;
mod order;
mod performance;
mod period;
mod previous;
mod request;
mod row;
mod row_key;
mod rows;
mod source;
mod statuses;
mod sums;
mod time_slices;

use domain::exchange::MissingRate;

use crate::{
    auth::Scope,
    error::ApiError,
    http::{Content, Operation},
    state::PoolKind,
};
use performance::{Report, get_performance_report};

pub fn operations() -> Vec<Operation> {
    vec![
        Operation::get("/reports/performance", get_performance_report)
            .scope(Scope::ReportsRead)
            .tag("reports")
            .pool(PoolKind::Reports)
            .summary("Get a performance report")
            .description(
                "Rows by the dimension `group_by`. `clicks` counts all clicks, `unique_clicks` \
                 the first click of each contact and message that is not a bot's, and \
                 `confirmed_clicks` those that pressed the Continue button. Rates are of unique \
                 clicks: `click_rate` per delivered message, or per send if no delivery is known, \
                 `conversion_rate` and `epc` per unique click, `epc_total` per click. A rate that \
                 cannot be known is null: a division by zero, or more unique clicks than \
                 messages because not all sends were recorded. Conversions are those that \
                 are attributed, at the time when they were received; refunds and chargebacks \
                 are subtracted from the revenue. A message counts as a send of each of its \
                 offers and links, and as one send in `totals`. What has no offer (list, \
                 creative, campaign, country, device) is in a row whose key is null; values of \
                 sub ids and the like beyond 1,000 of a day are in the row `(other)`. Links and \
                 messages come in pages by key, and only those with clicks, sends or conversions \
                 in the range. Times that are not full quarters of an hour are extended to them. \
                 `cost` is what the imported costs make of the clicks, conversions and days of \
                 the row, with the costs that clicks have of their own (`click_cost` of the \
                 account or link) in place of prices per click, `profit` is the revenue less the \
                 cost, and `roi` the profit per cost, null without a cost. With `events=true`, \
                 `events` has conversions and revenue of each event. With `convert_to`, amounts of \
                 all currencies are converted; a missing rate is an error.",
            )
            .response::<Report>(200, Report::example())
            .response_with_content(200, "Success", Content::Bytes("text/csv"))
            .errors([
                ApiError::TooManyCostsInPeriod,
                ApiError::MissingExchangeRate(MissingRate {
                    currency: "USD".to_owned(),
                    day: jiff::civil::date(2026, 3, 2),
                }),
            ]),
    ]
}
