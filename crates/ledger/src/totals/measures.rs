//! The numbers that the totals hold.

use std::ops::AddAssign;

use rust_decimal::Decimal;
use tokio_postgres::types::ToSql;

/// The numbers of a row of totals, or their change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Measures {
    /// Sent messages: a message counts once in each row to which it belongs.
    pub sends: i32,
    /// Sent messages: a message counts once, whatever its links and offers.
    pub messages: i32,
    /// Of these, those that networks have delivered, and those that failed or were undelivered.
    pub delivered_sends: i32,
    pub delivered_messages: i32,
    pub failed_sends: i32,
    pub failed_messages: i32,
    pub clicks: i32,
    /// Message clicks.
    pub unique_clicks: i32,
    pub bot_clicks: i32,
    pub confirmed_clicks: i32,
    /// Clicks that are not a bot's and have a cost of their own.
    pub costed_clicks: i32,
    pub click_cost: Decimal,
    /// Approved conversions. Those that are pending are counted apart, others not at all.
    pub conversions: i32,
    pub revenue: Decimal,
    pub pending_conversions: i32,
    pub pending_revenue: Decimal,
}

impl Measures {
    /// What a click that is not a bot's and has a cost of its own adds in the currency of the cost.
    pub fn of_click_cost(amount: Decimal) -> Self {
        Self {
            costed_clicks: 1,
            click_cost: amount,
            ..Self::default()
        }
    }

    /// Whether applying it changes anything.
    pub(super) fn is_change(&self) -> bool {
        *self != Self::default()
    }
}

impl AddAssign for Measures {
    fn add_assign(&mut self, other: Self) {
        self.sends += other.sends;
        self.messages += other.messages;
        self.delivered_sends += other.delivered_sends;
        self.delivered_messages += other.delivered_messages;
        self.failed_sends += other.failed_sends;
        self.failed_messages += other.failed_messages;
        self.clicks += other.clicks;
        self.unique_clicks += other.unique_clicks;
        self.bot_clicks += other.bot_clicks;
        self.confirmed_clicks += other.confirmed_clicks;
        self.costed_clicks += other.costed_clicks;
        self.click_cost += other.click_cost;
        self.conversions += other.conversions;
        self.revenue += other.revenue;
        self.pending_conversions += other.pending_conversions;
        self.pending_revenue += other.pending_revenue;
    }
}

impl std::ops::Neg for Measures {
    type Output = Self;

    fn neg(self) -> Self {
        Self {
            sends: -self.sends,
            messages: -self.messages,
            delivered_sends: -self.delivered_sends,
            delivered_messages: -self.delivered_messages,
            failed_sends: -self.failed_sends,
            failed_messages: -self.failed_messages,
            clicks: -self.clicks,
            unique_clicks: -self.unique_clicks,
            bot_clicks: -self.bot_clicks,
            confirmed_clicks: -self.confirmed_clicks,
            costed_clicks: -self.costed_clicks,
            click_cost: -self.click_cost,
            conversions: -self.conversions,
            revenue: -self.revenue,
            pending_conversions: -self.pending_conversions,
            pending_revenue: -self.pending_revenue,
        }
    }
}

/// The measures of many rows as arrays of columns, in the order of the statements.
pub(super) struct MeasureColumns {
    counts: [Vec<i32>; 13],
    amounts: [Vec<Decimal>; 3],
}

impl MeasureColumns {
    pub(super) fn from_measures<'m>(rows: impl Iterator<Item = &'m Measures>) -> Self {
        let mut columns = Self {
            counts: Default::default(),
            amounts: Default::default(),
        };
        for row in rows {
            let counts = [
                row.sends,
                row.messages,
                row.delivered_sends,
                row.delivered_messages,
                row.failed_sends,
                row.failed_messages,
                row.clicks,
                row.unique_clicks,
                row.bot_clicks,
                row.confirmed_clicks,
                row.costed_clicks,
                row.conversions,
                row.pending_conversions,
            ];
            for (column, count) in columns.counts.iter_mut().zip(counts) {
                column.push(count);
            }
            for (column, amount) in
                columns
                    .amounts
                    .iter_mut()
                    .zip([row.revenue, row.pending_revenue, row.click_cost])
            {
                column.push(amount);
            }
        }
        columns
    }

    pub(super) fn parameters(&self) -> impl Iterator<Item = &(dyn ToSql + Sync)> {
        let counts = self
            .counts
            .iter()
            .map(|column| column as &(dyn ToSql + Sync));
        let amounts = self
            .amounts
            .iter()
            .map(|column| column as &(dyn ToSql + Sync));
        counts.chain(amounts)
    }
}
