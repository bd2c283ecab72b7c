//! A server behind a proxy.

use crate::{proxy::Proxy, service::Env};

/// A proxy in front of a server, and the setting that makes a service use it.
pub(super) struct Proxied {
    pub(super) proxy: Proxy,
    pub(super) setting: (String, String),
}

impl Proxied {
    pub(super) async fn start(name: &str, env: &Env) -> Self {
        let url = &env[name];
        let (user, rest) = url.rsplit_once('@').expect("a URL with a user");
        let (server, path) = rest.split_once('/').expect("a URL with a path");
        let proxy = Proxy::start(server).await;
        let url = format!("{user}@{}/{path}", proxy.address());
        Self {
            setting: (name.to_owned(), url),
            proxy,
        }
    }
}
