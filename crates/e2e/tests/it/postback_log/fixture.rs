//! A seller with a link, an offer and postbacks, and what its log says of them.

use e2e::{
    client::{Client, Tenant, answer, create_key},
    proxy::Proxy,
    service::Service,
    test_environment::TestEnvironment,
    wait::wait_for,
};
use reqwest::Method;
use serde_json::{Value, json};

pub const SECRET_OF_OFFER: &str = "the-secret-of-the-offer";
pub const SECRET_OF_ACCOUNT: &str = "the-secret-of-the-account";

/// Services without a worker, which tests start when they want conversions to be stored.
pub struct Shop {
    pub test_env: TestEnvironment,
    pub api: Service,
    /// Between the redirector and the origin.
    pub origin: Proxy,
    pub edge: Service,
    pub client: Client,
    pub seller: Tenant,
    pub admin: String,
    pub offer: String,
    pub link_id: String,
    pub link_url: String,
}

impl Shop {
    pub async fn open() -> Self {
        Self::open_with(&[]).await
    }

    pub async fn open_with(edge_settings: &[(&str, &str)]) -> Self {
        let test_env = TestEnvironment::new().await;
        let api = test_env.start_api();
        let seller = Tenant::create(&test_env, &api, "seller").await;
        let admin = create_key(&test_env, seller.account_id, &["admin"]);
        let address = api.address("origin.address");
        let origin = Proxy::start(&address).await;
        let url = format!("http://{}", origin.address());
        let settings = [
            ("TRUSTED_PROXIES", "127.0.0.1/32"),
            ("ORIGIN_URL", url.as_str()),
        ];
        let edge = test_env.start_edge_with(&api, &[&settings[..], edge_settings].concat());
        let client = Client::new(&api, Some(&edge));
        let offer = json!({
            "name": "An offer", "tracking_url": "https://e.com/?c={click_id}",
            "payout": "7", "postback_secret": SECRET_OF_OFFER,
        });
        let offer = client.create(&seller.key, "/api/v2/offers", &offer).await;
        let offer = offer["id"].as_str().unwrap().to_owned();
        let body = json!({ "offerId": offer, "listId": seller.list_id });
        let path = "/api/v2/links/shorten";
        let link = client.create(&seller.key, path, &body).await;
        Self {
            link_id: link["linkId"].as_str().unwrap().to_owned(),
            link_url: link["shortUrl"].as_str().unwrap().to_owned(),
            test_env,
            api,
            origin,
            edge,
            client,
            seller,
            admin,
            offer,
        }
    }

    /// Status and body of a GET at the seller's short domain, from an address.
    pub async fn get_from(&self, address: &str, path: &str) -> (u16, Value) {
        let host = &self.seller.short_host;
        let request = self.client.edge_request(Method::GET, host, path);
        answer(request.header("X-Forwarded-For", address)).await
    }

    pub async fn get(&self, path: &str) -> (u16, Value) {
        self.get_from("203.0.113.9", path).await
    }

    pub async fn change_account(&self, body: Value) {
        let path = format!("/api/v2/accounts/{}", self.seller.account_id);
        let call = self
            .client
            .call(&self.admin, Method::PUT, &path, Some(&body));
        let (status, answer) = call.await;
        assert_eq!(status, 200, "{answer}");
    }

    /// The entries that the seller sees, from the newest.
    pub async fn log(&self, query: &str) -> Vec<Value> {
        self.log_of(&self.seller.key, &format!("/api/v2/postbacks?{query}"))
            .await
    }

    pub async fn log_of(&self, key: &str, path: &str) -> Vec<Value> {
        let (status, answer) = self.client.call(key, Method::GET, path, None).await;
        assert_eq!(status, 200, "{answer}");
        answer["postbacks"].as_array().unwrap().clone()
    }

    /// The verdicts of the entries of a transaction, from the newest.
    pub async fn verdicts(&self, txn_id: &str) -> String {
        let entries = self.log(&format!("txn_id={txn_id}")).await;
        let verdicts: Vec<_> = entries
            .iter()
            .map(|entry| entry["verdict"].as_str().unwrap())
            .collect();
        verdicts.join(" ")
    }

    pub async fn wait_for_verdicts(&self, txn_id: &str, expected: &str) {
        wait_for(txn_id, expected.to_owned(), async || {
            self.verdicts(txn_id).await
        })
        .await;
    }

    pub fn stop(self) {
        self.edge.stop();
        self.api.stop();
    }
}

/// The id of a click that nobody has made.
pub fn invented_click() -> String {
    let now_ms = u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap();
    domain::id::ClickId::generate(now_ms, &mut rand::rng()).to_string()
}
