//! Conversions that their account corrects, deletes and imports: credits, reversals and totals
//! follow exactly, whatever is delivered again.

use domain::id::{ClickId, ConversionId};
use e2e::{
    client::{BROWSER, Client, Tenant, answer},
    producer::Producer,
    service::{Service, command},
    test_environment::TestEnvironment,
    wait::wait_for,
};
use insta::assert_snapshot;
use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use serde_json::{Value, json};

const SECRET: &str = "a-postback-secret";
const IMPORT: &str = "/api/v2/conversions/import";

/// All services, and a seller with an offer, a link of it and a click.
struct Shop {
    test_env: TestEnvironment,
    api: Service,
    edge: Service,
    worker: Service,
    client: Client,
    producer: Producer,
    seller: Tenant,
    offer: String,
    link_id: String,
    link_key: i64,
    click: String,
}

impl Shop {
    async fn open() -> Self {
        let test_env = TestEnvironment::new().await;
        let api = test_env.start_api();
        let seller = Tenant::create(&test_env, &api, "seller").await;
        let edge = test_env.start_edge(&api);
        let client = Client::new(&api, Some(&edge));
        let offer = json!({
            "name": "An offer", "tracking_url": "https://e.com/?c={click_id}", "payout": "7",
            "postback_secret": SECRET,
        });
        let offer = client.create(&seller.key, "/api/v2/offers", &offer).await;
        let body = json!({ "offerId": offer["id"], "listId": seller.list_id });
        let path = "/api/v2/links/shorten";
        let link = client.create(&seller.key, path, &body).await;
        let worker = test_env.start_worker();
        let producer = Producer::open(&test_env).await;
        let mut shop = Self {
            offer: offer["id"].as_str().unwrap().to_owned(),
            link_id: link["linkId"].as_str().unwrap().to_owned(),
            click: String::new(),
            link_key: test_env.count("SELECT id FROM links").await,
            producer,
            test_env,
            api,
            edge,
            worker,
            client,
            seller,
        };
        shop.click = shop.click(2_000).await.to_string();
        wait_for("the message click", 1, async || {
            let sql = "SELECT count(*) FROM message_clicks";
            shop.test_env.count(sql).await
        })
        .await;
        shop
    }

    /// Publishes a click on the link of so many seconds ago.
    async fn click(&self, seconds: i64) -> ClickId {
        let click_id = ClickId::from_uuid(id_ago(seconds).as_uuid()).unwrap();
        self.publish_click(click_id).await;
        click_id
    }

    async fn publish_click(&self, click_id: ClickId) {
        let click = json!({
            "click_id": click_id, "account_id": self.seller.account_id,
            "link_key": self.link_key, "link_id": self.link_id, "offer_id": self.offer,
            "ip": "192.0.2.77", "user_agent": BROWSER, "confirmed": false,
        });
        self.producer.publish(&[click.to_string()]).await;
    }

    async fn call(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let body = Some(body).filter(|body| !body.is_null());
        let key = &self.seller.key;
        self.client.call(key, method, path, body.as_ref()).await
    }

    async fn get(&self, id: &str) -> (u16, Value) {
        let path = format!("/api/v2/conversions/{id}");
        self.call(Method::GET, &path, Value::Null).await
    }

    async fn delete(&self, id: &str) -> (u16, Value) {
        let path = format!("/api/v2/conversions/{id}");
        self.call(Method::DELETE, &path, Value::Null).await
    }

    /// Corrects a conversion; `status code`, or the corrected conversion.
    async fn correct(&self, id: &str, body: Value) -> Result<Value, String> {
        let path = format!("/api/v2/conversions/{id}");
        match self.call(Method::PATCH, &path, body).await {
            (200, corrected) => Ok(corrected),
            (status, refused) => Err(format!("{status} {}", refused["code"].as_str().unwrap())),
        }
    }

    /// An import of a content type: the status and the answer.
    async fn import(&self, content_type: &str, query: &str, body: String) -> (u16, Value) {
        let path = format!("{IMPORT}{query}");
        let request = self.client.api_request(Method::POST, &path).body(body);
        let request = request.header("X-Api-Key", &self.seller.key);
        answer(request.header("Content-Type", content_type)).await
    }

    async fn import_json(&self, query: &str, rows: Value) -> Value {
        let (status, answer) = self
            .import("application/json", query, rows.to_string())
            .await;
        assert_eq!(status, 200, "{answer}");
        answer
    }

    /// Sends a postback that must be accepted; the id that it is told.
    async fn postback(&self, parameters: &str) -> String {
        let path = format!("/conv?link_id={}&{parameters}", self.link_id);
        let host = &self.seller.short_host;
        let request = self.client.edge_request(Method::GET, host, &path);
        let (status, answer) = answer(request).await;
        assert_eq!(status, 200, "{path}: {answer}");
        answer["conversion_id"].as_str().unwrap().to_owned()
    }

    /// Sends a postback that is a conversion of its own, and waits until it is stored.
    async fn convert(&self, parameters: &str) -> String {
        let n = self.n_conversions().await;
        let id = self.postback(parameters).await;
        wait_for("the conversion", n + 1, async || self.n_conversions().await).await;
        id
    }

    /// Waits until all that was sent is stored: behind it comes a conversion that is deleted.
    async fn settle(&self) {
        let order = id_ago(0);
        let parameters = format!("event=marker&txn_id={order}&status=rejected");
        let id = self.convert(&parameters).await;
        assert_eq!(self.delete(&id).await.0, 200);
    }

    /// The event of a conversion of the link, as a redirector publishes it.
    fn line(&self, id: ConversionId, more: Value) -> String {
        let mut line = json!({
            "conversion_id": id, "source": "conv", "event": "sale",
            "account_id": self.seller.account_id, "link_key": self.link_key,
            "link_id": self.link_id, "offer_id": self.offer, "currency": "USD",
            "authenticated": true, "ip": "192.0.2.1",
        });
        for (name, value) in more.as_object().unwrap() {
            line[name] = value.clone();
        }
        line.to_string()
    }

    async fn n_conversions(&self) -> i64 {
        let sql = "SELECT count(*) FROM conversions";
        self.test_env.count(sql).await
    }

    /// Every conversion as `event txn status amount currency attribution`, what counts of it
    /// last; and the totals of the account.
    async fn ledger(&self) -> String {
        let sql = "
            SELECT concat_ws(' ', event, coalesce(txn_id, '-'), status,
                             trim_scale(coalesce(revenue, payout)), currency, attribution,
                             trim_scale(counted_amount))
            FROM conversions
            ORDER BY 1";
        let rows = self.test_env.db.query(sql, &[]).await.unwrap();
        let mut lines: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        let sql = "
            SELECT format('total: %s for %s %s', sum(conversions), trim_scale(sum(revenue)), currency)
            FROM totals
            WHERE dimension = 'all' AND span = 'day' AND currency <> ''
            GROUP BY currency
            HAVING sum(conversions) <> 0 OR sum(revenue) <> 0
            ORDER BY 1";
        let rows = self.test_env.db.query(sql, &[]).await.unwrap();
        lines.extend(rows.iter().map(|row| row.get::<_, String>(0)));
        lines.join("\n")
    }

    fn assert_recount_is_right(&self) {
        let output = command("click-worker", &["recount"], &self.test_env.env())
            .output()
            .unwrap();
        let report = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{report}");
    }

    fn close(self) {
        self.assert_recount_is_right();
        self.edge.stop();
        self.worker.stop();
        self.api.stop();
    }
}

fn id_ago(seconds: i64) -> ConversionId {
    let time = Timestamp::now() - SignedDuration::from_secs(seconds);
    let unix_ms = u64::try_from(time.as_millisecond()).unwrap();
    ConversionId::generate(unix_ms, &mut rand::rng())
}

/// The history of a conversion, an update a line.
fn history(answer: &Value) -> String {
    let updates = answer["history"].as_array().unwrap().iter();
    let line = |update: &Value| {
        let text = |name: &str| update[name].as_str().unwrap_or("-").to_owned();
        let [status, amount, currency, event] = ["status", "amount", "currency", "event"].map(text);
        let by = match (&update["is_correction"], &update["api_key_id"]) {
            (Value::Bool(true), Value::Number(_)) => "corrected by a key",
            (Value::Bool(false), Value::Number(_)) => "imported by a key",
            (Value::Bool(false), Value::Null) => "received",
            other => panic!("{other:?}"),
        };
        format!("{status} {amount} {currency} {event} {by}")
    };
    updates.map(line).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn a_correction_prevails_and_everything_follows() {
    let shop = Shop::open().await;
    let sale = shop.convert("txn_id=P-1&amount=100&status=pending").await;
    let refund = shop.convert("txn_id=P-1&event=refund&refund_id=r").await;
    shop.convert("txn_id=P-2").await;
    assert_snapshot!(shop.ledger().await, @"
    refund P-1 approved 7 USD click 0
    sale P-1 pending 100 USD click
    sale P-2 approved 7 USD click
    total: 1 for 7 USD
    ");

    let corrected = shop.correct(&sale, json!({ "status": "approved" })).await;
    assert_eq!(corrected.unwrap()["conversion"]["status"], "approved");
    shop.correct(&sale, json!({ "amount": "60.50" }))
        .await
        .unwrap();
    assert_snapshot!(shop.ledger().await, @"
    refund P-1 approved 7 USD click 60.5
    sale P-1 approved 60.5 USD click
    sale P-2 approved 7 USD click
    total: 2 for 7 USD
    ");
    shop.assert_recount_is_right();
    shop.correct(&refund, json!({ "amount": -20 }))
        .await
        .unwrap();
    shop.correct(&sale, json!({ "currency": "EUR" }))
        .await
        .unwrap();
    assert_snapshot!(shop.ledger().await, @"
    refund P-1 approved 20 USD click 0
    sale P-1 approved 60.5 EUR click
    sale P-2 approved 7 USD click
    total: 1 for 60.5 EUR
    total: 1 for 7 USD
    ");
    shop.assert_recount_is_right();
    shop.correct(&sale, json!({ "currency": "USD", "amount": "€ 50" }))
        .await
        .unwrap_err();
    shop.correct(&sale, json!({ "amount": "$50.00" }))
        .await
        .unwrap();
    // To say the same again is no other correction.
    shop.correct(&sale, json!({ "amount": 50, "currency": "usd" }))
        .await
        .unwrap();

    // Later postbacks change nothing that was corrected.
    shop.postback("txn_id=P-1&status=rejected").await;
    let known = shop.postback("txn_id=P-1&amount=70&status=pending").await;
    shop.settle().await;
    assert_snapshot!(shop.ledger().await, @"
    refund P-1 approved 20 USD click 20
    sale P-1 approved 50 USD click
    sale P-2 approved 7 USD click
    total: 2 for 37 USD
    ");
    let (_, found) = shop.get(&sale).await;
    assert_snapshot!(history(&found), @"
    pending 100.00 USD - received
    approved - - - corrected by a key
    - 60.50 - - corrected by a key
    - - EUR - corrected by a key
    - 50.00 USD - corrected by a key
    rejected - USD - received
    pending 70.00 USD - received
    ");
    assert_eq!(found["conversion"]["conversion_id"], sale);
    // A postback's own id stands for the conversion that it is an update of.
    assert_eq!(shop.get(&known).await, (200, found));
    shop.close();
}

#[tokio::test]
async fn a_corrected_event_is_another_identity_and_the_same_conversion() {
    let shop = Shop::open().await;
    let lines = [
        shop.line(id_ago(600), json!({ "txn_id": "1", "revenue": "10" })),
        // A retry, which leaves no trace.
        shop.line(id_ago(590), json!({ "txn_id": "1", "revenue": "10" })),
        shop.line(id_ago(300), json!({ "txn_id": "1", "status": "rejected" })),
        shop.line(id_ago(200), json!({ "txn_id": "1", "status": "approved" })),
    ];
    shop.producer.publish(&lines).await;
    wait_for("the conversion", 1, async || shop.n_conversions().await).await;
    let sql = "SELECT conversion_id::text FROM conversions";
    let id: String = shop.test_env.db.query_one(sql, &[]).await.unwrap().get(0);
    let lead = shop.convert("event=lead&txn_id=1").await;
    let refused = shop.correct(&id, json!({ "event": "Lead" })).await;
    assert_eq!(refused.unwrap_err(), "409 conversion_exists");
    let corrected = shop.correct(&id, json!({ "event": "First Deposit" })).await;
    assert_eq!(corrected.unwrap()["conversion"]["event"], "first_deposit");
    assert_snapshot!(shop.ledger().await, @"
    first_deposit 1 approved 10 USD click
    lead 1 approved 7 USD click
    total: 2 for 17 USD
    ");
    shop.assert_recount_is_right();

    // What is delivered again, and what comes later or earlier, is of the same conversion.
    shop.producer.publish(&lines).await;
    let earlier = shop.line(id_ago(900), json!({ "txn_id": "1", "revenue": "4" }));
    shop.producer.publish(&[earlier]).await;
    shop.postback("event=sale&txn_id=1&status=reversed").await;
    shop.settle().await;
    assert_snapshot!(shop.ledger().await, @"
    first_deposit 1 reversed 4 USD click
    lead 1 approved 7 USD click
    total: 1 for 7 USD
    ");
    let (_, found) = shop.get(&id).await;
    assert_snapshot!(history(&found), @"
    approved 4.00 USD - received
    approved 10.00 USD - received
    rejected - USD - received
    approved - USD - received
    - - - first_deposit corrected by a key
    reversed - USD - received
    ");
    // Nobody else gets an identity that it had.
    let refused = shop.correct(&lead, json!({ "event": "sale" })).await;
    assert_eq!(refused.unwrap_err(), "409 conversion_exists");
    // A refund takes away, and what it is corrected to adds.
    let refund = shop.convert("event=refund&txn_id=1&amount=3").await;
    shop.correct(&id, json!({ "status": "approved" }))
        .await
        .unwrap();
    assert_snapshot!(shop.ledger().await, @"
    first_deposit 1 approved 4 USD click
    lead 1 approved 7 USD click
    refund 1 approved 3 USD click 3
    total: 2 for 8 USD
    ");
    shop.correct(&refund, json!({ "event": "rebill" }))
        .await
        .unwrap();
    shop.correct(&id, json!({ "event": "sale" })).await.unwrap();
    shop.postback("event=refund&txn_id=1&amount=3").await;
    shop.settle().await;
    assert_snapshot!(shop.ledger().await, @"
    lead 1 approved 7 USD click
    rebill 1 approved 3 USD click
    sale 1 approved 4 USD click
    total: 3 for 14 USD
    ");
    shop.close();
}

#[tokio::test]
async fn nothing_brings_a_deleted_conversion_back() {
    let shop = Shop::open().await;
    let lines = [
        shop.line(id_ago(600), json!({ "txn_id": "1", "revenue": "10" })),
        shop.line(id_ago(590), json!({ "txn_id": "1", "revenue": "10" })),
        shop.line(id_ago(300), json!({ "txn_id": "1", "status": "rejected" })),
        shop.line(id_ago(200), json!({ "txn_id": "1", "status": "approved" })),
        shop.line(
            id_ago(100),
            json!({ "txn_id": "1", "event": "refund", "revenue": "4" }),
        ),
        shop.line(
            id_ago(100),
            json!({ "txn_id": "1", "event": "rebill", "revenue": "3" }),
        ),
    ];
    shop.producer.publish(&lines).await;
    wait_for("the conversions", 3, async || shop.n_conversions().await).await;
    assert_snapshot!(shop.ledger().await, @"
    rebill 1 approved 3 USD click
    refund 1 approved 4 USD click 4
    sale 1 approved 10 USD click
    total: 2 for 9 USD
    ");
    let id_of = async |event: &str| -> String {
        let sql = format!("SELECT conversion_id::text FROM conversions WHERE event = '{event}'");
        shop.test_env.db.query_one(&sql, &[]).await.unwrap().get(0)
    };
    let (sale, refund) = (id_of("sale").await, id_of("refund").await);
    assert_eq!(
        shop.delete(&sale).await,
        (200, json!({ "success": true, "deleted": true }))
    );
    assert_snapshot!(shop.ledger().await, @"
    rebill 1 approved 3 USD click
    refund 1 approved 4 USD click 3
    total: 1 for 0 USD
    ");
    shop.assert_recount_is_right();
    assert_eq!(shop.delete(&refund).await.0, 200);
    for (method, body) in [
        (Method::GET, Value::Null),
        (Method::DELETE, Value::Null),
        (Method::PATCH, json!({ "status": "approved" })),
    ] {
        let path = format!("/api/v2/conversions/{sale}");
        let (status, refused) = shop.call(method, &path, body).await;
        assert_eq!(
            (status, &refused["code"]),
            (410, &json!("conversion_deleted"))
        );
    }
    let unknown = id_ago(0).to_string();
    assert_eq!(shop.get(&unknown).await.0, 404);
    assert_eq!(shop.delete(&unknown).await.0, 404);

    // Neither redeliveries nor what the network says later, nor an earlier postback.
    shop.producer.publish(&lines).await;
    let earlier = shop.line(id_ago(900), json!({ "txn_id": "1", "revenue": "4" }));
    shop.producer.publish(&[earlier]).await;
    shop.postback("txn_id=1&amount=10").await;
    shop.settle().await;
    // The identity of a conversion depends on the mapping. Ids do not.
    let mapping = json!({ "postback_mapping": { "duplicates": "new" } });
    let path = format!("/api/v2/offers/{}", shop.offer);
    let (status, answer) = shop.call(Method::PUT, &path, mapping).await;
    assert_eq!(status, 200, "{answer}");
    shop.producer
        .publish(&[lines[0].clone(), lines[2].clone()])
        .await;
    shop.settle().await;
    let mapping = json!({ "postback_mapping": {} });
    assert_eq!(shop.call(Method::PUT, &path, mapping).await.0, 200);
    let track = json!({
        "click_id": shop.click, "order_id": "1", "amount": "1", "event_type": "sale",
    });
    let (status, refused) = shop
        .call(Method::POST, "/api/conversions/track", track)
        .await;
    assert_eq!(
        (status, &refused["error_code"]),
        (410, &json!("CONVERSION_DELETED"))
    );
    assert_snapshot!(shop.ledger().await, @"
    rebill 1 approved 3 USD click
    total: 1 for 3 USD
    ");

    // An import does, if it says so.
    let rows = json!([{
        "converted_at": Timestamp::now(), "txn_id": "1", "link_id": shop.link_id, "amount": "9",
    }]);
    let answer = shop.import_json("", rows.clone()).await;
    assert_eq!(answer["rows"][0]["code"], "conversion_deleted");
    let answer = shop.import_json("?restore_deleted=true", rows).await;
    assert_eq!(answer["rows"][0]["result"], "created");
    shop.postback("txn_id=1&status=rejected").await;
    shop.settle().await;
    assert_snapshot!(shop.ledger().await, @"
    rebill 1 approved 3 USD click
    sale 1 rejected 9 USD click
    total: 1 for 3 USD
    ");
    shop.close();
}

/// Its click is not stored yet: then it is stored again, with all that was said about it.
#[tokio::test]
async fn a_correction_outlasts_the_arrival_of_the_click() {
    let shop = Shop::open().await;
    let click_id = ClickId::from_uuid(id_ago(1_000).as_uuid()).unwrap();
    let of_click = json!({ "offer_id": null, "link_key": null, "link_id": null, "txn_id": "w",
                           "click_id": click_id, "revenue": "10" });
    let of_offer = json!({ "source": "offer", "link_key": null, "link_id": null, "txn_id": "o",
                           "click_id": click_id, "revenue": "5" });
    let sale = shop.line(id_ago(900), of_click);
    let lines = [sale.clone(), shop.line(id_ago(900), of_offer)];
    shop.producer.publish(&lines).await;
    wait_for("the conversions", 2, async || shop.n_conversions().await).await;
    let sql = "SELECT conversion_id::text FROM conversions WHERE txn_id = 'w'";
    let id: String = shop.test_env.db.query_one(sql, &[]).await.unwrap().get(0);
    shop.correct(&id, json!({ "amount": "8", "event": "lead" }))
        .await
        .unwrap();
    assert_snapshot!(shop.ledger().await, @"
    lead w approved 8 USD none
    sale o approved 5 USD offer
    total: 1 for 5 USD
    ");
    shop.assert_recount_is_right();

    shop.publish_click(click_id).await;
    wait_for("the credits", 2, async || {
        let sql = "SELECT count(*) FROM conversions WHERE attribution = 'click'";
        shop.test_env.count(sql).await
    })
    .await;
    assert_snapshot!(shop.ledger().await, @"
    lead w approved 8 USD click
    sale o approved 5 USD click
    total: 2 for 13 USD
    ");
    shop.assert_recount_is_right();
    // By now it is known to be of the offer, and so are postbacks of the link.
    shop.producer.publish(&[sale]).await;
    shop.postback("txn_id=w&amount=12&status=rejected").await;
    shop.settle().await;
    assert_snapshot!(shop.ledger().await, @"
    lead w rejected 8 USD click
    sale o approved 5 USD click
    total: 1 for 5 USD
    ");
    let (_, found) = shop.get(&id).await;
    assert_snapshot!(history(&found), @"
    approved 10.00 USD - received
    - 8.00 - lead corrected by a key
    rejected 12.00 USD - received
    ");
    shop.close();
}

#[tokio::test]
async fn a_correction_that_makes_no_sense_is_refused() {
    let shop = Shop::open().await;
    let sale = shop.convert("txn_id=1&amount=10").await;
    for (body, expected) in [
        (json!({}), "400 invalid_field"),
        (json!({ "amount": null, "status": "" }), "400 invalid_field"),
        (json!({ "amount": "ten" }), "400 invalid_field"),
        (json!({ "amount": -1 }), "400 invalid_field"),
        (json!({ "amount": "1,234" }), "400 invalid_field"),
        (json!({ "status": "accepted" }), "400 invalid_field"),
        (json!({ "event": "!" }), "400 invalid_field"),
        (json!({ "currency": "ABC" }), "400 invalid_field"),
        (json!([]), "400 invalid_field"),
    ] {
        let refused = shop.correct(&sale, body.clone()).await.unwrap_err();
        assert_eq!(refused, expected, "{body}");
    }
    let read_only =
        e2e::client::create_key(&shop.test_env, shop.seller.account_id, &["reports:read"]);
    let path = format!("/api/v2/conversions/{sale}");
    for (method, expected) in [
        (Method::GET, 200),
        (Method::DELETE, 403),
        (Method::PATCH, 403),
    ] {
        let body = (method == Method::PATCH).then(|| json!({ "status": "rejected" }));
        let call = shop.client.call(&read_only, method, &path, body.as_ref());
        assert_eq!(call.await.0, expected);
    }
    for n in 0..100 {
        shop.correct(&sale, json!({ "amount": n })).await.unwrap();
    }
    let refused = shop.correct(&sale, json!({ "amount": 100 })).await;
    assert_eq!(refused.unwrap_err(), "409 too_many_corrections");
    assert_snapshot!(shop.ledger().await, @"
    sale 1 approved 99 USD click
    total: 1 for 99 USD
    ");
    shop.close();
}

/// The results of an import, a row a line.
fn results(answer: &Value) -> String {
    let counts = ["created", "updated", "unchanged", "failed"]
        .map(|name| format!("{} {name}", answer[name]))
        .join(", ");
    let line = |row: &Value| {
        let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
        assert_eq!(row["conversion_id"].is_null(), row["result"] == "failed");
        let words = [text("result"), text("code"), text("field")].join(" ");
        format!("{} {}", row["row"], words.trim())
    };
    let rows = answer["rows"].as_array().unwrap().iter().map(line);
    [counts]
        .into_iter()
        .chain(rows)
        .collect::<Vec<_>>()
        .join("\n")
}

#[tokio::test]
async fn rows_of_an_import_create_correct_or_fail_each_on_its_own() {
    let shop = Shop::open().await;
    let other = Tenant::create(&shop.test_env, &shop.api, "other").await;
    let stored = shop.convert("txn_id=1&amount=10&status=pending").await;
    let day_ago = Timestamp::now() - SignedDuration::from_hours(24);
    let (link, offer, click) = (&shop.link_id, &shop.offer, &shop.click);
    let csv = format!(
        "converted_at,event,status,txn_id,click_id,link_id,offer_id,amount,currency,refund_id\r\n\
         {day_ago},sale,approved,1,,{link},,,,\r\n\
         {day_ago},,,2,,,{offer},\"1,250.50\",EUR,\r\n\
         {day_ago},lead,pending,,{click},,,,,\r\n\
         {day_ago},refund,,2,,,{offer},-50.50,EUR,r-1\r\n\
         {day_ago},refund,,2,,,{offer},100,EUR,r-2\r\n\
         {day_ago},,,2,,,{offer},1251,EUR,\r\n\
         {day_ago},,,2,,,{offer},1251,,\r\n\
         {day_ago},sale,maybe,3,,{link},,,,\r\n\
         {day_ago},sale,,3,,nowhere,,,,\r\n\
         {day_ago},sale,,3,,,{},,,\r\n\
         {day_ago},sale,,3,{},,,,,\r\n\
         {day_ago},sale,,,,{link},,,,\r\n\
         {day_ago},sale,,3,{click},{link},,,,\r\n\
         ,sale,,3,,{link},,,,\r\n\
         {day_ago},sale\r\n",
        other.offer_id,
        ClickId::generate(1_795_000_000_000, &mut rand::rng()),
    );
    let (status, answer) = shop
        .import("text/csv; charset=utf-8", "", csv.clone())
        .await;
    assert_eq!(status, 200, "{answer}");
    assert_snapshot!(results(&answer), @"
    4 created, 2 updated, 1 unchanged, 8 failed
    1 updated
    2 created
    3 created
    4 created
    5 created
    6 updated
    7 unchanged
    8 failed invalid_field status
    9 failed link_not_found link_id
    10 failed offer_not_found offer_id
    11 failed click_not_found click_id
    12 failed invalid_field txn_id
    13 failed invalid_field link_id
    14 failed invalid_field converted_at
    15 failed invalid_row
    ");
    assert_eq!(answer["rows"][0]["conversion_id"], stored);
    assert_snapshot!(shop.ledger().await, @"
    lead - pending 7 USD click
    refund 2 approved 100 EUR offer 100
    refund 2 approved 50.5 EUR offer 50.5
    sale 1 approved 10 USD click
    sale 2 approved 1251 EUR offer
    total: 1 for 10 USD
    total: 1 for 1100.5 EUR
    ");
    shop.assert_recount_is_right();
    // Again, all of it is known; the last row of an identity prevails over the one before.
    let (_, answer) = shop.import("text/csv", "", csv).await;
    assert_snapshot!(results(&answer).lines().next().unwrap(), @"0 created, 2 updated, 5 unchanged, 8 failed");
    let (_, found) = shop.get(&stored).await;
    assert_snapshot!(history(&found), @"
    pending 10.00 USD - received
    approved - - - corrected by a key
    ");

    // What the network sends later of what was imported is no conversion of its own.
    let lines = shop.line(id_ago(10), json!({ "txn_id": "2", "revenue": "1250.50" }));
    shop.producer.publish(&[lines]).await;
    shop.postback("txn_id=2&amount=3&status=rejected").await;
    shop.settle().await;
    assert_snapshot!(shop.ledger().await, @"
    lead - pending 7 USD click
    refund 2 approved 100 EUR offer 0
    refund 2 approved 50.5 EUR offer 0
    sale 1 approved 10 USD click
    sale 2 rejected 1251 EUR offer
    total: 1 for 10 USD
    ");
    let imported = answer["rows"][1]["conversion_id"].as_str().unwrap();
    assert_snapshot!(history(&shop.get(imported).await.1), @"
    approved 1250.50 EUR - imported by a key
    approved 1250.50 USD - received
    - 1251.00 EUR - corrected by a key
    - 1250.50 EUR - corrected by a key
    - 1251.00 EUR - corrected by a key
    rejected 3.00 USD - received
    ");
    shop.close();
}

#[tokio::test]
async fn an_import_of_many_rows_is_stored_in_pieces_and_once() {
    let shop = Shop::open().await;
    let time = Timestamp::now() - SignedDuration::from_hours(1);
    let row = |n: usize| {
        let amount = (n % 7).to_string();
        json!({ "converted_at": time, "txn_id": format!("t{n}"), "offer_id": shop.offer,
                "amount": amount })
    };
    let lines: Vec<_> = (0..2_500).map(|n| row(n).to_string()).collect();
    let body = lines.join("\n");
    let import = async |body: &str| {
        let request = shop.client.api_request(Method::POST, IMPORT);
        let request = request.header("X-Api-Key", &shop.seller.key);
        let request = request.header("Idempotency-Key", "once");
        let request = request.header("Content-Type", "application/x-ndjson");
        let response = request.body(body.to_owned()).send().await.unwrap();
        let is_replayed = response.headers().contains_key("idempotent-replayed");
        let answer: Value = response.json().await.unwrap();
        (is_replayed, answer)
    };
    let (is_replayed, first) = import(&body).await;
    assert!(!is_replayed);
    assert_eq!(first["created"], 2_500, "{first}");
    assert_eq!(import(&body).await, (true, first));
    let (status, again) = shop.import("application/x-ndjson", "", body).await;
    assert_eq!((status, &again["unchanged"]), (200, &json!(2_500)));
    let expected: usize = (0..2_500).map(|n| n % 7).sum();
    assert!(
        shop.ledger()
            .await
            .ends_with(&format!("total: 2500 for {expected} USD"))
    );
    // Two at a time, of which one changes what the other does.
    let reversed: Vec<_> = (0..1_500)
        .rev()
        .map(|n| {
            let mut row = row(n);
            row["status"] = json!("rejected");
            row
        })
        .collect();
    let reversed = json!(reversed);
    let (one, other) = tokio::join!(
        shop.import_json("", reversed.clone()),
        shop.import_json("", reversed)
    );
    let sum = |name: &str| one[name].as_i64().unwrap() + other[name].as_i64().unwrap();
    assert_eq!((sum("updated"), sum("unchanged")), (1_500, 1_500));
    let expected: usize = (1_500..2_500).map(|n| n % 7).sum();
    assert!(
        shop.ledger()
            .await
            .ends_with(&format!("total: 1000 for {expected} USD"))
    );
    shop.close();
}

#[tokio::test]
async fn an_import_has_limits() {
    let shop = Shop::open().await;
    let code = |(status, answer): (u16, Value)| {
        format!("{status} {}", answer["code"].as_str().unwrap_or("-"))
    };
    let many = "{}\n".repeat(100_001);
    let large = " ".repeat(32 * 1024 * 1024 + 1);
    for (content_type, body, expected) in [
        ("application/x-ndjson", many, "400 too_many_rows"),
        ("application/json", large, "413 payload_too_large"),
        ("application/json", "{}".to_owned(), "400 invalid_field"),
        ("application/json", "[".to_owned(), "400 invalid_json"),
        ("text/csv", "amount,total\n".to_owned(), "400 invalid_field"),
        ("text/plain", "[]".to_owned(), "415 unsupported_media_type"),
        ("application/json", "[]".to_owned(), "200 -"),
    ] {
        let answer = shop.import(content_type, "", body).await;
        assert_eq!(code(answer), expected, "{content_type}");
    }
    let request = shop.client.api_request(Method::POST, IMPORT);
    let request = request.header("X-Api-Key", &shop.seller.key);
    let request = request.header("Content-Type", "text/csv");
    let refused = answer(request.body(b"converted_at\n\xff\n".to_vec())).await;
    assert_eq!(code(refused), "400 invalid_csv");
    // Nothing before the first day that the account keeps.
    shop.test_env
        .db
        .batch_execute("UPDATE accounts SET raw_since = now() - interval '1 day'")
        .await
        .unwrap();
    let row = |hours: i64| {
        let time = Timestamp::now() - SignedDuration::from_hours(hours);
        json!({ "converted_at": time, "txn_id": "1", "offer_id": shop.offer })
    };
    let answer = shop.import_json("", json!([row(30), row(1)])).await;
    assert_snapshot!(results(&answer), @"
    1 created, 0 updated, 0 unchanged, 1 failed
    1 failed invalid_field converted_at
    2 created
    ");
    shop.close();
}
