//! What traffic costs: the models of prices, how the amount of a time range is divided among the
//! parts of the range, and the costs that clicks have in their URLs.

mod click_cost;
mod range;
mod rounding;

pub use click_cost::{ClickCost, ClickCostError, ClickCostRule};
pub use range::{CostPart, CostRange};
pub use rounding::{COST_DECIMALS, round, round_to_total};

/// What a cost is paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CostModel {
    /// Each click that is not a suspected bot's.
    PerClick,
    /// Each conversion that a report counts.
    PerConversion,
    /// Each day, whatever happens on it.
    PerDay,
}

impl CostModel {
    pub const ALL: [Self; 3] = [Self::PerClick, Self::PerConversion, Self::PerDay];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PerClick => "cpc",
            Self::PerConversion => "cpa",
            Self::PerDay => "per_day",
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|model| model.as_str() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_model_has_one_name() {
        for model in CostModel::ALL {
            assert_eq!(CostModel::parse(model.as_str()), Some(model));
        }
        assert_eq!(CostModel::parse("CPC"), None);
    }
}
