//! What strangers can do with postbacks, and what keeps them from it.

use e2e::{
    client::{BROWSER, Client, Tenant, answer, create_key, parameter},
    service::Service,
    test_environment::TestEnvironment,
    wait::wait_for,
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::Method;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use sha2::Sha256;

const OLD: &str = "the account's old secret";
const NEW: &str = "the account's new secret";
const OF_OFFER: &str = "the secret of the offer";

/// All services, a seller with an offer, and a link of it.
struct Shop {
    test_env: TestEnvironment,
    api: Service,
    edge: Service,
    worker: Service,
    client: Client,
    seller: Tenant,
    admin: String,
    offer: String,
    link_id: String,
    link_url: String,
}

impl Shop {
    async fn open() -> Self {
        Self::open_with(&[]).await
    }

    async fn open_with(worker_settings: &[(&str, &str)]) -> Self {
        let test_env = TestEnvironment::new().await;
        let api = test_env.start_api();
        let seller = Tenant::create(&test_env, &api, "seller").await;
        let admin = create_key(&test_env, seller.account_id, &["admin"]);
        let settings = [("TRUSTED_PROXIES", "127.0.0.1/32")];
        let edge = test_env.start_edge_with(&api, &settings);
        let worker = test_env.start_worker_with(worker_settings);
        let client = Client::new(&api, Some(&edge));
        let offer = json!({
            "name": "An offer", "tracking_url": "https://e.com/?c={click_id}",
            "payout": "7", "postback_secret": OF_OFFER,
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
            edge,
            worker,
            client,
            seller,
            admin,
            offer,
        }
    }

    /// Clicks the link, and waits until conversions are credited to it; the click's id.
    async fn click(&self) -> String {
        let destination = self
            .client
            .click(&self.link_url, BROWSER)
            .await
            .destination();
        wait_for("the message click", 1, async || {
            let sql = "SELECT count(*) FROM message_clicks";
            self.test_env.count(sql).await
        })
        .await;
        parameter(&destination, "c").unwrap()
    }

    async fn change_account(&self, body: Value) {
        let path = format!("/api/v2/accounts/{}", self.seller.account_id);
        self.change(&self.admin, &path, body).await;
    }

    async fn change_offer(&self, body: Value) {
        let path = format!("/api/v2/offers/{}", self.offer);
        self.change(&self.seller.key, &path, body).await;
    }

    async fn change(&self, key: &str, path: &str, body: Value) {
        let call = self.client.call(key, Method::PUT, path, Some(&body));
        let (status, answer) = call.await;
        assert_eq!(status, 200, "{answer}");
    }

    /// Status and code, `200` where it is accepted, of a GET at the short domain.
    async fn get(&self, path: &str) -> String {
        let request = self
            .client
            .edge_request(Method::GET, &self.seller.short_host, path);
        said(answer(request).await)
    }

    /// Loads a pixel, which is a picture whatever it says.
    async fn load(&self, path: &str) {
        let request = self
            .client
            .edge_request(Method::GET, &self.seller.short_host, path);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "image/gif");
    }

    /// Waits until a redirector knows what has been changed: a path is answered so.
    async fn wait_for(&self, path: &str, expected: &str) {
        wait_for(path, expected.to_owned(), async || self.get(path).await).await;
    }

    /// Sends what must be accepted, and waits until all conversions are stored.
    async fn convert(&self, paths: &[&str], n_stored: i64) {
        for path in paths {
            assert_eq!(self.get(path).await, "200", "{path}");
        }
        wait_for("the conversions", n_stored, async || {
            self.test_env
                .count("SELECT count(*) FROM conversions")
                .await
        })
        .await;
    }

    async fn revenue(&self) -> Decimal {
        let sql = "SELECT coalesce(sum(revenue), 0) AS revenue
                   FROM totals
                   WHERE dimension = 'all' AND span = 'day'";
        self.test_env.db.query_one(sql, &[]).await.unwrap().get(0)
    }

    fn stop(self) {
        self.edge.stop();
        self.worker.stop();
        self.api.stop();
    }
}

fn said((status, body): (u16, Value)) -> String {
    match body["code"].as_str() {
        Some(code) => format!("{status} {code}"),
        None => status.to_string(),
    }
}

fn signature(secret: &str, query: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(query.as_bytes());
    let bytes = mac.finalize().into_bytes();
    domain::hex::encode(&bytes)
}

fn signed(secret: &str, query: &str) -> String {
    format!("/conv?{query}&signature={}", signature(secret, query))
}

#[tokio::test]
async fn reversals_without_a_secret_subtract_no_more_than_the_remaining_amount() {
    let shop = Shop::open().await;
    shop.click().await;
    let id = &shop.link_id;
    let conv = |query: &str| format!("/conv?link_id={id}&{query}");
    let mut n_stored = 0;
    // What is sent, and the revenue afterwards.
    for (queries, expected) in [
        (&["event=chargeback&revenue=999999999"][..], "0"),
        (&["event=refund&revenue=5&txn_id=nothing"], "0"),
        (&["revenue=20&txn_id=one"], "20"),
        (&["event=refund&revenue=5&txn_id=one"], "15"),
        (&["event=chargeback&revenue=999999999&txn_id=one"], "0"),
        // It waits, and counts once its sale is there.
        (&["event=refund&revenue=3&txn_id=two"], "0"),
        (&["revenue=10&txn_id=two"], "7"),
        (&["event=refund&revenue=3&txn_id=three&currency=EUR"], "7"),
        (&["revenue=10&txn_id=three"], "17"),
    ] {
        let paths: Vec<_> = queries.iter().map(|query| conv(query)).collect();
        let paths: Vec<_> = paths.iter().map(String::as_str).collect();
        n_stored += paths.len() as i64;
        shop.convert(&paths, n_stored).await;
        let expected: Decimal = expected.parse().unwrap();
        assert_eq!(shop.revenue().await, expected, "{queries:?}");
    }
    // What comes with the offer's secret counts first, also for no more than its order has.
    let offer = format!(
        "/conv/offer?offer_id={}&postback_secret={OF_OFFER}",
        shop.offer
    );
    let offer = offer.replace(' ', "%20");
    let refund = format!("{offer}&event=refund&revenue=9&txn_id=four");
    shop.convert(&[&refund], n_stored + 1).await;
    assert_eq!(shop.revenue().await, Decimal::from(17));
    let (sale, more) = (
        conv("revenue=10&txn_id=four"),
        conv("event=chargeback&revenue=9&txn_id=four"),
    );
    shop.convert(&[&sale, &more], n_stored + 3).await;
    assert_eq!(shop.revenue().await, Decimal::from(17));
    shop.stop();
}

#[tokio::test]
async fn postbacks_are_authenticated_by_token_or_signature() {
    let shop = Shop::open().await;
    shop.click().await;
    let id = &shop.link_id;
    let escaped = |secret: &str| secret.replace(' ', "%20").replace('\'', "%27");
    let with = |secret: &str, txn: &str| {
        format!("/conv?link_id={id}&txn_id={txn}&token={}", escaped(secret))
    };
    let bare = format!("/conv?link_id={id}&txn_id=bare");
    assert_eq!(shop.get(&bare).await, "200", "open is the default");

    shop.change_account(json!({ "postbacks": "token", "postback_secrets": [OLD] }))
        .await;
    shop.wait_for(&bare, "403 invalid_token").await;
    assert_eq!(shop.get(&with("not it", "1")).await, "403 invalid_token");
    assert_eq!(shop.get(&with(OF_OFFER, "1")).await, "403 invalid_token");
    assert_eq!(shop.get(&with(OLD, "1")).await, "200");
    // Two are valid while senders change.
    shop.change_account(json!({ "postback_secrets": [NEW, OLD] }))
        .await;
    shop.wait_for(&with(NEW, "2"), "200").await;
    assert_eq!(shop.get(&with(OLD, "3")).await, "200");
    shop.change_account(json!({ "postback_secrets": [NEW] }))
        .await;
    shop.wait_for(&with(OLD, "3"), "403 invalid_token").await;
    assert_eq!(shop.get(&with(NEW, "4")).await, "200");
    // A pixel is a picture all the same, and counts nothing.
    shop.load(&format!("/pixel/{id}.gif?txn_id=pixel&revenue=5"))
        .await;

    shop.change_account(json!({ "postbacks": "signed", "postback_secrets": [NEW, OLD] }))
        .await;
    let query = format!("link_id={id}&txn_id=5&revenue=12.50");
    shop.wait_for(&format!("/conv?{query}"), "403 invalid_signature")
        .await;
    for (path, expected) in [
        (with(NEW, "5"), "403 invalid_signature"),
        (signed("not it", &query), "403 invalid_signature"),
        // Another amount than was signed.
        (
            signed(NEW, &query).replace("12.50", "99.50"),
            "403 invalid_signature",
        ),
        (signed(NEW, &query), "200"),
        (signed(OLD, &format!("{query}&currency=EUR")), "200"),
        // The signature stands anywhere.
        (
            format!("/conv?signature={}&{query}", signature(NEW, &query)),
            "200",
        ),
    ] {
        assert_eq!(shop.get(&path).await, expected, "{path}");
    }
    // What a body says is not signed.
    let request = shop
        .client
        .edge_request(Method::POST, &shop.seller.short_host, &signed(NEW, &query))
        .body("currency=EUR");
    assert_eq!(said(answer(request).await), "403 invalid_signature");
    let of_pixel = signature(NEW, &format!("link_id={id}&txn_id=signed&revenue=5"));
    let pixel = format!("/pixel/{id}.gif?txn_id=signed&revenue=5&signature={of_pixel}");
    shop.load(&pixel).await;

    // The offer says otherwise, by its own secrets.
    shop.change_offer(json!({
        "postbacks": "token", "previous_postback_secrets": ["an older secret of it"],
    }))
    .await;
    shop.wait_for(&signed(NEW, &query), "403 invalid_token")
        .await;
    assert_eq!(shop.get(&with(NEW, "6")).await, "403 invalid_token");
    assert_eq!(shop.get(&with(OF_OFFER, "6")).await, "200");
    assert_eq!(shop.get(&with("an older secret of it", "7")).await, "200");
    let by_offer = format!("/conv/offer?offer_id={}&txn_id=8", shop.offer);
    let secret = escaped("an older secret of it");
    let with_older = format!("{by_offer}&postback_secret={secret}");
    assert_eq!(shop.get(&with_older).await, "200");
    shop.change_offer(json!({ "postbacks": "open" })).await;
    shop.wait_for(&format!("/conv?link_id={id}&txn_id=9"), "200")
        .await;
    shop.change_offer(json!({ "postbacks": "" })).await;
    shop.wait_for(&bare, "403 invalid_signature").await;

    wait_for(
        "the transactions",
        "1 2 3 4 5 6 7 8 9 bare signed".to_owned(),
        async || {
            let sql = "SELECT string_agg(DISTINCT txn_id, ' ' ORDER BY txn_id) FROM conversions";
            let row = shop.test_env.db.query_one(sql, &[]).await.unwrap();
            row.get::<_, Option<String>>(0).unwrap_or_default()
        },
    )
    .await;
    // No log shows a secret.
    for service in [&shop.api, &shop.edge, &shop.worker] {
        let log: String = service.lines().iter().map(ToString::to_string).collect();
        for secret in [OLD, NEW, OF_OFFER] {
            assert!(!log.contains(secret) && !log.contains(&escaped(secret)));
        }
    }
    shop.stop();
}

#[tokio::test]
async fn an_amount_over_the_limit_needs_a_secret() {
    let shop = Shop::open().await;
    shop.click().await;
    let sale = |txn: &str, rest: &str| {
        format!("/conv?link_id={}&txn_id={txn}&revenue={rest}", shop.link_id)
    };
    shop.change_account(json!({ "postback_max_amount": "100.50", "postback_secrets": [NEW] }))
        .await;
    shop.wait_for(&sale("1", "100.51"), "400 revenue_too_large")
        .await;
    assert_eq!(shop.get(&sale("2", "100.50")).await, "200");
    let with_token = sale("3", "999&token=the%20account%27s%20new%20secret");
    assert_eq!(shop.get(&with_token).await, "200");
    let refund = sale("2", "101&event=refund");
    assert_eq!(shop.get(&refund).await, "400 revenue_too_large");
    shop.change_account(json!({ "postback_max_amount": "" }))
        .await;
    shop.wait_for(&sale("1", "100.51"), "200").await;
    shop.stop();
}

#[tokio::test]
async fn conversions_of_invented_clicks_are_kept_apart_limited_and_expire_after_a_day() {
    let settings = [
        ("MAX_UNKNOWN_CLICKS_PER_MINUTE", "7"),
        ("UNKNOWN_CLICK_GRACE_MS", "0"),
        ("MAINTENANCE_INTERVAL_MS", "50"),
    ];
    let shop = Shop::open_with(&settings).await;
    let click = shop.click().await;
    let now_ms = u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap();
    let invented = || domain::id::ClickId::generate(now_ms, &mut rand::rng());
    let postback = |address: &str, click: &str| {
        let path = format!("/conv?click_id={click}&revenue=5");
        let request = shop
            .client
            .edge_request(Method::GET, &shop.seller.short_host, &path);
        request.header("X-Forwarded-For", address.to_owned())
    };
    for index in 0..40 {
        // A stranger has as many addresses as there are in a network of IPv6.
        let address = format!("2001:db8::{index:x}");
        let (status, _) = answer(postback(&address, &invented().to_string())).await;
        assert_eq!(status, 200);
    }
    // Somebody else's conversions are stored, whether their click is known or not.
    for click in [click.clone(), invented().to_string()] {
        let (status, _) = answer(postback("198.51.100.7", &click)).await;
        assert_eq!(status, 200);
    }
    let of_account = "SELECT count(*) FROM conversions WHERE account_id IS NOT NULL";
    wait_for("the known click's", 1, async || {
        shop.test_env.count(of_account).await
    })
    .await;
    // They wait at first, all of them; then seven are left of each minute of the stranger's,
    // two at most, and the other's one.
    let waiting = "SELECT count(*) FROM conversions WHERE account_id IS NULL";
    let refused = "waypost_worker_conversions_rejected_total{reason=\"too_many_unknown_clicks\"}";
    wait_for("few conversions of unknown clicks", true, async || {
        let n_refused = shop.worker.metric(refused).await as i64;
        let n_waiting = shop.test_env.count(waiting).await;
        n_waiting + n_refused == 41 && (8..=15).contains(&n_waiting)
    })
    .await;
    let n = shop.test_env.count(waiting).await;
    assert_eq!(shop.test_env.count(of_account).await, 1);

    let age = "UPDATE conversions SET stored_at = stored_at - interval '23 hours'
               WHERE account_id IS NULL";
    shop.test_env.db.execute(age, &[]).await.unwrap();
    let one = "UPDATE conversions SET stored_at = stored_at - interval '61 minutes'
               WHERE conversion_id = (SELECT min(conversion_id::text)::uuid FROM conversions
                                      WHERE account_id IS NULL)";
    shop.test_env.db.execute(one, &[]).await.unwrap();
    // What is old is looked for at the start, and then once in a while.
    let Shop {
        test_env,
        api,
        edge,
        worker,
        ..
    } = shop;
    worker.stop();
    let worker = test_env.start_worker();
    wait_for("those of a day", n - 1, async || {
        test_env.count(waiting).await
    })
    .await;
    for service in [worker, edge, api] {
        service.stop();
    }
}

#[tokio::test]
async fn a_click_id_does_not_replace_a_required_secret() {
    let shop = Shop::open().await;
    let click = shop.click().await;
    shop.change_account(json!({ "postbacks": "token", "postback_secrets": [NEW] }))
        .await;
    let bare = format!("/conv?link_id={}", shop.link_id);
    shop.wait_for(&bare, "403 invalid_token").await;
    let alone = format!("/conv?click_id={click}");
    // Nobody knows yet whose click it is.
    assert_eq!(shop.get(&format!("{alone}&event=lead")).await, "200");
    let account = format!("{alone}&account_id={}", shop.seller.account_id);
    assert_eq!(shop.get(&account).await, "403 invalid_token");
    let unknown_account = format!("{alone}&account_id=999999999");
    assert_eq!(shop.get(&unknown_account).await, "404 account_not_found");
    let nonsense = format!("{alone}&account_id=mine");
    assert_eq!(shop.get(&nonsense).await, "404 account_not_found");
    let proved = format!("{account}&token=the%20account%27s%20new%20secret");
    shop.convert(&[&proved], 1).await;
    wait_for("the queues", 0, async || {
        shop.test_env.n_waiting_messages().await
    })
    .await;
    let sql = "SELECT count(*) FROM conversions WHERE event = 'sale' AND attribution = 'click'";
    assert_eq!(shop.test_env.count(sql).await, 1);
    assert_eq!(
        shop.test_env
            .count("SELECT count(*) FROM conversions")
            .await,
        1
    );
    shop.stop();
}
