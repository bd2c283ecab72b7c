//! links-api and the measured redirector, with a tenant that has links.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use e2e::{
    client::{BROWSER, Client, Tenant, split},
    console::say,
    service::Service,
};

use crate::{system::System, wrk::Load};

/// Links that the click tracker is asked for in turn.
const N_LINKS: usize = 100;

pub struct LinkServices {
    pub api: Service,
    pub edge: Service,
    pub tenant: Tenant,
    pub client: Client,
}

impl LinkServices {
    pub async fn start(system: &System) -> Self {
        say("starting links-api and edge-redirector");
        let api = system.start_api();
        let edge = system.start_edge(&api);
        Self {
            tenant: Tenant::create(&system.test_env, &api, "bench").await,
            client: Client::new(&api, Some(&edge)),
            api,
            edge,
        }
    }

    pub fn api_url(&self, path: &str) -> String {
        format!("{}{path}", self.api.url("api.address"))
    }

    /// Creates links, and writes the paths of their click tracker URLs into a file.
    pub async fn write_paths(&self, system: &System) -> Result<PathBuf> {
        let mut paths = String::new();
        for _ in 0..N_LINKS {
            let link = self.client.mint(&self.tenant).await;
            let url = link["clickTrackerUrl"]
                .as_str()
                .context("a link has a URL")?;
            paths.push_str(split(url).1);
            paths.push('\n');
        }
        let file = system.test_env.folder.path().join("paths");
        std::fs::write(&file, paths)?;
        Ok(file)
    }

    /// The headers of a person's request to a click tracker.
    pub fn visitor_headers(&self) -> Vec<String> {
        vec![
            format!("Host: {}", self.tenant.click_host),
            format!("User-Agent: {BROWSER}"),
            "Accept: text/html".to_owned(),
            "Accept-Language: en-US".to_owned(),
        ]
    }
}

/// A load of POSTs with the tenant's key. Its time and path are the caller's.
pub fn post_load<'l>(
    services: &LinkServices,
    path: &str,
    script: &'static str,
    variables: &'l [(&'static str, String)],
) -> Load<'l> {
    Load {
        url: services.api_url(path),
        core: None,
        n_connections: 4,
        time: std::time::Duration::from_secs(2),
        timeout: std::time::Duration::from_secs(20),
        script,
        variables,
        headers: &[],
    }
}
