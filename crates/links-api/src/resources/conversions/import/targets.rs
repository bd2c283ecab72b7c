//! What the rows of a piece name: clicks, links and offers of the account.

use std::collections::{BTreeMap, BTreeSet};

use domain::id::{AccountId, ClickId};
use ledger::conversions::click_load_accounts;
use postgres::pool::GenericClient;

use super::row::{RowTarget, ValidRow};
use crate::{
    db::import_targets::{NamedLink, find_links, find_offers},
    error::{ApiError, RowFailure},
};

/// The clicks, links and offers of an account that rows name.
pub struct Targets {
    account_id: AccountId,
    accounts_of_clicks: BTreeMap<ClickId, i64>,
    links: Vec<NamedLink>,
    offers: BTreeSet<String>,
}

/// What a row is a conversion of, as it is stored.
#[derive(Debug, Default)]
pub struct FoundTarget {
    pub click_id: Option<ClickId>,
    pub link: Option<NamedLink>,
    pub offer_id: Option<String>,
    pub message_id: Option<String>,
}

impl Targets {
    pub async fn load(
        client: &impl GenericClient,
        account_id: AccountId,
        rows: impl Iterator<Item = &ValidRow>,
    ) -> Result<Self, ApiError> {
        let (mut clicks, mut links, mut offers) =
            (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for row in rows {
            match &row.target {
                RowTarget::Click(id) => _ = clicks.insert(*id),
                RowTarget::Link(id) => _ = links.insert(id.as_str()),
                RowTarget::Offer { offer_id, .. } => _ = offers.insert(offer_id.to_string()),
            }
        }
        let clicks: Vec<_> = clicks.into_iter().collect();
        let accounts_of_clicks = match clicks.is_empty() {
            true => BTreeMap::new(),
            false => click_load_accounts(client, &clicks).await?,
        };
        Ok(Self {
            account_id,
            accounts_of_clicks,
            links: find_links(client, account_id, &links).await?,
            offers: find_offers(client, account_id, &offers).await?,
        })
    }

    pub fn find(&self, target: &RowTarget) -> Result<FoundTarget, RowFailure> {
        match target {
            RowTarget::Click(id) => match self.accounts_of_clicks.get(id) {
                Some(account_id) if *account_id == self.account_id.0 => Ok(FoundTarget {
                    click_id: Some(*id),
                    ..FoundTarget::default()
                }),
                _ => Err(not_found("click_not_found", "click_id")),
            },
            RowTarget::Link(id) => {
                let mut found = self.links.iter().filter(|link| link.has_id(id));
                let link = found.next();
                let link = link.ok_or_else(|| not_found("link_not_found", "link_id"))?;
                if found.next().is_some() {
                    return Err(RowFailure {
                        code: "ambiguous_link_id",
                        field: Some("link_id".to_owned()),
                        error: "Several domains have a link with this id.".to_owned(),
                    });
                }
                Ok(FoundTarget {
                    offer_id: link.offer_id.clone(),
                    message_id: link.message_id.clone(),
                    link: Some(link.clone()),
                    ..FoundTarget::default()
                })
            }
            RowTarget::Offer {
                offer_id,
                message_id,
            } => {
                let offer_id = offer_id.to_string();
                if !self.offers.contains(&offer_id) {
                    return Err(not_found("offer_not_found", "offer_id"));
                }
                Ok(FoundTarget {
                    offer_id: Some(offer_id),
                    message_id: message_id.clone(),
                    ..FoundTarget::default()
                })
            }
        }
    }
}

fn not_found(code: &'static str, field: &str) -> RowFailure {
    RowFailure {
        code,
        field: Some(field.to_owned()),
        error: format!("The account has nothing with this {field}."),
    }
}
