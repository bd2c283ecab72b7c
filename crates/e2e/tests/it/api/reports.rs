//! Reports, exports, verdicts, messages and contacts: the forms of what is asked
//! and answered. That the numbers are right is tested in `ledger_model`.

use domain::id::{ClickId, ConversionId};
use e2e::{client::create_key, producer::Producer, service::Service, wait::wait_for};
use insta::assert_json_snapshot;
use jiff::{
    SignedDuration, Timestamp, ToSpan as _,
    civil::{Weekday, date},
    tz::TimeZone,
};
use reqwest::{Method, header};
use serde_json::{Value, json};

use super::{Api, status_and_code};

const PHONE: &str = "+18005550123";
/// Whatever a contact may be known by.
const SECRETS: [&str; 6] = [
    PHONE,
    "8005550123",
    "203.0.113.77",
    "a telling agent",
    "telling.example",
    "telling-sub",
];

/// A text about the last day on which New York put its clocks back (`DAY`) and the
/// day after it (`NEXT`): 25 hours, and none too long ago for a click.
pub(super) fn dated(text: &str) -> String {
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    let of = |year: i16| {
        let november = date(year, 11, 1).nth_weekday_of_month(1, Weekday::Sunday);
        november.expect("every month has a Sunday")
    };
    let this = of(today.year());
    let day = if this.saturating_add(2.days()) < today {
        this
    } else {
        of(today.year() - 1)
    };
    let next = day.saturating_add(1.day());
    text.replace("DAY", &day.to_string())
        .replace("NEXT", &next.to_string())
}

/// The same the other way round, for snapshots.
fn undated(json: &Value) -> Value {
    let (day, next) = (dated("DAY"), dated("NEXT"));
    let text = json.to_string().replace(&day, "DAY").replace(&next, "NEXT");
    serde_json::from_str(&text).unwrap()
}

/// A tenant with two messages of two links each, and a worker.
pub(super) struct ReportFixture {
    pub api: Api,
    pub worker: Service,
    producer: Producer,
    /// Of the first message.
    links: Vec<Value>,
    offer: String,
}

impl ReportFixture {
    pub async fn start(name: &str) -> Self {
        let api = Api::start(name).await;
        let producer = Producer::open(&api.test_env).await;
        let settings = [("MAINTENANCE_INTERVAL_MS", "50"), ("BURST_SETTLE_MS", "0")];
        let worker = api.test_env.start_worker_with(&settings);
        let offer = api
            .sms_offer("https://e.com/?c={click_id}", json!({ "payout": "4" }))
            .await;
        let other = api
            .sms_offer("https://e.com/other", json!({ "name": "Another" }))
            .await;
        let creative = json!({
            "name": "A creative", "message": "{{link1}} {{link2}}",
            "offer_links": [
                { "key": "link1", "offer_id": offer },
                { "key": "link2", "offer_id": other },
            ],
        });
        let creative = api.create("/api/v2/creatives", creative).await["creative"]["id"].clone();
        let render = json!({ "listId": api.tenant.list_id, "messages": [
            { "messageId": "m-1", "contactPhone": PHONE },
            { "messageId": "m-2", "contactPhone": "+18005550124" },
        ]});
        api.create(&format!("/api/v2/creatives/{creative}/render"), render)
            .await;
        let sql = "SELECT id, account_id, short_id, offer_id, list_id, creative_id, message_id,
                          contact_phone
                   FROM links WHERE message_id = 'm-1' ORDER BY id";
        let rows = api.test_env.db.query(sql, &[]).await.unwrap();
        let link = |row: &tokio_postgres::Row| {
            json!({
                "account_id": row.get::<_, i64>("account_id"),
                "link_key": row.get::<_, i64>("id"),
                "link_id": row.get::<_, String>("short_id"),
                "offer_id": row.get::<_, String>("offer_id"),
                "list_id": row.get::<_, i64>("list_id"),
                "creative_id": row.get::<_, i64>("creative_id"),
                "message_id": row.get::<_, String>("message_id"),
                "contact_phone": row.get::<_, String>("contact_phone"),
            })
        };
        Self {
            links: rows.iter().map(link).collect(),
            offer,
            api,
            worker,
            producer,
        }
    }

    /// A click on a link, at a time.
    pub fn click(&self, link: usize, at: &str, more: Value) -> (ClickId, String) {
        let at: Timestamp = dated(at).parse().unwrap();
        let unix_ms = u64::try_from(at.as_millisecond()).unwrap();
        let id = ClickId::generate(unix_ms, &mut rand::rng());
        let mut line = self.links[link].clone();
        line["click_id"] = json!(id);
        line["ip"] = json!("203.0.113.77");
        line["user_agent"] = json!("a telling agent");
        merge(&mut line, more);
        (id, line.to_string())
    }

    pub fn sale(&self, link: usize, at: &str, more: Value) -> String {
        let at: Timestamp = dated(at).parse().unwrap();
        let unix_ms = u64::try_from(at.as_millisecond()).unwrap();
        let mut line = json!({
            "conversion_id": ConversionId::generate(unix_ms, &mut rand::rng()),
            "source": "conv", "event": "sale", "currency": "USD", "ip": "192.0.2.1",
            "authenticated": true,
        });
        for name in [
            "account_id",
            "link_key",
            "link_id",
            "offer_id",
            "message_id",
            "contact_phone",
        ] {
            line[name] = self.links[link][name].clone();
        }
        merge(&mut line, more);
        line.to_string()
    }

    pub async fn deliver(&self, lines: &[String]) {
        let stored = "SELECT (SELECT count(*) FROM clicks) + (SELECT count(*) FROM conversions)";
        let before = self.api.test_env.count(stored).await;
        self.producer.publish(lines).await;
        wait_for(
            "what was delivered",
            before + lines.len() as i64,
            async || self.api.test_env.count(stored).await,
        )
        .await;
    }

    pub async fn publish(&self, lines: &[String]) {
        self.producer.publish(lines).await;
    }

    async fn change_account(&self, body: Value) {
        let admin = create_key(&self.api.test_env, self.api.tenant.account_id, &["admin"]);
        let path = format!("/api/v2/accounts/{}", self.api.tenant.account_id);
        let put = self
            .api
            .client
            .call(&admin, Method::PUT, &path, Some(&body));
        let (status, answer) = put.await;
        assert_eq!(status, 200, "{answer}");
    }

    /// As text, where the answer is CSV: status, text and the next cursor.
    pub async fn csv(&self, path: &str) -> (u16, String, Option<String>) {
        let request = self.api.client.api_request(Method::GET, path);
        let response = request
            .header("X-Api-Key", &self.api.tenant.key)
            .send()
            .await
            .unwrap();
        let status = response.status().as_u16();
        let cursor = response.headers().get("x-next-cursor");
        let cursor = cursor.map(|value| value.to_str().unwrap().to_owned());
        let kind = response.headers()[header::CONTENT_TYPE]
            .to_str()
            .unwrap()
            .to_owned();
        assert!(status != 200 || kind == "text/csv; charset=utf-8", "{kind}");
        (status, response.text().await.unwrap(), cursor)
    }

    fn assert_recount_is_right(&self) {
        let env = self.api.test_env.env();
        let output = e2e::service::command("click-worker", &["recount"], &env)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stdout)
        );
    }

    async fn totals(&self) -> Vec<String> {
        let sql = "
            SELECT t::text FROM totals t
            UNION ALL
            SELECT ROW(
                       account_id, link_key, bucket, country, device, currency, sum(sends),
                       sum(messages), sum(clicks), sum(unique_clicks), sum(bot_clicks),
                       sum(confirmed_clicks), sum(conversions), sum(revenue)
                   )::text
            FROM link_totals
            GROUP BY account_id, link_key, bucket, country, device, currency
            ORDER BY 1";
        let rows = self.api.test_env.db.query(sql, &[]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }
}

fn merge(target: &mut Value, more: Value) {
    for (name, value) in more.as_object().unwrap() {
        target[name] = value.clone();
    }
}

#[tokio::test]
async fn a_report_counts_pending_conversions_only_if_asked() {
    let fixture = ReportFixture::start("pending").await;
    fixture
        .deliver(&[
            fixture.click(0, "DAYT05:30:00Z", json!({})).1,
            fixture.sale(0, "DAYT06:00:00Z", json!({ "txn_id": "1", "revenue": "2" })),
            fixture.sale(
                0,
                "DAYT06:01:00Z",
                json!({ "txn_id": "2", "revenue": "3", "status": "pending" }),
            ),
            fixture.sale(
                0,
                "DAYT06:02:00Z",
                json!({ "txn_id": "3", "revenue": "5", "status": "rejected" }),
            ),
        ])
        .await;
    for (query, expected) in [
        ("", (json!(1), json!("2.00"))),
        ("&status=approved", (json!(1), json!("2.00"))),
        ("&status=approved,pending", (json!(2), json!("5.00"))),
    ] {
        let path = format!(
            "/api/v2/reports/performance?{}{query}",
            dated("from=DAY&to=DAY")
        );
        let (_, report) = fixture.api.get(&path).await;
        let totals = &report["totals"];
        let found = (totals["conversions"].clone(), totals["revenue"].clone());
        assert_eq!(found, expected, "{query}: {report}");
    }
    let path = "/api/v2/reports/performance?status=rejected";
    let (status, answer) = fixture.api.get(path).await;
    assert_eq!(
        (status, &answer["code"]),
        (400, &json!("invalid_field")),
        "{answer}"
    );
}

#[tokio::test]
async fn reports_count_sends_clicks_and_conversions() {
    let fixture = ReportFixture::start("reports").await;
    let today = Timestamp::now().to_string()[..10].to_owned();
    fixture
        .deliver(&[
            fixture
                .click(0, "DAYT05:30:00Z", json!({ "country": "US" }))
                .1,
            fixture
                .click(0, "DAYT06:30:00Z", json!({ "country": "US" }))
                .1,
            fixture
                .click(
                    1,
                    "DAYT06:31:00Z",
                    json!({ "country": "DE", "bot_reasons": ["ua_bot"] }),
                )
                .1,
            fixture.sale(0, "DAYT07:00:00Z", json!({})),
            fixture.sale(
                1,
                "NEXTT04:59:59Z",
                json!({ "revenue": "0.5", "txn_id": "1" }),
            ),
            fixture.sale(
                0,
                "NEXTT05:00:00Z",
                json!({ "event": "refund", "revenue": "1" }),
            ),
        ])
        .await;
    let api = &fixture.api;
    // The clocks are put back on this day: 25 hours, and 01:30 comes twice.
    let day = dated("from=DAY&to=DAY&tz=America/New_York");
    let (_, report) = api.get(&format!("/api/v2/reports/performance?{day}")).await;
    assert_json_snapshot!(undated(&report), @r#"
    {
      "currencies": [
        "USD"
      ],
      "currency": "USD",
      "from": "DAYT04:00:00.000Z",
      "group_by": "date",
      "has_more": false,
      "n_rows": 1,
      "next_cursor": null,
      "rows": [
        {
          "bot_clicks": 1,
          "click_rate": null,
          "clicks": 3,
          "confirmed_clicks": 0,
          "conversion_rate": 2.0,
          "conversions": 2,
          "cost": "0.00",
          "date": "DAY",
          "delivered": 0,
          "epc": "4.50",
          "epc_total": "1.50",
          "failed": 0,
          "is_complete": true,
          "profit": "4.50",
          "revenue": "4.50",
          "revenue_per_send": null,
          "roi": null,
          "sends": 0,
          "sent": 0,
          "unique_clicks": 1
        }
      ],
      "to": "NEXTT05:00:00.000Z",
      "totals": {
        "bot_clicks": 1,
        "click_rate": null,
        "clicks": 3,
        "confirmed_clicks": 0,
        "conversion_rate": 2.0,
        "conversions": 2,
        "cost": "0.00",
        "delivered": 0,
        "epc": "4.50",
        "epc_total": "1.50",
        "failed": 0,
        "profit": "4.50",
        "revenue": "4.50",
        "revenue_per_send": null,
        "roi": null,
        "sends": 0,
        "sent": 0,
        "unique_clicks": 1
      },
      "tz": "America/New_York"
    }
    "#);
    let (_, report) = api
        .get(&format!("/api/v2/reports/performance?group_by=hour&{day}"))
        .await;
    let hours: Vec<_> = report["rows"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|r| r["clicks"] != 0)
        .map(|r| format!("{} {}", r["hour"], r["clicks"]))
        .collect();
    assert_eq!(report["rows"].as_array().unwrap().len(), 25);
    let expected = [
        dated("\"DAYT01:00:00-04:00\" 1"),
        dated("\"DAYT01:00:00-05:00\" 2"),
    ];
    assert_eq!(hours, expected);
    // Both messages have both offers.
    let path = format!(
        "/api/v2/reports/performance?group_by=offer&from={}&to={today}",
        dated("DAY")
    );
    let (_, report) = api.get(&path).await;
    let sends = |row: &Value| {
        (
            row["offer_name"].clone(),
            row["sends"].clone(),
            row["revenue"].clone(),
        )
    };
    let rows = report["rows"].as_array().unwrap();
    assert_eq!(
        sends(&rows[0]),
        (json!("An offer"), json!(2), json!("3.50"))
    );
    assert_eq!(sends(&rows[1]), (json!("Another"), json!(2), json!("0.00")));
    assert_eq!(report["totals"]["sends"], 2, "{report}");
    let (status, csv, _) = fixture.csv(&format!("{path}&format=csv")).await;
    assert_eq!(status, 200);
    let header = "offer_id,offer_name,sends,clicks,unique_clicks,bot_clicks,confirmed_clicks,\
                  click_rate,conversions,conversion_rate,revenue,revenue_per_send,epc,epc_total,currency,\
                  cost,profit,roi,sent,delivered,failed";
    let expected = format!(
        "{header}\n{},An offer,2,2,1,0,0,0.5,2,2.0,3.50,1.75,3.50,1.75,USD,0.00,3.50,,2,0,0\n",
        fixture.offer
    );
    assert!(csv.starts_with(&expected), "{csv}");
    // A page of messages, and the next.
    let path = format!(
        "/api/v2/reports/performance?group_by=message&limit=1&from={}&to={today}",
        dated("DAY")
    );
    let (_, first) = api.get(&path).await;
    assert_eq!(
        (&first["rows"][0]["message_id"], &first["rows"][0]["sends"]),
        (&json!("m-1"), &json!(1))
    );
    let next = first["next_cursor"].as_str().unwrap();
    let (_, second) = api.get(&format!("{path}&cursor={next}")).await;
    assert_eq!(second["rows"][0]["message_id"], "m-2");
    assert_eq!(second["next_cursor"], Value::Null);
    assert_eq!(second["totals"], first["totals"]);
    fixture.worker.stop();
}

#[tokio::test]
async fn invalid_report_parameters_are_named() {
    let api = Api::start("badreports").await;
    for (query, field) in [
        ("group_by=weather", "group_by"),
        ("tz=Mars/Olympus", "tz"),
        ("from=yesterday", "from"),
        ("from=2026-02-30", "from"),
        ("to=2026-13-01", "to"),
        ("from=2026-03-02&to=2026-03-01", "from"),
        ("group_by=hour&from=2026-01-01&to=2026-12-31", "from"),
        ("from=2000-01-01&to=2026-12-31", "from"),
        ("list_id=x", "list_id"),
        ("currency=dollars", "currency"),
        ("group_by=link&limit=1001", "limit"),
        ("group_by=link&cursor=x", "cursor"),
        ("format=xml", "format"),
    ] {
        let (status, answer) = api
            .get(&format!("/api/v2/reports/performance?{query}"))
            .await;
        assert_eq!(
            status_and_code((status, answer.clone())),
            "400 invalid_field",
            "{query}"
        );
        let sentence = answer["error"].as_str().unwrap();
        assert!(
            sentence.contains(&format!("field {field} ")),
            "{query}: {sentence}"
        );
    }
    for (path, field) in [
        ("/api/v2/clicks?from=x", "from"),
        ("/api/v2/clicks?ip=1.2.3", "ip"),
        ("/api/v2/clicks?verdict=maybe", "verdict"),
        ("/api/v2/clicks?reason=because", "reason"),
        ("/api/v2/clicks?cursor=1", "cursor"),
        ("/api/v2/clicks?limit=10001", "limit"),
        ("/api/v2/conversions?to=x", "to"),
        ("/api/v2/conversions?attribution=luck", "attribution"),
    ] {
        let (status, answer) = api.get(path).await;
        assert_eq!(status, 400, "{path}: {answer}");
        assert!(
            answer["error"].as_str().unwrap().contains(field),
            "{path}: {answer}"
        );
    }
}

#[tokio::test]
async fn raw_clicks_and_conversions_are_exported_in_pages() {
    let fixture = ReportFixture::start("exports").await;
    let mut ids = Vec::new();
    let mut lines = Vec::new();
    for minute in 0..5 {
        let more = match minute {
            0 => json!({ "user_agent": "=cmd()", "country": "US", "asn": 64496, "sub1": "a" }),
            1 => {
                json!({ "bot_reasons": ["ua_bot", "head_method"], "bot_rules": ["a", "b"], "ip": "2001:db8::1" })
            }
            _ => json!({}),
        };
        let (id, line) = fixture.click(0, &format!("DAYT05:3{minute}:00Z"), more);
        ids.push(id.to_string());
        lines.push(line);
    }
    lines.push(fixture.sale(0, "DAYT06:00:00Z", json!({ "txn_id": "1", "revenue": "2" })));
    lines.push(fixture.sale(0, "DAYT06:01:00Z", json!({ "event": "chargeback" })));
    fixture.deliver(&lines).await;
    let api = &fixture.api;
    let mut found = Vec::new();
    let mut path = "/api/v2/clicks?limit=2".to_owned();
    loop {
        let (status, page) = api.get(&path).await;
        assert_eq!(status, 200, "{page}");
        let clicks = page["clicks"].as_array().unwrap();
        assert!(clicks.len() <= 2);
        found.extend(
            clicks
                .iter()
                .map(|click| click["click_id"].as_str().unwrap().to_owned()),
        );
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/api/v2/clicks?limit=2&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(found, ids);
    for (filter, expected) in [
        ("country=US", &ids[..1]),
        ("asn=64496", &ids[..1]),
        ("user_agent=CMD", &ids[..1]),
        ("verdict=bot", &ids[1..2]),
        ("reason=head_method", &ids[1..2]),
        ("ip=2001:db8::/32", &ids[1..2]),
        (
            "ip=203.0.113.77&verdict=human&from=DAYT05:32:00Z",
            &ids[2..],
        ),
        ("to=DAYT05:31:00Z", &ids[..1]),
        ("from=DAY&to=DAY", &ids[..]),
        ("from=DAY&to=DAYT05:31:00Z", &ids[..1]),
        ("from=NEXT", &[]),
        (
            "message_id=m-1&contact_phone=%2B18005550123&to=DAYT05:31:00Z",
            &ids[..1],
        ),
        ("message_id=m-2", &[]),
    ] {
        let (_, page) = api.get(&dated(&format!("/api/v2/clicks?{filter}"))).await;
        let found: Vec<_> = page["clicks"]
            .as_array()
            .unwrap()
            .iter()
            .map(|c| c["click_id"].as_str().unwrap())
            .collect();
        assert_eq!(found, *expected, "{filter}");
    }
    // What the account does not have is no filter.
    for filter in [
        "link_id=unknown",
        "offer_id=0123456789abcdef01234567",
        "list_id=0",
        "creative_id=0",
        "campaign_id=camp_none",
        "country=usa",
    ] {
        let answer = api.get(&format!("/api/v2/clicks?{filter}")).await;
        assert_eq!(status_and_code(answer), "400 invalid_field", "{filter}");
    }
    let (_, page) = api.get("/api/v2/clicks?limit=1").await;
    assert_json_snapshot!(undated(&page["clicks"][0]), {
        ".click_id" => "[id]", ".link_id" => "[link]", ".offer_id" => "[offer]",
        ".list_id" => "[list]", ".creative_id" => "[creative]", ".visitor" => "[visitor]",
    }, @r#"
    {
      "asn": 64496,
      "bot_reasons": [],
      "bot_rules": [],
      "browser": null,
      "campaign_id": null,
      "city": null,
      "click_cost": null,
      "click_cost_currency": null,
      "click_cost_error": null,
      "click_id": "[id]",
      "clicked_at": "DAYT05:30:00.000Z",
      "confirmed": false,
      "contact_phone": "+18005550123",
      "cost": null,
      "country": "US",
      "creative": null,
      "creative_id": "[creative]",
      "device": "other",
      "ip": "203.0.113.77",
      "is_bot": false,
      "is_message_click": true,
      "language": null,
      "link_id": "[link]",
      "list_id": "[list]",
      "message_id": "m-1",
      "offer_id": "[offer]",
      "os": null,
      "path_corrections": [],
      "referrer": null,
      "region": null,
      "source": null,
      "sub1": "a",
      "sub2": null,
      "sub3": null,
      "sub4": null,
      "sub5": null,
      "user_agent": "=cmd()",
      "visitor": "[visitor]"
    }
    "#);
    let (_, csv, cursor) = fixture.csv("/api/v2/clicks?format=csv&limit=1").await;
    assert_eq!(cursor.as_deref(), Some(ids[0].as_str()));
    let lines: Vec<_> = csv.lines().collect();
    assert!(
        lines[0].starts_with("click_id,clicked_at,link_id,"),
        "{csv}"
    );
    assert!(
        lines[1].contains(",'=cmd(),") && lines[1].contains(",+18005550123,"),
        "{csv}"
    );

    let (_, page) = api.get("/api/v2/conversions").await;
    assert_json_snapshot!(undated(&page["conversions"][0]), {
        ".conversion_id" => "[id]", ".credited_click_id" => "[click]", ".link_id" => "[link]",
        ".offer_id" => "[offer]", ".credited_link_id" => "[link]", ".credited_list_id" => "[list]",
        ".credited_offer_id" => "[offer]", ".credited_creative_id" => "[creative]",
    }, @r#"
    {
      "amount": "2.00",
      "attribution": "click",
      "click_id": null,
      "conversion_id": "[id]",
      "converted_at": "DAYT06:00:00.000Z",
      "coupon": null,
      "credited_campaign_id": null,
      "credited_click_id": "[click]",
      "credited_clicked_at": "DAYT05:30:00.000Z",
      "credited_contact_phone": "+18005550123",
      "credited_country": "US",
      "credited_creative_id": "[creative]",
      "credited_device": "other",
      "credited_link_id": "[link]",
      "credited_list_id": "[list]",
      "credited_message_id": "m-1",
      "credited_offer_id": "[offer]",
      "currency": "USD",
      "customer_email_hash": null,
      "event": "sale",
      "flags": [],
      "link_id": "[link]",
      "message_id": "m-1",
      "offer_id": "[offer]",
      "refund_id": null,
      "source": "conv",
      "status": "approved",
      "txn_id": "1"
    }
    "#);
    assert_eq!(page["conversions"][1]["amount"], "-4.00");
    let (_, csv, _) = fixture
        .csv("/api/v2/conversions?format=csv&event=chargeback")
        .await;
    assert_eq!(csv.lines().count(), 2, "{csv}");
    assert!(
        csv.contains(",chargeback,") && csv.contains(",-4.00,USD,click,"),
        "{csv}"
    );
    fixture.worker.stop();
}

/// "Was it clicked, did it convert, what revenue."
#[tokio::test]
async fn messages_and_contacts_show_their_clicks_and_conversions() {
    let fixture = ReportFixture::start("journey").await;
    fixture
        .deliver(&[
            fixture.click(0, "DAYT05:30:00Z", json!({})).1,
            fixture
                .click(1, "DAYT05:31:00Z", json!({ "bot_reasons": ["ua_bot"] }))
                .1,
            fixture.sale(
                1,
                "DAYT06:00:00Z",
                json!({ "txn_id": "1", "revenue": "12.5" }),
            ),
            fixture.sale(
                1,
                "DAYT06:01:00Z",
                json!({ "event": "refund", "txn_id": "1", "revenue": "2" }),
            ),
        ])
        .await;
    let api = &fixture.api;
    let (status, message) = api.get("/api/v2/messages/m-1").await;
    assert_eq!(status, 200, "{message}");
    let told = |name: &str| message[name].clone();
    assert_eq!(told("is_clicked"), true);
    assert_eq!(told("is_converted"), true);
    assert_eq!(told("contact_phone"), PHONE);
    assert_eq!(told("revenue"), json!({ "USD": "10.50" }));
    assert_eq!(
        (told("clicks"), told("unique_clicks"), told("bot_clicks")),
        (json!(2), json!(1), json!(1))
    );
    let clicks: Vec<_> = message["links"]
        .as_array()
        .unwrap()
        .iter()
        .map(|link| format!("{} {}", link["placeholder"], link["clicks"]))
        .collect();
    assert_eq!(clicks, ["\"link1\" 1", "\"link2\" 1"]);
    assert_eq!(
        message["message_clicks"][0]["link_id"],
        fixture.links[0]["link_id"]
    );
    assert_eq!(message["credited_conversions"].as_array().unwrap().len(), 2);
    let (_, message) = api.get("/api/v2/messages/m-2").await;
    assert_eq!(
        (&message["is_clicked"], &message["conversions"]),
        (&json!(false), &json!(0))
    );
    assert_eq!(
        status_and_code(api.get("/api/v2/messages/m-3").await),
        "404 not_found"
    );

    let path = "/api/v2/contacts/+18005550123/journey";
    let (status, journey) = api.get(path).await;
    assert_eq!(status, 200, "{journey}");
    let events: Vec<_> = journey["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["type"].as_str().unwrap())
        .collect();
    // The message was sent just now, after what is said to have happened.
    assert_eq!(
        events,
        ["send", "conversion", "conversion", "click", "click"]
    );
    let (_, page) = api.get(&format!("{path}?limit=3")).await;
    let before = page["next_before"].as_str().unwrap();
    let (_, rest) = api.get(&format!("{path}?before={before}")).await;
    assert_eq!(rest["events"].as_array().unwrap().len(), 2, "{rest}");
    // Two events of one millisecond are always on one page.
    api.sql("UPDATE conversions SET converted_at = (SELECT max(converted_at) FROM conversions)")
        .await;
    let (mut n_events, mut cursor) = (Vec::new(), String::new());
    loop {
        let (_, page) = api.get(&format!("{path}?limit=1{cursor}")).await;
        n_events.push(page["events"].as_array().unwrap().len());
        assert_eq!(page["next_before"], page["next_cursor"]);
        assert_eq!(page["has_more"], !page["next_cursor"].is_null());
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(n_events, [1, 2, 1, 1]);
    let both = format!("{path}?before={before}&cursor={before}");
    assert_eq!(status_and_code(api.get(&both).await), "400 invalid_field");
    let (_, unknown_contact) = api.get("/api/v2/contacts/+18005550199/journey").await;
    assert_eq!(unknown_contact["events"], json!([]));
    assert_eq!(
        status_and_code(api.get("/api/v2/contacts/1/journey").await),
        "400 invalid_phone"
    );
    assert_eq!(
        status_and_code(api.get(&format!("{path}?before=x")).await),
        "400 invalid_field"
    );
    fixture.worker.stop();
}

#[tokio::test]
async fn an_erased_contact_is_removed_from_all_rows_and_totals_stay() {
    let fixture = ReportFixture::start("erasure").await;
    fixture
        .deliver(&[
            fixture.click(0, "DAYT05:30:00Z", json!({
                "referrer": "https://telling.example/", "sub1": "telling-sub", "country": "US",
                "cost": "telling-sub", "click_cost": { "amount": "0.25", "currency": "USD" },
            })).1,
            fixture.sale(0, "DAYT06:00:00Z", json!({ "txn_id": "1" })),
        ])
        .await;
    let (before, api) = (fixture.totals().await, &fixture.api);
    api.sql(&format!(
        "INSERT INTO postback_log (postback_id, received_at, verdict, account_id, link_key, txn_id,
                                   credentials, authenticated, flags, ignored, address)
         SELECT gen_random_uuid(), now(), 'accepted', account_id, id, entry.txn_id, '{{}}'::text[], false,
                '{{}}'::text[], '{{}}'::text[], '203.0.113.9'::inet
         FROM (SELECT account_id, min(id) AS id FROM links
               WHERE contact_phone = '+18005550123' GROUP BY account_id) AS link
         CROSS JOIN (VALUES ('1')) AS entry (txn_id)
         UNION ALL
         SELECT gen_random_uuid(), now(), 'accepted', id, NULL, 'order-18005550123', '{{}}'::text[], false,
                '{{}}'::text[], '{{}}'::text[], NULL
         FROM accounts
         WHERE id = {}",
        api.tenant.account_id
    ))
    .await;
    let path = "/api/v2/contacts/+18005550123";
    let (status, answer) = api.call(Method::DELETE, path, Value::Null).await;
    assert_eq!(status, 200, "{answer}");
    assert_json_snapshot!(answer, @r#"
    {
      "erased": {
        "clicks": 1,
        "conversions": 1,
        "coupons": 0,
        "links": 2,
        "message_clicks": 1,
        "messages": 1,
        "postbacks": 2
      },
      "success": true
    }
    "#);
    assert_eq!(fixture.totals().await, before);
    fixture.assert_recount_is_right();
    // No column of any table contains the contact.
    let sql =
        "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public'";
    for table in api.test_env.db.query(sql, &[]).await.unwrap() {
        let table: String = table.get(0);
        let sql = format!("SELECT t::text FROM {table} t");
        for row in api.test_env.db.query(&sql, &[]).await.unwrap() {
            let row: String = row.get(0);
            let found: Vec<_> = SECRETS
                .iter()
                .filter(|secret| row.contains(**secret))
                .collect();
            assert!(found.is_empty(), "{table} has {found:?}: {row}");
        }
    }
    let (_, message) = api.get("/api/v2/messages/m-1").await;
    assert_eq!(message["is_clicked"], true);
    assert_eq!(message["revenue"], json!({ "USD": "4.00" }));
    let report = dated("/api/v2/reports/performance?from=DAY&to=DAY");
    let (_, report) = api.get(&report).await;
    assert_eq!(report["totals"]["cost"], "0.25", "what it cost stays");
    // A late sale of the same link has no contact, and an earlier click is counted by itself.
    let (_, journey) = api.get("/api/v2/contacts/+18005550123/journey").await;
    assert_eq!(journey["events"], json!([]));
    let (_, again) = api.call(Method::DELETE, path, Value::Null).await;
    assert_eq!(again["erased"]["clicks"], 0);
    fixture.worker.stop();
}

#[tokio::test]
async fn rows_older_than_the_retention_are_deleted_and_totals_stay() {
    let fixture = ReportFixture::start("retention").await;
    let at = |days: i64, hour: i64| {
        let time = Timestamp::now() - SignedDuration::from_hours(days * 24 - hour);
        time.to_string()
    };
    let mut others = fixture.click(
        0,
        &at(20, 0),
        json!({ "account_id": 999, "contact_phone": "+18005550177" }),
    );
    others.1 = others.1.replace("203.0.113.77", "203.0.113.99");
    let delivered = [
        // A day that another account still retains, and one that no account retains.
        fixture
            .click(
                0,
                &at(20, 0),
                json!({ "click_cost": { "amount": "0.25", "currency": "USD" } }),
            )
            .1,
        others.1,
        fixture
            .click(
                0,
                &at(30, 0),
                json!({ "message_id": "m-2", "contact_phone": "+18005550124" }),
            )
            .1,
        // A later click of the first contact does not replace its message click.
        fixture.click(0, &at(2, 0), json!({})).1,
        fixture.sale(0, &at(20, 1), json!({ "txn_id": "1" })),
        fixture.sale(0, &at(1, 0), json!({ "txn_id": "2" })),
    ];
    fixture.deliver(&delivered).await;
    fixture.assert_recount_is_right();
    let (before, test_env) = (fixture.totals().await, &fixture.api.test_env);
    // The partitions of today and later are created in advance.
    let partitions = "SELECT count(*)
                      FROM pg_inherits
                      JOIN pg_class c ON c.oid = inhrelid
                      WHERE inhparent = 'clicks'::regclass
                        AND relname < to_char(now() AT TIME ZONE 'UTC', '\"clicks_\"YYYYMMDD')";
    assert_eq!(test_env.count(partitions).await, 3);
    fixture.change_account(json!({ "retention_days": 7 })).await;
    // The retention job runs every ten minutes, and at the start.
    let ReportFixture { worker, api, .. } = &fixture;
    let again = api.test_env.start_worker();
    wait_for(
        "what is left of clicks, days, message clicks and conversions",
        (2, 2, 2, 1),
        async || {
            (
                test_env.count("SELECT count(*) FROM clicks").await,
                test_env.count(partitions).await,
                test_env.count("SELECT count(*) FROM message_clicks").await,
                test_env.count("SELECT count(*) FROM conversions").await,
            )
        },
    )
    .await;
    assert_eq!(
        test_env
            .count("SELECT count(*) FROM clicks WHERE account_id = 999")
            .await,
        1
    );
    assert_eq!(fixture.totals().await, before);
    fixture.assert_recount_is_right();
    // Events of a dropped day are not counted when they are delivered again.
    fixture.producer.publish(&delivered).await;
    wait_for("what is too old", true, async || {
        let name = "waypost_worker_events_too_old_total";
        worker.metric(name).await + again.metric(name).await >= 3.0
    })
    .await;
    assert_eq!(fixture.totals().await, before);
    fixture.assert_recount_is_right();
    again.stop();
    fixture.worker.stop();
}

/// A click of another account is stored while its day is about to be dropped. The job does
/// not wait for other users of the table with a lock that blocks further ones.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retention_keeps_the_day_of_a_late_click_of_another_account() {
    let mut fixture = ReportFixture::start("lateday").await;
    let parked = "storing one event failed and it was parked";
    fixture.worker.expect_in_log(parked);
    let old = (Timestamp::now() - SignedDuration::from_hours(24 * 30)).to_string();
    fixture
        .deliver(&[fixture.click(0, &old, json!({})).1])
        .await;
    fixture.change_account(json!({ "retention_days": 7 })).await;
    let test_env = &fixture.api.test_env;
    test_env
        .db
        .batch_execute(
            "BEGIN;
             INSERT INTO clicks (click_id, clicked_at, account_id, link_key, link_id, visitor, is_bot,
                                 bot_reasons)
             SELECT '01a11d5c-1e7b-7123-8123-456789abcdef', clicked_at, 999, 1, 'Ab3kX9q', 'v', false, '{}'
             FROM clicks",
        )
        .await
        .unwrap();
    let mut again = test_env.start_worker();
    again.expect_in_log("maintenance job failed, retrying");
    again.expect_in_log(parked);
    let pending = "SELECT count(*) FROM pg_inherits WHERE inhdetachpending";
    let other = test_env.connect().await;
    wait_for("the detachment", 1, async || {
        let row = other.query_one(pending, &[]).await.unwrap();
        row.get::<_, i64>(0)
    })
    .await;
    // Clicks of other days are stored. One of the day that is being dropped is parked until
    // the drop has succeeded or failed.
    let recent = Timestamp::now() - SignedDuration::from_hours(1);
    let recent = fixture.click(1, &recent.to_string(), json!({})).1;
    let old = fixture.click(1, &old, json!({})).1;
    fixture.producer.publish(&[old, recent]).await;
    wait_for("the click of another day", 1, async || {
        let sql = "SELECT count(*) FROM clicks WHERE clicked_at > now() - interval '7 days'";
        let row = other.query_one(sql, &[]).await.unwrap();
        row.get::<_, i64>(0)
    })
    .await;
    test_env.db.batch_execute("COMMIT").await.unwrap();
    let n_parked = "SELECT count(*) FROM parked_events";
    wait_for("the parked click", 0, async || {
        test_env.count(n_parked).await
    })
    .await;
    wait_for("what is left", (1, 1), async || {
        (
            test_env
                .count("SELECT count(*) FROM clicks WHERE account_id = 999")
                .await,
            test_env
                .count("SELECT count(*) FROM clicks WHERE account_id <> 999")
                .await,
        )
    })
    .await;
    again.stop();
    fixture.worker.stop();
}

#[tokio::test]
async fn addresses_are_stored_as_the_account_is_set() {
    let fixture = ReportFixture::start("addresses").await;
    let test_env = &fixture.api.test_env;
    let mut expected: Vec<Option<&str>> = Vec::new();
    for (storage, addresses) in [
        ("full", [Some("203.0.113.77"), Some("2001:db8:1:2::3")]),
        ("truncated", [Some("203.0.113.0"), Some("2001:db8:1::")]),
        ("none", [None, None]),
    ] {
        fixture
            .change_account(json!({ "ip_storage": storage }))
            .await;
        let time = format!("DAYT05:3{}:00Z", expected.len());
        let later = format!("DAYT05:3{}:30Z", expected.len());
        let second = json!({ "ip": "2001:db8:1:2::3" });
        fixture
            .deliver(&[
                fixture.click(0, &time, json!({})).1,
                fixture.click(0, &later, second).1,
            ])
            .await;
        expected.extend(addresses);
    }
    let sql = "SELECT host(ip) AS ip FROM clicks ORDER BY clicked_at";
    let rows = test_env.db.query(sql, &[]).await.unwrap();
    let found: Vec<Option<&str>> = rows.iter().map(|row| row.get("ip")).collect();
    assert_eq!(found, expected);
    // The visitor hash is stored nevertheless.
    let visitors = "SELECT count(DISTINCT visitor) FROM clicks";
    assert_eq!(test_env.count(visitors).await, 2);
    fixture.worker.stop();
}

#[tokio::test]
async fn a_reclassification_continues_at_its_cursor() {
    let fixture = ReportFixture::start("reclassify").await;
    let api = &fixture.api;
    let post = async |body: Value| api.post("/api/v2/clicks/reclassify", body).await;
    let some = json!({ "ip": "203.0.113.0/24" });
    for (body, expected) in [
        (json!({}), "verdict"),
        (json!({ "verdict": "bot" }), "filter"),
        (json!({ "filter": {}, "verdict": "bot" }), "filter"),
        (json!({ "filter": some, "verdict": "robot" }), "verdict"),
        (
            json!({ "filter": some, "verdict": "bot", "rule": {} }),
            "rule",
        ),
        (
            json!({ "filter": some, "verdict": "bot", "reasons": ["because"] }),
            "reasons[0]",
        ),
        (
            json!({ "filter": some, "rule": { "name": "x", "reason": "ua_bot" } }),
            "rule",
        ),
        (
            json!({ "filter": { "ip": "x" }, "verdict": "bot" }),
            "filter.ip",
        ),
        (
            json!({ "filter": { "from": "x" }, "verdict": "bot" }),
            "filter.from",
        ),
        (
            json!({ "filter": some, "verdict": "bot", "cursor": "x" }),
            "cursor",
        ),
    ] {
        let (status, answer) = post(body.clone()).await;
        let sentence = answer["error"].as_str().unwrap();
        assert_eq!(status, 400, "{body}: {answer}");
        assert!(
            sentence.contains(&format!("field {expected} ")),
            "{body}: {sentence}"
        );
    }
    let time = |n: i64| {
        let at: Timestamp = dated("DAYT05:30:00Z").parse().unwrap();
        (at + SignedDuration::from_millis(n * 700)).to_string()
    };
    let lines: Vec<_> = (0..1_003)
        .map(|n| fixture.click(0, &time(n), json!({})).1)
        .collect();
    for lines in lines.chunks(500) {
        fixture.deliver(lines).await;
    }
    let body = json!({ "filter": some, "verdict": "bot", "reasons": ["datacenter_ip"] });
    let (_, first) = post(body.clone()).await;
    assert_eq!(
        (&first["matched"], &first["changed"]),
        (&json!(1000), &json!(1000))
    );
    let mut next = body;
    next["cursor"] = first["next_cursor"].clone();
    let (_, second) = post(next).await;
    assert_eq!(
        second,
        json!({ "matched": 3, "changed": 3, "next_cursor": null })
    );
    let (_, message) = api.get("/api/v2/messages/m-1").await;
    assert_eq!(
        (&message["is_clicked"], &message["bot_clicks"]),
        (&json!(false), &json!(1003))
    );
    fixture.assert_recount_is_right();
    // A rule never turns a bot into a person, and is added to the earlier reasons.
    let rule = json!({ "name": "agents", "reason": "ua_bot", "user_agent": ["TELLING"] });
    let filter = json!({ "to": time(1) });
    let (_, ruled) = post(json!({ "filter": filter, "rule": rule })).await;
    assert_eq!(
        ruled,
        json!({ "matched": 1, "changed": 0, "next_cursor": null })
    );
    let (_, page) = api.get("/api/v2/clicks?limit=1").await;
    assert_eq!(
        page["clicks"][0]["bot_reasons"],
        json!(["datacenter_ip", "ua_bot"])
    );
    assert_eq!(
        page["clicks"][0]["bot_rules"],
        json!(["reclassified", "agents"])
    );
    let (_, human) =
        post(json!({ "filter": { "verdict": "bot", "to": time(1) }, "verdict": "human" })).await;
    assert_eq!(human["changed"], 1);
    let (_, message) = api.get("/api/v2/messages/m-1").await;
    assert_eq!(message["is_clicked"], true);
    fixture.assert_recount_is_right();
    fixture.worker.stop();
}
