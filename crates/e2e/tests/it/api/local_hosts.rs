//! The development machine as a host of links: `localhost` with a port, which browsers find
//! without a name server.

use e2e::client::{BROWSER, Client};
use reqwest::{Method, header};
use serde_json::{Value, json};

use super::{Api, status_and_code};

#[tokio::test]
async fn links_of_the_demo_open_in_a_browser() {
    let api = Api::start("local").await;
    let edge = api.test_env.start_edge(&api.service);
    let client = Client::new(&api.service, Some(&edge));
    let (short, click) = ("localhost:8090", "click.localhost:8090");
    for (host, kind) in [(short, "short"), (click, "click")] {
        let domain = json!({ "host": host, "kind": kind });
        let domain = api.create("/api/v2/domains", domain).await;
        assert_eq!(
            (&domain["host"], &domain["status"]),
            (&json!(host), &json!("active"))
        );
    }
    let path = format!("/api/v2/lists/{}", api.tenant.list_id);
    let list = json!({ "short_domain": short, "click_domain": click });
    let (status, answer) = api.call(Method::PUT, &path, list).await;
    assert_eq!(status, 200, "{answer}");
    let link = api.create("/api/v2/links", api.tenant.link_body()).await;
    let url = link["shortUrl"].as_str().unwrap();
    let (host, path) = url
        .strip_prefix("http://")
        .unwrap()
        .split_once('/')
        .unwrap();
    assert_eq!(
        (host, &link["domain"]),
        (short, &json!("http://localhost:8090"))
    );

    let hop = async |host: &str, path: &str| {
        let request = client.edge_request(Method::GET, host, &format!("/{path}"));
        let request = request.header(header::USER_AGENT, BROWSER);
        let response = request.send().await.unwrap();
        let location = response.headers().get(header::LOCATION);
        location.map(|location| location.to_str().unwrap().to_owned())
    };
    let tracker = hop(short, path).await.expect("a redirect");
    assert_eq!(link["clickTrackerUrl"], tracker);
    let (host, path) = tracker
        .strip_prefix("http://")
        .unwrap()
        .split_once('/')
        .unwrap();
    assert_eq!(host, click);
    let destination = hop(click, path).await.expect("a redirect");
    assert!(
        destination.starts_with("https://example.com/lp"),
        "{destination}"
    );
    // Another port is another redirector.
    assert_eq!(
        hop("localhost:8091", path.trim_start_matches("c/")).await,
        None
    );
    edge.stop();
}

#[tokio::test]
async fn where_ownership_is_proved_the_machine_itself_is_no_host() {
    let api = Api::start("notlocal").await;
    let proved = [("DOMAIN_OWNERSHIP", "proved")];
    let env = api.test_env.env_with(&proved);
    let service = e2e::service::Service::start("links-api", &["serve"], &env);
    let client = Client::new(&service, None);
    let post = async |host: &str| -> (u16, Value) {
        let domain = json!({ "host": host, "kind": "short" });
        let key = &api.tenant.key;
        client
            .call(key, Method::POST, "/api/v2/domains", Some(&domain))
            .await
    };
    for host in ["localhost:8090", "click.localhost:8090", "localhost"] {
        assert_eq!(
            status_and_code(post(host).await),
            "400 invalid_host",
            "{host}"
        );
    }
    service.stop();
}
