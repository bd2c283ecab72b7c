//! Reads records from Postgres by their keys, as redirectors read them from Redis.

use std::collections::{HashMap, HashSet};

use domain::record::RecordKey;
use postgres::pool::GenericClient;
use serde::Serialize;

use super::{
    accounts, campaigns, coupons,
    links::{self, LinkNames},
    lists, offers,
};
use crate::error::ApiError;

/// A record in the version that stands in Postgres.
pub struct LoadedRecord {
    pub json: Vec<u8>,
    pub version: i64,
}

impl LoadedRecord {
    fn new(record: &impl Serialize, version: i64) -> Result<Self, ApiError> {
        Ok(Self {
            json: serde_json::to_vec(record).map_err(ApiError::internal)?,
            version,
        })
    }
}

/// The record of this key; `None` if it does not exist.
pub async fn load_record(
    client: &impl GenericClient,
    key: &RecordKey,
) -> Result<Option<LoadedRecord>, ApiError> {
    let mut records = load_records(client, HashSet::from([key.clone()])).await?;
    Ok(records.remove(key))
}

/// The records of these keys, without those that do not exist. Links, of which there may be
/// many, take one query for each kind of name. Records of other kinds are few: each takes a
/// query of its own, and the queries are sent without waiting for each other.
pub async fn load_records(
    client: &impl GenericClient,
    keys: HashSet<RecordKey>,
) -> Result<HashMap<RecordKey, LoadedRecord>, ApiError> {
    let mut names = LinkNames::default();
    let mut other_keys = Vec::new();
    for key in keys {
        match key {
            RecordKey::Link { host, id } => {
                names.hosts.push(host);
                names.short_ids.push(id.as_str().to_owned());
            }
            RecordKey::Tracker(token) => names.tokens.push(token.as_uuid()),
            RecordKey::Code(code) => names.codes.push(code.as_str().to_owned()),
            RecordKey::Offer(_)
            | RecordKey::Campaign(_)
            | RecordKey::List(_)
            | RecordKey::Account(_)
            | RecordKey::Coupon { .. }
            | RecordKey::Host(_) => other_keys.push(key),
        }
    }
    let mut records = HashMap::new();
    for (key, link) in links::find_by_names(client, &names).await? {
        records.insert(key, LoadedRecord::new(&link, link.version)?);
    }
    let loads = other_keys.iter().map(|key| load_other(client, key));
    let others = futures_util::future::try_join_all(loads).await?;
    let others = other_keys.into_iter().zip(others);
    records.extend(others.filter_map(|(key, record)| Some((key, record?))));
    Ok(records)
}

/// A record that is not of a link; [`links::find_by_names`] finds those.
async fn load_other(
    client: &impl GenericClient,
    key: &RecordKey,
) -> Result<Option<LoadedRecord>, ApiError> {
    let record = match key {
        RecordKey::Link { .. } | RecordKey::Tracker(_) | RecordKey::Code(_) => None,
        RecordKey::Host(_) => None,
        RecordKey::Coupon { account_id, code } => {
            let coupon = coupons::find(client, *account_id, code).await?;
            coupon.map(|coupon| LoadedRecord::new(&coupon, coupon.version))
        }
        RecordKey::Offer(id) => {
            let offer = offers::find(client, *id).await?;
            offer.map(|offer| LoadedRecord::new(&offer, offer.version))
        }
        RecordKey::Campaign(id) => {
            let campaign = campaigns::find(client, id).await?;
            campaign.map(|campaign| LoadedRecord::new(&campaign, campaign.version))
        }
        RecordKey::List(id) => {
            let list = lists::find(client, *id).await?;
            list.map(|list| LoadedRecord::new(&list, list.version))
        }
        RecordKey::Account(id) => {
            let account = accounts::find(client, *id).await?;
            account.map(|account| LoadedRecord::new(&account, account.version))
        }
    };
    record.transpose()
}
