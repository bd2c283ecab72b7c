//! The setting `AMQP_URL`: the brokers of a cluster, any of which a client may use.

use std::collections::BTreeSet;

use lapin::uri::{AMQPUri, SASLMechanism};
use rand::seq::SliceRandom as _;

use super::{CONNECT_TIMEOUT, HEARTBEAT_S};
use crate::settings::{SettingError, parse_server_url};

/// The options that a URL may have in its query.
const OPTIONS: [&str; 5] = [
    "heartbeat",
    "connection_timeout",
    "frame_max",
    "channel_max",
    "auth_mechanism",
];

/// One or more brokers.
#[derive(Clone)]
pub struct BrokerAddresses(Vec<AMQPUri>);

impl BrokerAddresses {
    /// Parses URLs separated by commas, or one URL with several hosts separated by commas.
    /// Heartbeat and connection timeout get our defaults where a URL does not set them.
    pub fn parse(text: &str) -> Result<Self, SettingError> {
        let mut addresses = Vec::new();
        for url in split_urls(text) {
            for url in split_hosts(url.trim()) {
                addresses.push(parse_url(&url)?);
            }
        }
        Ok(Self(addresses))
    }

    /// The brokers in random order, which spreads the clients over them.
    pub fn shuffled(&self) -> Vec<AMQPUri> {
        let mut addresses = self.0.clone();
        addresses.shuffle(&mut rand::rng());
        addresses
    }

    /// The same brokers with another heartbeat, in seconds.
    pub fn with_heartbeat(&self, seconds: u16) -> Self {
        let mut addresses = self.clone();
        for uri in &mut addresses.0 {
            uri.query.heartbeat = Some(seconds);
        }
        addresses
    }
}

/// Shows hosts and ports, without user and password.
impl std::fmt::Debug for BrokerAddresses {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let hosts = self.0.iter().map(|uri| &uri.authority);
        let hosts = hosts.map(|authority| (authority.host.as_str(), authority.port));
        f.debug_list().entries(hosts).finish()
    }
}

/// Splits at the commas that are followed by another URL.
fn split_urls(text: &str) -> Vec<String> {
    let mut urls: Vec<String> = Vec::new();
    for part in text.split(',') {
        let scheme = part
            .trim_start()
            .split_once("://")
            .map(|(scheme, _)| scheme);
        let is_scheme = |scheme: &str| {
            !scheme.is_empty() && scheme.chars().all(|char| char.is_ascii_alphanumeric())
        };
        match urls.last_mut() {
            Some(url) if !scheme.is_some_and(is_scheme) => {
                url.push(',');
                url.push_str(part);
            }
            _ => urls.push(part.to_owned()),
        }
    }
    urls
}

/// Splits a URL with several hosts into one URL for each host.
fn split_hosts(url: &str) -> Vec<String> {
    let Some((scheme, rest)) = url.split_once("://") else {
        return vec![url.to_owned()];
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(end);
    let (user, hosts) = match authority.rsplit_once('@') {
        Some((user, hosts)) => (format!("{user}@"), hosts),
        None => (String::new(), authority),
    };
    let hosts = hosts.split(',').map(str::trim);
    hosts
        .map(|host| format!("{scheme}://{user}{host}{tail}"))
        .collect()
}

fn parse_url(text: &str) -> Result<AMQPUri, SettingError> {
    let url = parse_server_url(text, "amqp", &["amqps"])?;
    let mut seen = BTreeSet::new();
    for (option, _) in url.query_pairs() {
        let Some(known) = OPTIONS.into_iter().find(|known| *known == option) else {
            let options = OPTIONS.join(", ");
            return Err(SettingError(format!(
                "it has an option that is not known; there are {options}"
            )));
        };
        if !seen.insert(known) {
            return Err(SettingError(format!("it has the option {known} twice")));
        }
    }
    if url.path().matches('/').count() > 1 {
        let wrong = "a slash in the name of a virtual host is written %2F";
        return Err(SettingError(wrong.to_owned()));
    }
    let mut uri: AMQPUri = text.parse().map_err(|_| {
        SettingError("an option or the virtual host has a value that is not valid".to_owned())
    })?;
    if uri.query.auth_mechanism == Some(SASLMechanism::External) {
        let wrong = "auth_mechanism=external needs TLS, which is not supported";
        return Err(SettingError(wrong.to_owned()));
    }
    // lapin does not parse IPv6 addresses, and would connect to localhost.
    if let Some(url::Host::Ipv6(address)) = url.host() {
        uri.authority.host = address.to_string();
    }
    uri.query.heartbeat.get_or_insert(HEARTBEAT_S);
    let connect_ms = u64::try_from(CONNECT_TIMEOUT.as_millis()).unwrap_or(u64::MAX);
    uri.query.connection_timeout.get_or_insert(connect_ms);
    Ok(uri)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(text: &str) -> Result<Vec<String>, String> {
        let addresses = BrokerAddresses::parse(text).map_err(|error| error.to_string())?;
        let hosts = addresses.0.iter().map(|uri| {
            let authority = &uri.authority;
            format!(
                "{}@{}:{}/{}",
                authority.userinfo.username, authority.host, authority.port, uri.vhost
            )
        });
        Ok(hosts.collect())
    }

    #[test]
    fn one_or_several_addresses_are_parsed() {
        let table: [(&str, &[&str]); 11] = [
            ("amqp://localhost", &["guest@localhost:5672//"]),
            ("amqp://u:p@h:1/%2f", &["u@h:1//"]),
            ("amqp://u:p@127.0.0.1:1/v", &["u@127.0.0.1:1/v"]),
            ("amqp://u:p@[2001:db8::1]:1/v", &["u@2001:db8::1:1/v"]),
            ("amqp://a,b:1", &["guest@a:5672//", "guest@b:1//"]),
            (
                "amqp://u:p@a:1, b,c:3/v",
                &["u@a:1/v", "u@b:5672/v", "u@c:3/v"],
            ),
            ("amqp://u:p@[::1]:1,[::2]:2/v", &["u@::1:1/v", "u@::2:2/v"]),
            ("amqp://a,amqp://b", &["guest@a:5672//", "guest@b:5672//"]),
            (
                "amqp://u:p@a:1/v, amqp://w:q@b,c/x?heartbeat=3",
                &["u@a:1/v", "w@b:5672/x", "w@c:5672/x"],
            ),
            // A comma in a password separates nothing.
            ("amqp://u:p,q@a,b/v", &["u@a:5672/v", "u@b:5672/v"]),
            (
                "amqp://h?heartbeat=3&connection_timeout=1&frame_max=8192&channel_max=9&auth_mechanism=plain",
                &["guest@h:5672//"],
            ),
        ];
        for (text, expected) in table {
            let expected = expected.iter().map(|&text| text.to_owned()).collect();
            assert_eq!(hosts(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn an_unusable_url_is_refused_without_its_password() {
        let table = [
            ("", "amqp://"),
            ("localhost", "amqp://"),
            ("a,b:5672", "amqp://"),
            ("http://secret@h", "amqp://"),
            ("amqps://u:secret@h", "TLS"),
            ("AMQPS://u:secret@h", "TLS"),
            ("amqp://a,amqps://u:secret@b", "TLS"),
            ("amqp://", "host"),
            ("amqp:///v", "host"),
            ("amqp://u:secret@", "host"),
            ("amqp://u:secret@a,,b/v", "host"),
            ("amqp://a,/v", "host"),
            ("amqp://a:0", "port"),
            ("amqp://a:70000", "port"),
            ("amqp://a:b", "port"),
            ("amqp://a;b", "host"),
            ("amqp://a b", "host"),
            ("amqp://[::1", "host"),
            ("amqp://h/a/b", "%2F"),
            ("amqp://h#secret", "#"),
            ("amqp://u:se/cret@h", "percent-encoded"),
            ("amqp://u:se?cret@h", "percent-encoded"),
            ("amqp://u:se#cret@h", "percent-encoded"),
            ("amqp://h?heartbeat=x", "not valid"),
            ("amqp://h?heartbeat=-1", "not valid"),
            ("amqp://h?heartbeat=70000", "not valid"),
            ("amqp://h?heartbeat=1&heartbeat=2", "twice"),
            ("amqp://h?secret=1", "not known"),
            ("amqp://h?verify=verify_peer&cacertfile=/x", "not known"),
            ("amqp://h?auth_mechanism=external", "TLS"),
            ("amqp://h?auth_mechanism=other", "not valid"),
        ];
        for (text, expected) in table {
            let error = hosts(text).expect_err(text);
            assert!(error.contains(expected), "{text}: {error}");
            for part in ["secret", "cret"] {
                assert!(!error.contains(part), "{text}: {error}");
            }
        }
    }

    #[test]
    fn options_that_a_url_does_not_set_get_our_defaults() {
        let heartbeat = |text| BrokerAddresses::parse(text).unwrap().0[0].query.heartbeat;
        assert_eq!(heartbeat("amqp://localhost"), Some(HEARTBEAT_S));
        assert_eq!(heartbeat("amqp://localhost?heartbeat=3"), Some(3));
    }

    #[test]
    fn clients_are_spread_over_the_addresses() {
        let addresses = BrokerAddresses::parse("amqp://a,b,c").unwrap();
        let first = |_| addresses.shuffled()[0].authority.host.clone();
        let first: BTreeSet<_> = (0..200).map(first).collect();
        assert_eq!(first.len(), 3);
        assert_eq!(addresses.shuffled().len(), 3);
    }

    #[test]
    fn the_debug_form_has_no_password() {
        let addresses = BrokerAddresses::parse("amqp://u:secret@h:1").unwrap();
        assert_eq!(format!("{addresses:?}"), "[(\"h\", 1)]");
    }
}
