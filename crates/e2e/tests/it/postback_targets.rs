//! Postbacks that name neither link nor click: of an offer by its `external_id`, and of a coupon.

use e2e::{
    client::{BROWSER, Client, Tenant, answer, create_key},
    service::{Service, command},
    test_environment::{PLATFORM_CLICK_HOST, TestEnvironment},
    wait::wait_for,
};
use reqwest::Method;
use serde_json::{Value, json};

const SECRET: &str = "the-secret-of-the-offer";
const TOKEN: &str = "the-secret-of-the-account";
/// A transaction in the form of a click id.
const LIKE_A_CLICK: &str = "01a11d5c-1e7b-7123-8123-456789abcdef";

/// All services, a seller with an offer, and somebody else.
struct Market {
    test_env: TestEnvironment,
    api: Service,
    edge: Service,
    worker: Service,
    client: Client,
    seller: Tenant,
    other: Tenant,
    offer: String,
}

impl Market {
    async fn open() -> Self {
        let test_env = TestEnvironment::new().await;
        let api = test_env.start_api();
        let seller = Tenant::create(&test_env, &api, "seller").await;
        let other = Tenant::create(&test_env, &api, "other").await;
        let edge = test_env.start_edge(&api);
        let client = Client::new(&api, Some(&edge));
        let mut market = Self {
            worker: test_env.start_worker(),
            test_env,
            api,
            edge,
            client,
            seller,
            other,
            offer: String::new(),
        };
        market.offer = market.create_offer("NET-7", SECRET).await;
        market
    }

    async fn create_offer(&self, external_id: &str, secret: &str) -> String {
        let offer = json!({
            "name": "An offer", "tracking_url": "https://e.com/?c={click_id}", "payout": "7",
            "external_id": external_id, "postback_secret": secret,
        });
        let offer = self.create("/api/v2/offers", offer).await;
        offer["id"].as_str().unwrap().to_owned()
    }

    async fn create(&self, path: &str, body: Value) -> Value {
        self.client.create(&self.seller.key, path, &body).await
    }

    async fn call(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let body = Some(&body).filter(|body| !body.is_null());
        self.client.call(&self.seller.key, method, path, body).await
    }

    async fn change(&self, path: &str, body: Value) {
        let method = match path.contains("coupons") {
            true => Method::PATCH,
            false => Method::PUT,
        };
        let (status, answer) = self.call(method, path, body).await;
        assert_eq!(status, 200, "{answer}");
    }

    async fn set_account(&self, body: Value) {
        let admin = create_key(&self.test_env, self.seller.account_id, &["admin"]);
        let path = format!("/api/v2/accounts/{}", self.seller.account_id);
        let call = self.client.call(&admin, Method::PUT, &path, Some(&body));
        assert_eq!(call.await.0, 200);
    }

    /// Status and code, `200` where it is accepted, at a host.
    async fn get_at(&self, host: &str, path: &str) -> String {
        let (status, body) = answer(self.client.edge_request(Method::GET, host, path)).await;
        match body["code"].as_str() {
            Some(code) => format!("{status} {code}"),
            None => status.to_string(),
        }
    }

    async fn get(&self, path: &str) -> String {
        self.get_at(&self.seller.short_host, path).await
    }

    async fn wait_for(&self, path: &str, expected: &str) {
        wait_for(path, expected.to_owned(), async || self.get(path).await).await;
    }

    /// The stored conversions, as text that a query makes of each.
    async fn wait_for_rows(&self, columns: &str, expected: &[&str]) {
        let sql = format!("SELECT concat_ws(' ', {columns}) FROM conversions ORDER BY 1");
        let expected: Vec<_> = expected.iter().map(ToString::to_string).collect();
        wait_for("the conversions", expected, async || {
            let rows = self.test_env.db.query(&sql, &[]).await.unwrap();
            rows.iter().map(|row| row.get::<_, String>(0)).collect()
        })
        .await;
    }

    fn assert_recount_is_right(&self) {
        let recount = command("click-worker", &["recount"], &self.test_env.env()).output();
        let recount = recount.unwrap();
        let report = String::from_utf8_lossy(&recount.stdout);
        assert!(recount.status.success(), "{report}");
    }

    fn stop(self) {
        self.edge.stop();
        self.worker.stop();
        self.api.stop();
    }
}

#[tokio::test]
async fn an_offer_is_named_by_its_external_id() {
    let market = Market::open().await;
    let seller = market.seller.account_id;
    let other_host = &market.other.short_host;
    let offer =
        |txn: &str| format!("/conv/offer?offer_id=NET-7&postback_secret={SECRET}&txn_id={txn}");
    assert_eq!(market.get(&offer("by-host")).await, "200");
    let by_account = format!("{}&account_id={seller}", offer("by-account"));
    assert_eq!(market.get_at(other_host, &by_account).await, "200");
    // Of no account that is named, the secret tells the offer.
    for host in [other_host, PLATFORM_CLICK_HOST] {
        assert_eq!(market.get_at(host, &offer("by-secret")).await, "200");
    }
    let tune = format!("/api/postbacks/tune?offer_id=NET-7&postback_secret={SECRET}");
    let of_tune = format!("{tune}&transaction_id={LIKE_A_CLICK}&amount=3");
    assert_eq!(market.get(&of_tune).await, "200");

    let wrong_secret = offer("x").replace(SECRET, "another-secret-of-it");
    let nobody = format!("{}&account_id=999999", offer("x"));
    let unknown = offer("x").replace("NET-7", "NET-9");
    for (host, path, expected) in [
        (
            &market.seller.short_host,
            &wrong_secret,
            "403 invalid_postback_secret",
        ),
        (other_host, &wrong_secret, "404 offer_not_found"),
        (other_host, &nobody, "404 account_not_found"),
        (&market.seller.short_host, &unknown, "404 offer_not_found"),
        // A network's offer without a secret says nothing.
        (
            other_host,
            &"/api/postbacks/tune?offer_id=NET-7&transaction_id=1".to_owned(),
            "400 missing_link_id",
        ),
    ] {
        assert_eq!(market.get_at(host, path).await, expected, "{host}{path}");
    }
    // Another account's offer of the same name is not meant by its own secret only.
    let theirs = format!("{}&account_id={}", offer("x"), market.other.account_id);
    assert_eq!(
        market.get_at(other_host, &theirs).await,
        "404 offer_not_found"
    );

    let second = market
        .create_offer("NET-7", "the-secret-of-the-second")
        .await;
    market
        .wait_for(&offer("ambiguous"), "409 ambiguous_offer_id")
        .await;
    let path = format!("/api/v2/offers/{second}");
    assert_eq!(market.call(Method::DELETE, &path, Value::Null).await.0, 200);
    market.wait_for(&offer("after"), "200").await;
    let path = format!("/api/v2/offers/{}", market.offer);
    market
        .change(&path, json!({ "external_id": "NET-8" }))
        .await;
    // Only the archived offer has this external_id now, and another secret.
    market
        .wait_for(&offer("x"), "403 invalid_postback_secret")
        .await;
    let renamed = offer("renamed").replace("NET-7", "NET-8");
    market.wait_for(&renamed, "200").await;

    let rows: Vec<_> = [
        LIKE_A_CLICK,
        "after",
        "by-account",
        "by-host",
        "by-secret",
        "renamed",
    ]
    .iter()
    .map(|txn| format!("{txn} offer {} offer", market.offer))
    .collect();
    let rows: Vec<_> = rows.iter().map(String::as_str).collect();
    let columns = "txn_id, source, credited_offer_id, attribution";
    market.wait_for_rows(columns, &rows).await;
    market.assert_recount_is_right();
    market.stop();
}

#[tokio::test]
async fn a_sale_with_a_coupon_needs_no_click() {
    let market = Market::open().await;
    let coupon = json!({ "code": "Summer10", "offer_id": market.offer });
    let coupon = market.create("/api/v2/coupons", coupon).await;
    assert_eq!(coupon["code"], "SUMMER10");
    let coupon_path = format!("/api/v2/coupons/{}", coupon["id"]);
    let sale = |txn: &str| format!("/conv/coupon?code=summer10&revenue=12.50&txn_id={txn}");
    assert_eq!(market.get(&sale("one")).await, "200");
    let request = market
        .client
        .edge_request(Method::GET, &market.seller.short_host, &sale("one"));
    assert_eq!(answer(request).await.1["duplicate"], true);
    let seller = market.seller.account_id;
    let named = format!("{}&account_id={seller}", sale("two"));
    assert_eq!(market.get_at(PLATFORM_CLICK_HOST, &named).await, "200");
    let theirs = &market.other.short_host;
    for (host, path, expected) in [
        (PLATFORM_CLICK_HOST, &*sale("x"), "400 missing_account_id"),
        (theirs, &sale("x"), "404 coupon_not_found"),
        (
            &market.seller.short_host,
            "/conv/coupon?txn_id=x",
            "400 missing_coupon",
        ),
        (
            &market.seller.short_host,
            "/conv/coupon?code=WINTER&txn_id=x",
            "404 coupon_not_found",
        ),
        (
            &market.seller.short_host,
            "/conv/coupon?code=SUMMER10&revenue=1",
            "400 missing_txn_id",
        ),
    ] {
        assert_eq!(market.get_at(host, path).await, expected, "{host}{path}");
    }

    // Without an end, and with one.
    market
        .change(&coupon_path, json!({ "status": "paused" }))
        .await;
    market.wait_for(&sale("x"), "409 coupon_not_active").await;
    let refund = "/conv/coupon?code=SUMMER10&txn_id=one&event=refund&revenue=2.50";
    assert_eq!(market.get(refund).await, "200");
    let ended = json!({ "status": "active", "valid_until": "2026-01-01T00:00:00Z" });
    market.change(&coupon_path, ended).await;
    assert_eq!(market.get(&sale("x")).await, "409 coupon_not_active");
    market
        .change(&coupon_path, json!({ "valid_until": "", "code": "AUTUMN" }))
        .await;
    market.wait_for(&sale("x"), "404 coupon_not_found").await;
    let renamed = sale("three").replace("summer10", "autumn");
    market.wait_for(&renamed, "200").await;

    let columns = "txn_id, event, source, coupon, credited_offer_id = offer_id, attribution";
    let rows = [
        "one refund coupon SUMMER10 t offer",
        "one sale coupon SUMMER10 t offer",
        "three sale coupon AUTUMN t offer",
        "two sale coupon SUMMER10 t offer",
    ];
    market.wait_for_rows(columns, &rows).await;
    let path = "/api/v2/conversions?coupon=autumn";
    let (_, list) = market.call(Method::GET, path, Value::Null).await;
    assert_eq!(list["conversions"][0]["coupon"], "AUTUMN");
    assert_eq!(list["conversions"].as_array().map(Vec::len), Some(1));

    let deleted = market.call(Method::DELETE, &coupon_path, Value::Null);
    assert_eq!(deleted.await.0, 200);
    market.wait_for(&renamed, "404 coupon_not_found").await;
    market.assert_recount_is_right();
    market.stop();
}

#[tokio::test]
async fn a_stranger_books_no_sale_on_a_coupon_of_an_account_that_wants_a_proof() {
    let market = Market::open().await;
    let coupon = json!({ "code": "SUMMER10", "offer_id": market.offer });
    market.create("/api/v2/coupons", coupon).await;
    let sale = "/conv/coupon?code=SUMMER10&revenue=12.50&txn_id=1";
    let settings = json!({ "postbacks": "token", "postback_secrets": [TOKEN] });
    market.set_account(settings).await;
    market.wait_for(sale, "403 invalid_token").await;
    let account = format!("account_id={}", market.seller.account_id);
    let theirs = &market.other.short_host;
    for (path, expected) in [
        (format!("{sale}&{account}"), "403 invalid_token"),
        (
            format!("{sale}&{account}&token={SECRET}"),
            "403 invalid_token",
        ),
        (format!("{sale}&{account}&token={TOKEN}"), "200"),
    ] {
        assert_eq!(market.get_at(theirs, &path).await, expected, "{path}");
    }
    market.set_account(json!({ "postbacks": "signed" })).await;
    let with_token = format!("{sale}&token={TOKEN}");
    market.wait_for(&with_token, "403 invalid_signature").await;
    market
        .wait_for_rows("txn_id, authenticated", &["1 t"])
        .await;
    market.stop();
}

#[tokio::test]
async fn a_coupon_stands_for_a_link_and_a_contact() {
    let market = Market::open().await;
    let link = json!({
        "offerId": market.offer, "listId": market.seller.list_id, "contactPhone": "+18005550100",
    });
    let link = market.create("/api/v2/links/shorten", link).await;
    let with_link = json!({ "code": "LINK", "link_id": link["linkId"] });
    let coupon = market.create("/api/v2/coupons", with_link).await;
    assert_eq!(coupon["domain"], market.seller.short_host.as_str());
    let contact = json!({ "code": "ADA-2026", "contact_phone": "+18005550123" });
    let contact = market.create("/api/v2/coupons", contact).await;
    for path in [
        "/conv/coupon?code=LINK&txn_id=1",
        "/conv/coupon?code=ada-2026&txn_id=2&revenue=3",
    ] {
        assert_eq!(market.get(path).await, "200", "{path}");
    }
    let columns = "txn_id, attribution, contact_phone, link_id IS NOT NULL";
    let before = ["1 offer +18005550100 t", "2 none +18005550123 f"];
    market.wait_for_rows(columns, &before).await;
    // A click that comes after all is what the sale is credited to.
    let url = link["shortUrl"].as_str().unwrap();
    market.client.click(url, BROWSER).await.destination();
    let after = ["1 click +18005550100 t", "2 none +18005550123 f"];
    market.wait_for_rows(columns, &after).await;

    // The contact's sale is part of its journey, until it is erased.
    let journey = "/api/v2/contacts/+18005550123/journey";
    let (_, events) = market.call(Method::GET, journey, Value::Null).await;
    assert_eq!(events["events"][0]["type"], "conversion", "{events}");
    let path = "/api/v2/contacts/+18005550123";
    let (_, erased) = market.call(Method::DELETE, path, Value::Null).await;
    assert_eq!(erased["erased"]["coupons"], 1);
    assert_eq!(erased["erased"]["conversions"], 1);
    let path = format!("/api/v2/coupons/{}", contact["id"]);
    let (_, coupon) = market.call(Method::GET, &path, Value::Null).await;
    assert_eq!(coupon["contact_phone"], Value::Null);
    let sql = "SELECT count(*) FROM conversions WHERE contact_phone = '+18005550123'";
    assert_eq!(market.test_env.count(sql).await, 0);
    market.assert_recount_is_right();
    market.stop();
}
