//! What the traffic of a report costs by imported costs. What clicks cost by themselves is in the
//! totals, and is read with the other counts.
//!
//! Costs are not in the totals: a click writes nothing for them, and a change of a price changes
//! the reports of all times at once. A report cuts the costs of its period at midnights (UTC),
//! and joins the parts with the totals of their targets. The amounts of days belong to the row
//! of their target, or are divided among rows by the clicks of the same day.

mod direct;
mod part;
mod prices;

use std::collections::HashMap;

use domain::cost::CostModel;
use rust_decimal::Decimal;

use super::{
    breakdown::{Axis, Breakdown},
    filters::Filters,
    group::Group,
    request::ReportRequest,
};
use crate::{
    db::costs::{CostFields, CostTarget, CostTargetKind, select_of_period},
    error::ApiError,
    http::RequestContext,
};
use direct::add_direct;
use part::{DayPart, Prices, cut};
use prices::{add_priced, count_clicks};

/// Costs by the keys of rows.
pub type CostByKey = HashMap<Option<String>, Decimal>;

const KINDS: [CostTargetKind; 4] = [
    CostTargetKind::Link,
    CostTargetKind::Offer,
    CostTargetKind::List,
    CostTargetKind::Campaign,
];

/// The costs of each row, not rounded.
pub async fn select(
    context: RequestContext<'_>,
    request: &ReportRequest,
    breakdown: Breakdown<'_>,
) -> Result<CostByKey, ApiError> {
    let period = (request.period.from, request.period.to);
    let currency = match request.exchange {
        Some(_) => None,
        None => Some(request.currency.as_str()),
    };
    let account_id = context.caller.account_id;
    let costs = select_of_period(context.db, account_id, period, currency).await?;
    let mut cost_by_key = CostByKey::new();
    if costs.is_empty() {
        return Ok(cost_by_key);
    }
    // Neither a click nor a day is of an event.
    let breakdown_of = |model| match breakdown {
        Breakdown::One(Axis::Values(Group::Event)) if model != CostModel::PerConversion => {
            Breakdown::Whole
        }
        breakdown => breakdown,
    };
    for kind in KINDS {
        for models in [
            &[CostModel::PerClick, CostModel::PerDay][..],
            &[CostModel::PerConversion],
        ] {
            let is_selected = |cost: &&CostFields| {
                cost.target.kind == kind
                    && models.contains(&cost.range.model)
                    && kind.is_selected(&request.filters, &cost.target)
            };
            let costs: Vec<_> = costs.iter().filter(is_selected).collect();
            let query = KindQuery {
                context,
                request,
                kind,
                breakdown: breakdown_of(models[0]),
            };
            query.add(&costs, &mut cost_by_key).await?;
        }
    }
    Ok(cost_by_key)
}

/// The costs of one kind of target in one report.
struct KindQuery<'q> {
    context: RequestContext<'q>,
    request: &'q ReportRequest,
    kind: CostTargetKind,
    breakdown: Breakdown<'q>,
}

impl KindQuery<'_> {
    async fn add(&self, costs: &[&CostFields], sums: &mut CostByKey) -> Result<(), ApiError> {
        let mut priced = Vec::new();
        let mut shared = Vec::new();
        for part in cut(costs, self.request)? {
            match part.cost.range.model {
                CostModel::PerClick | CostModel::PerConversion => priced.push(part),
                CostModel::PerDay if self.is_shared() => shared.push(part),
                CostModel::PerDay => add_direct(self.request, self.breakdown, &part, sums)?,
            }
        }
        priced.extend(self.share_among_clicks(shared, sums).await?);
        add_priced(self, &priced, sums).await
    }

    /// Whether the amounts of days are divided by clicks: rows or filters are by something else
    /// than the target.
    fn is_shared(&self) -> bool {
        let is_own_breakdown = match self.breakdown {
            Breakdown::Whole | Breakdown::One(Axis::Slices(..)) => true,
            Breakdown::One(Axis::Values(group)) | Breakdown::Keys(group, _) => {
                group == self.kind.group()
            }
            Breakdown::One(Axis::RecurringTime(..)) | Breakdown::Two(..) => false,
        };
        !is_own_breakdown || self.kind.has_other_filters(&self.request.filters)
    }

    /// Turns amounts into shares of clicks. The amount of a day without clicks belongs to what
    /// has no key, if the report has such a row and no filter.
    async fn share_among_clicks<'c>(
        &self,
        mut shared: Vec<DayPart<'c>>,
        sums: &mut CostByKey,
    ) -> Result<Vec<DayPart<'c>>, ApiError> {
        let clicks = count_clicks(self, &shared).await?;
        let has_row = !self.kind.has_other_filters(&self.request.filters)
            && !matches!(self.breakdown, Breakdown::Keys(..));
        for (part, n_clicks) in shared.iter_mut().zip(&clicks) {
            let amount = part.amount(self.request)?;
            match n_clicks {
                0 if has_row => *sums.entry(None).or_default() += amount,
                0 => {}
                n => part.prices = Prices::share(amount, *n),
            }
        }
        Ok(shared)
    }
}

impl CostTargetKind {
    /// The dimension of the reports whose values are targets.
    fn group(self) -> Group {
        match self {
            Self::Link => Group::Link,
            Self::Offer => Group::Offer,
            Self::List => Group::List,
            Self::Campaign => Group::Campaign,
        }
    }

    /// Whether a target passes the filter on targets of its kind.
    fn is_selected(self, filters: &Filters, target: &CostTarget) -> bool {
        let id = target.id.as_str();
        let group = self.group();
        let mut conditions = filters.conditions.iter().filter(|c| c.group == group);
        if !conditions.all(|condition| condition.is_met_by(id)) {
            return false;
        }
        match self {
            Self::Link => {
                let keys = filters.link_keys.as_ref();
                keys.is_none_or(|keys| keys.iter().any(|key| key.to_string() == id))
            }
            Self::Offer => filters.offer_id.as_ref().is_none_or(|filter| filter == id),
            Self::List => filters
                .list_id
                .is_none_or(|filter| filter.to_string() == id),
            Self::Campaign => filters
                .campaign_id
                .as_ref()
                .is_none_or(|filter| filter == id),
        }
    }

    /// Whether there are filters on something else than targets of this kind.
    fn has_other_filters(self, filters: &Filters) -> bool {
        let mut others = filters.clone();
        let group = self.group();
        others
            .conditions
            .retain(|condition| condition.group != group);
        match self {
            Self::Link => others.link_keys = None,
            Self::Offer => others.offer_id = None,
            Self::List => others.list_id = None,
            Self::Campaign => others.campaign_id = None,
        }
        others != Filters::default()
    }
}
