//! Looks up records by names that are not their keys.

use domain::{
    id::{OfferId, ShortId},
    record::AccountRecord,
};

use super::{
    name_caches::OfferOwner,
    resolved_link::ResolvedLink,
    resolver::{LookupResult, Resolver},
};

impl Resolver {
    /// The link of a postback to `host` (normalised) that names a short id: the link of that
    /// host, or else the only link with this id among the short domains of the host's
    /// account, or of all accounts if the host belongs to none.
    pub async fn link_for_postback(&self, host: String, id: ShortId) -> LookupResult<ResolvedLink> {
        if let Some(link) = self.link(host.clone(), id.clone()).await? {
            return Ok(Some(link));
        }
        let short_domains =
            self.names
                .short_domains_by_id
                .get((host, id.clone()), async |(host, id)| {
                    let short_domains = self.remote.short_domains_by_id(&host, &id).await?;
                    Ok(Some(short_domains).filter(|domains| !domains.is_empty()))
                });
        match short_domains.await?.as_deref().map(Vec::as_slice) {
            Some([short_domain]) => self.link(short_domain.clone(), id).await,
            _ => Ok(None),
        }
    }

    /// The link of `host` (normalised) whose slug equals this id in another case, if there
    /// is exactly one.
    pub async fn link_in_any_case(&self, host: String, id: ShortId) -> LookupResult<ResolvedLink> {
        if !id.as_str().bytes().any(|b| b.is_ascii_alphabetic()) {
            return Ok(None);
        }
        let slug = self
            .names
            .slugs_in_any_case
            .get((host.clone(), id), async |(host, id)| {
                let mut slugs = self.remote.slugs_in_any_case(&host, &id).await?;
                Ok(slugs.pop().filter(|_| slugs.is_empty()))
            });
        match slug.await?.as_deref() {
            Some(slug) => self.link(host, slug.clone()).await,
            None => Ok(None),
        }
    }

    /// The account that holds a host, which must be normalised.
    pub async fn account_of_host(&self, host: String) -> LookupResult<AccountRecord> {
        let accounts = &self.names.accounts_by_host;
        let account_id = accounts.get(host, async |host| {
            let account_ids = self.remote.accounts_of_host(&host).await?;
            Ok(account_ids.into_iter().next())
        });
        match account_id.await?.as_deref() {
            Some(account_id) => self.account(*account_id).await,
            None => Ok(None),
        }
    }

    /// The ids of the offers with this `external_id`, at most two: more than one are
    /// ambiguous.
    pub async fn offers_by_external_id(
        &self,
        owner: OfferOwner,
        external_id: String,
    ) -> LookupResult<Vec<OfferId>> {
        let offers = &self.names.offers_by_external_id;
        offers
            .get((owner, external_id), async |(owner, external_id)| {
                let offers = self
                    .remote
                    .offers_by_external_id(&owner, &external_id)
                    .await?;
                Ok(Some(offers).filter(|offers| !offers.is_empty()))
            })
            .await
    }
}
