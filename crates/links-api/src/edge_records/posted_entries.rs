//! Entries of the log of postbacks, as redirectors post them: whose they are, and what of them
//! is stored.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    id::{AccountId, ClickId},
    ip_storage::IpStorage,
    postback::log::LoggedPostback,
    record::StoredClick,
};
use postgres::pool::GenericClient;

use crate::{
    db::{
        clicks,
        postback_log::{
            AccountSettings, NewLogEntry, find_accounts_of_hosts, insert, load_account_settings,
            load_offer_secrets,
        },
    },
    error::ApiError,
};

/// What stands in an entry where the sender put a secret into another field.
const SECRET: &str = "[secret]";
/// A shorter text is a secret only if it is the whole text.
const MIN_PART_BYTES: usize = 8;

/// Stores entries. Returns how many of them are new.
pub async fn store(
    client: &impl GenericClient,
    postbacks: Vec<LoggedPostback>,
) -> Result<u64, ApiError> {
    let owners = Owners::load(client, &postbacks).await?;
    let entries: Vec<_> = postbacks
        .into_iter()
        .map(|postback| owners.complete(postback))
        .collect();
    insert(client, &entries).await
}

/// What the entries of a request name.
struct Owners {
    clicks: BTreeMap<ClickId, StoredClick>,
    hosts: BTreeMap<String, AccountId>,
    accounts: BTreeMap<AccountId, AccountSettings>,
}

impl Owners {
    async fn load(
        client: &impl GenericClient,
        postbacks: &[LoggedPostback],
    ) -> Result<Self, ApiError> {
        let without_account = || postbacks.iter().filter(|p| p.account_id.is_none());
        let click_ids: Vec<_> = without_account()
            .filter_map(LoggedPostback::named_click_id)
            .collect();
        let hosts: BTreeSet<_> = without_account()
            .filter_map(|postback| postback.host.as_deref())
            .collect();
        let clicks = clicks::find_stored(client, &click_ids).await?;
        let hosts = find_accounts_of_hosts(client, &Vec::from_iter(hosts)).await?;
        let named = postbacks
            .iter()
            .flat_map(|postback| [postback.account_id, postback.named_account_id])
            .flatten();
        let found = clicks.values().map(|click| click.account_id);
        let account_ids: BTreeSet<_> = named
            .chain(found)
            .chain(hosts.values().copied())
            .map(|id| id.0)
            .collect();
        let mut accounts = load_account_settings(client, &Vec::from_iter(account_ids)).await?;
        let offer_ids: BTreeSet<_> = postbacks
            .iter()
            .filter_map(|postback| postback.offer_id.as_deref())
            .collect();
        for (account_id, secrets) in load_offer_secrets(client, &Vec::from_iter(offer_ids)).await? {
            if let Some(settings) = accounts.get_mut(&account_id) {
                settings.secrets.extend(secrets);
            }
        }
        Ok(Self {
            clicks,
            hosts,
            accounts,
        })
    }

    /// The entry with its account, and without what the account does not want to be stored.
    fn complete(&self, mut postback: LoggedPostback) -> NewLogEntry {
        let click_id = postback
            .named_click_id()
            .filter(|_| postback.account_id.is_none());
        let click = click_id.and_then(|id| self.clicks.get(&id));
        if let Some(click) = click {
            postback.account_id = Some(click.account_id);
            postback.link_key = Some(click.link_key);
            postback.link_id = Some(click.link_id.clone());
            postback.offer_id.clone_from(&click.offer_id);
        }
        let awaits_click = click_id.is_some() && click.is_none();
        let named = postback
            .named_account_id
            .filter(|id| self.accounts.contains_key(id));
        // A click that comes later may be another account's than the one of the host.
        let host = postback.host.as_ref().filter(|_| !awaits_click);
        let of_host = host.and_then(|host| self.hosts.get(host).copied());
        postback.account_id = postback.account_id.or(named).or(of_host);
        let settings = postback.account_id.and_then(|id| self.accounts.get(&id));
        let ip_storage = settings.map_or(IpStorage::Truncated, |settings| settings.ip_storage);
        postback.address = postback.address.and_then(|address| {
            // The account of the click may want less than the one that the sender names.
            let address = match awaits_click {
                true => IpStorage::Truncated.apply(address)?,
                false => address,
            };
            ip_storage.apply(address)
        });
        let secrets = settings.map_or(&[][..], |settings| &settings.secrets);
        for text in postback.sender_texts_mut() {
            if secrets.iter().any(|secret| has_secret(text, secret)) {
                SECRET.clone_into(text);
            }
        }
        NewLogEntry {
            received_at: postback.postback_id.time(),
            awaits_click,
            postback,
        }
    }
}

/// Whether a text has a secret in it, or is a part of one that was cut.
fn has_secret(text: &str, secret: &str) -> bool {
    text == secret
        || (secret.len() >= MIN_PART_BYTES && text.contains(secret))
        || (text.len() >= MIN_PART_BYTES && secret.contains(text))
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use domain::{
        id::{LinkKey, PostbackId},
        postback::PostbackVerdict,
    };

    use super::*;

    const NAMED: AccountId = AccountId(1);
    const OF_CLICK: AccountId = AccountId(2);
    const OF_HOST: AccountId = AccountId(3);
    const MISSING: AccountId = AccountId(4);

    fn click_id(ms: u64) -> ClickId {
        ClickId::generate(ms, &mut rand::rng())
    }

    fn owners(stored: ClickId, ip_storage: IpStorage) -> Owners {
        let settings = |_| AccountSettings {
            ip_storage,
            secrets: vec!["the account's secret".into(), "7".into()],
        };
        let click = StoredClick {
            account_id: OF_CLICK,
            link_key: LinkKey(8),
            link_id: "Ab3kX9q".into(),
            offer_id: None,
        };
        Owners {
            clicks: [(stored, click)].into(),
            hosts: [("go.example.com".to_owned(), OF_HOST)].into(),
            accounts: [NAMED, OF_CLICK, OF_HOST]
                .map(|id| (id, settings(id)))
                .into(),
        }
    }

    fn postback() -> LoggedPostback {
        let id = PostbackId::generate(1, &mut rand::rng());
        LoggedPostback {
            host: Some("go.example.com".into()),
            address: Some("203.0.113.9".parse().unwrap()),
            ..LoggedPostback::new(id, PostbackVerdict::Accepted)
        }
    }

    #[test]
    fn an_entry_belongs_to_the_account_that_is_surest() {
        let (stored, unknown) = (click_id(1), click_id(2));
        let owners = owners(stored, IpStorage::Full);
        for (account, named, click, expected, awaits_click) in [
            (None, None, None, Some(OF_HOST), false),
            (None, Some(MISSING), None, Some(OF_HOST), false),
            (None, Some(NAMED), None, Some(NAMED), false),
            (None, Some(NAMED), Some(unknown), Some(NAMED), true),
            (None, None, Some(unknown), None, true),
            (None, Some(NAMED), Some(stored), Some(OF_CLICK), false),
            (Some(NAMED), None, Some(stored), Some(NAMED), false),
            (Some(NAMED), None, Some(unknown), Some(NAMED), false),
        ] {
            let entry = owners.complete(LoggedPostback {
                account_id: account,
                named_account_id: named,
                click_id: click.map(|id| id.to_string()),
                ..postback()
            });
            let actual = (entry.postback.account_id, entry.awaits_click);
            assert_eq!(
                actual,
                (expected, awaits_click),
                "{account:?} {named:?} {click:?}"
            );
        }
    }

    #[test]
    fn the_account_decides_how_much_of_an_address_is_stored() {
        let address = |ip_storage, click: Option<ClickId>, named| {
            let entry = owners(click_id(1), ip_storage).complete(LoggedPostback {
                click_id: click.map(|id| id.to_string()),
                named_account_id: named,
                ..postback()
            });
            entry.postback.address
        };
        let [full, network] = ["203.0.113.9", "203.0.113.0"].map(|ip| ip.parse::<IpAddr>().ok());
        assert_eq!(address(IpStorage::Full, None, None), full);
        assert_eq!(address(IpStorage::Truncated, None, None), network);
        assert_eq!(address(IpStorage::None, None, None), None);
        let unknown = Some(click_id(2));
        assert_eq!(address(IpStorage::Full, unknown, None), network);
        assert_eq!(address(IpStorage::Full, unknown, Some(NAMED)), network);
        assert_eq!(address(IpStorage::None, unknown, Some(NAMED)), None);
    }

    #[test]
    fn a_secret_in_another_field_is_not_stored() {
        let owners = owners(click_id(1), IpStorage::Full);
        for (text, is_secret) in [
            ("the account's secret", true),
            ("order-1 the account's secret", true),
            ("the account's se", true),
            ("the", false),
            ("7", true),
            ("order-7", false),
        ] {
            let entry = owners.complete(LoggedPostback {
                txn_id: Some(text.into()),
                ignored: vec![text.into()],
                ..postback()
            });
            let expected = if is_secret { SECRET } else { text };
            assert_eq!(entry.postback.txn_id.as_deref(), Some(expected));
            assert_eq!(entry.postback.ignored, [expected]);
        }
    }
}
