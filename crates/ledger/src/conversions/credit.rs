//! What a conversion is credited to, and for how much it counts.

use domain::conversion::{ConversionSource, ConversionStatus, EventType};
use rust_decimal::Decimal;
use tokio_postgres::Row;

use super::reversals::{amount, is_reversal};
use crate::{
    ClickFacts,
    totals::{Dimensions, Measures, TotalsDelta},
};

/// What a conversion is credited to, and for how much it counts.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CountedCredit {
    pub credit: Credit,
    /// The counted amount of a reversal. Every other conversion counts for its whole amount.
    pub amount: Option<Decimal>,
    pub currency: String,
}

impl CountedCredit {
    /// Reads what a row of `conversions` says at present.
    pub(super) fn from_row(row: &Row) -> Self {
        Self {
            credit: Credit::from_row(row),
            amount: row.get("counted_amount"),
            currency: row.get("currency"),
        }
    }

    /// Adds the conversion of `row` to the totals of what it is credited to, or subtracts it.
    pub(super) fn count(&self, row: &Row, delta: &mut TotalsDelta, sign: Sign) {
        let dimensions = match &self.credit {
            Credit::Click(click) => click.dimensions(),
            Credit::Offer(dimensions) => dimensions.clone(),
            Credit::None => return,
        };
        let is_reversal = is_reversal(row);
        let amount = self.amount.unwrap_or_else(|| amount(row));
        let amount = if is_reversal { -amount } else { amount };
        let n_conversions = i32::from(!is_reversal);
        let measures = match ConversionStatus::parse(row.get("status")) {
            Some(ConversionStatus::Approved) => Measures {
                conversions: n_conversions,
                revenue: amount,
                ..Measures::default()
            },
            Some(ConversionStatus::Pending) => Measures {
                pending_conversions: n_conversions,
                pending_revenue: amount,
                ..Measures::default()
            },
            _ => return,
        };
        let measures = match sign {
            Sign::Plus => measures,
            Sign::Minus => -measures,
        };
        let Some(event) = EventType::from_name(row.get("event")) else {
            return;
        };
        delta.add_conversion(
            event,
            dimensions,
            row.get("converted_at"),
            &self.currency,
            measures,
        );
    }
}

/// What a conversion is credited to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Credit {
    Click(ClickFacts),
    /// Its offer, without a click.
    Offer(Dimensions),
    /// The conversion is unattributed.
    None,
}

/// Whether something is added to the totals or taken from them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    Plus,
    Minus,
}

impl Credit {
    /// Reads the credit that a row of `conversions` has at present.
    pub(super) fn from_row(row: &Row) -> Self {
        match row.get("attribution") {
            "click" => {
                let account_id: Option<i64> = row.get("account_id");
                let click = account_id.and_then(|id| ClickFacts::from_row(row, "credited_", id));
                click.map_or(Self::None, Self::Click)
            }
            "offer" => Self::offer(row),
            _ => Self::None,
        }
    }

    /// The credit that a row should have. The columns `m_...` are those of its message click.
    pub(super) fn expected(row: &Row) -> Self {
        let account_id: Option<i64> = row.get("account_id");
        let click = account_id.and_then(|id| ClickFacts::from_row(row, "m_", id));
        match click {
            Some(click) => Self::Click(click),
            None if is_of_offer(row) => Self::offer(row),
            None => Self::None,
        }
    }

    fn offer(row: &Row) -> Self {
        let account_id: Option<i64> = row.get("account_id");
        Self::Offer(Dimensions {
            account_id: account_id.unwrap_or_default(),
            offer_id: row.get("offer_id"),
            ..Dimensions::default()
        })
    }

    /// The text of the column `attribution`.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Click(_) => "click",
            Self::Offer(_) => "offer",
            Self::None => "none",
        }
    }

    pub(super) fn click(&self) -> Option<&ClickFacts> {
        match self {
            Self::Click(click) => Some(click),
            Self::Offer(_) | Self::None => None,
        }
    }
}

/// Whether a conversion belongs to its offer without a click: a postback for the offer does, one
/// for a coupon that has an offer, and an imported one that names neither click nor link.
fn is_of_offer(row: &Row) -> bool {
    match ConversionSource::parse(row.get("source")) {
        Some(ConversionSource::Offer) => true,
        Some(ConversionSource::Coupon) => row.get::<_, Option<&str>>("offer_id").is_some(),
        Some(ConversionSource::Import) => {
            row.get::<_, Option<uuid::Uuid>>("click_id").is_none()
                && row.get::<_, Option<i64>>("link_key").is_none()
        }
        _ => false,
    }
}
