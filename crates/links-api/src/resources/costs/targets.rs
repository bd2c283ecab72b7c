//! What the rows of an import of costs name.

use std::collections::BTreeSet;

use domain::id::AccountId;
use postgres::pool::GenericClient;

use super::row::ValidRow;
use crate::{
    db::{
        costs::{CostTarget, CostTargetKind},
        import_targets::{NamedLink, find_campaigns, find_links, find_lists, find_offers},
    },
    error::{ApiError, RowFailure},
};

/// The links, offers, lists and campaigns of an account that rows name.
pub struct Targets {
    links: Vec<NamedLink>,
    offers: BTreeSet<String>,
    lists: Vec<i64>,
    campaigns: Vec<String>,
}

impl Targets {
    pub async fn load(
        client: &impl GenericClient,
        account_id: AccountId,
        rows: &[Result<ValidRow, RowFailure>],
    ) -> Result<Self, ApiError> {
        let names = |kind: CostTargetKind| -> BTreeSet<&str> {
            let rows = rows.iter().flatten().filter(|row| row.kind == kind);
            rows.map(|row| row.name.as_str()).collect()
        };
        let offers = names(CostTargetKind::Offer);
        let offers = offers.into_iter().map(str::to_owned).collect();
        let lists = names(CostTargetKind::List);
        let lists: Vec<_> = lists.into_iter().filter_map(|id| id.parse().ok()).collect();
        let campaigns: Vec<_> = names(CostTargetKind::Campaign).into_iter().collect();
        Ok(Self {
            links: find_links(client, account_id, &names(CostTargetKind::Link)).await?,
            offers: find_offers(client, account_id, &offers).await?,
            lists: find_lists(client, account_id, &lists).await?,
            campaigns: find_campaigns(client, account_id, &campaigns).await?,
        })
    }

    pub fn find(&self, row: &ValidRow) -> Result<CostTarget, RowFailure> {
        let name = &row.name;
        let id = match row.kind {
            CostTargetKind::Link => Some(self.link(name)?),
            CostTargetKind::Offer => Some(name.clone()).filter(|id| self.offers.contains(id)),
            CostTargetKind::List => {
                let id = name.parse().ok().filter(|id| self.lists.contains(id));
                id.map(|id| id.to_string())
            }
            CostTargetKind::Campaign => Some(name.clone()).filter(|id| self.campaigns.contains(id)),
        };
        let (code, field) = match row.kind {
            CostTargetKind::Link => ("link_not_found", "link_id"),
            CostTargetKind::Offer => ("offer_not_found", "offer_id"),
            CostTargetKind::List => ("list_not_found", "list_id"),
            CostTargetKind::Campaign => ("campaign_not_found", "campaign_id"),
        };
        let id = id.ok_or_else(|| failure(code, field, "The account has none with this id."))?;
        Ok(CostTarget { kind: row.kind, id })
    }

    fn link(&self, name: &str) -> Result<String, RowFailure> {
        let mut found = self.links.iter().filter(|link| link.has_id(name));
        match (found.next(), found.next()) {
            (Some(link), None) => Ok(link.key.to_string()),
            (None, _) => Err(failure(
                "link_not_found",
                "link_id",
                "The account has none with this id.",
            )),
            (Some(_), Some(_)) => Err(failure(
                "ambiguous_link_id",
                "link_id",
                "Several domains have a link with this id.",
            )),
        }
    }
}

fn failure(code: &'static str, field: &str, error: &str) -> RowFailure {
    RowFailure {
        code,
        field: Some(field.to_owned()),
        error: error.to_owned(),
    }
}
