//! The costs that clicks have in their URLs: from the redirector to the list of clicks and reports.

use std::collections::BTreeMap;

use e2e::{
    client::{BOT, BROWSER, parameter},
    service::command,
    wait::wait_for,
};
use reqwest::{Method, header};
use serde_json::{Value, json};

use crate::landing::Site;

const DESTINATION: &str = "https://e.com/?c={click_id}&paid={cost}";

/// A click to make, named by `sub1`, and what is stored of it.
struct Case {
    sub1: &'static str,
    query: &'static str,
    /// Amount and currency, or the error.
    expected: Option<Result<(&'static str, &'static str), &'static str>>,
}

const fn case(
    sub1: &'static str,
    query: &'static str,
    expected: Option<Result<(&'static str, &'static str), &'static str>>,
) -> Case {
    Case {
        sub1,
        query,
        expected,
    }
}

const CASES: [Case; 14] = [
    case("plain", "cost=0.05", Some(Ok(("0.05", "EUR")))),
    case("comma", "cost=0%2C5", Some(Ok(("0.50", "EUR")))),
    case("no whole", "cost=.5", Some(Ok(("0.50", "EUR")))),
    case("sign", "cost=%E2%82%AC0.0125", Some(Ok(("0.0125", "EUR")))),
    case("nothing", "cost=0", Some(Ok(("0.00", "EUR")))),
    case("highest", "cost=2.5", Some(Ok(("2.50", "EUR")))),
    case("higher", "cost=2.50000001", Some(Err("above_max"))),
    case("much", "cost=1000000000", Some(Err("above_max"))),
    case("negative", "cost=-0.05", Some(Err("negative"))),
    case("macro", "cost=%7Bbid%7D", Some(Err("no_value"))),
    case("words", "cost=cheap", Some(Err("unreadable"))),
    case("dollars", "cost=0.05USD", Some(Err("other_currency"))),
    case("empty", "cost=", None),
    case("absent", "cpc=0.05", None),
];

impl Site {
    async fn get(&self, path: &str) -> Value {
        let call = self.client.call(&self.tenant.key, Method::GET, path, None);
        let (status, answer) = call.await;
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    async fn post(&self, path: &str, body: &Value) -> Value {
        let call = self
            .client
            .call(&self.tenant.key, Method::POST, path, Some(body));
        let (status, answer) = call.await;
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    /// The account's clicks by their `sub1`, once there are so many with one.
    async fn clicks_by_sub1(&self, n: i64) -> BTreeMap<String, Value> {
        wait_for("the clicks", n, async || {
            let sql = "SELECT count(*) FROM clicks WHERE sub1 IS NOT NULL";
            self.test_env.count(sql).await
        })
        .await;
        let list = self.get("/api/v2/clicks?limit=1000").await;
        let clicks = list["clicks"].as_array().unwrap().iter();
        clicks
            .filter_map(|click| Some((click["sub1"].as_str()?.to_owned(), click.clone())))
            .collect()
    }

    /// Costs by the key of the row, and the sum.
    async fn costs(&self, query: &str, key: &str) -> (BTreeMap<String, String>, String) {
        let path = format!("/api/v2/reports/performance?{query}");
        let report = self.get(&path).await;
        let cost = |row: &Value| row["cost"].as_str().unwrap().to_owned();
        let rows = report["rows"].as_array().unwrap().iter();
        let rows = rows.map(|row| (row[key].to_string().replace('"', ""), cost(row)));
        (rows.collect(), cost(&report["totals"]))
    }

    /// A bot clicks with a macro until the redirector knows that the account reads costs.
    async fn wait_until_costs_are_read(&self, link: &str, parameter: &str) {
        let name = "waypost_edge_click_cost_errors_total{reason=\"no_value\"}";
        let before = self.edge.metric(name).await;
        wait_for("the setting at the redirector", true, async || {
            let url = format!("{link}?{parameter}=%7Bbid%7D");
            assert_eq!(self.open(&url, BOT).await.status, 302);
            self.edge.metric(name).await > before
        })
        .await;
    }

    fn assert_recount_is_right(&self) {
        let env = self.test_env.env();
        let output = command("click-worker", &["recount"], &env).output();
        let output = output.unwrap();
        let report = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{report}");
    }
}

/// Amount and currency of a click, or its error.
fn cost_of(click: &Value) -> Option<Result<(&str, &str), &str>> {
    let text = |name: &str| click[name].as_str();
    match (text("click_cost"), text("click_cost_currency")) {
        (Some(amount), Some(currency)) => Some(Ok((amount, currency))),
        _ => text("click_cost_error").map(Err),
    }
}

#[tokio::test]
async fn a_click_costs_what_its_url_says() {
    let site = Site::start(DESTINATION, json!({}), &[]).await;
    let link = site.link().await;
    // Without the setting, it is a text.
    let url = format!("{link}?sub1=before&cost=0.05");
    assert_eq!(site.open(&url, BROWSER).await.status, 302);
    let click_cost = json!({ "currency": "EUR", "max": "2.5" });
    site.change_account(json!({ "click_cost": click_cost }))
        .await;
    site.wait_until_costs_are_read(&link, "cost").await;
    for Case { sub1, query, .. } in &CASES {
        let sub1 = sub1.replace(' ', "+");
        let url = format!("{link}?sub1={sub1}&{query}");
        let opened = site.client.click(&url, BROWSER).await;
        let destination = opened.destination();
        // Whatever it is, the click is redirected, and the template has the text.
        let paid = parameter(&format!("https://e.com/?{query}"), "cost").unwrap_or_default();
        assert_eq!(parameter(&destination, "paid").unwrap(), paid, "{url}");
    }
    let n_cases = CASES.len() as i64;
    let clicks = site.clicks_by_sub1(n_cases + 1).await;
    assert_eq!(cost_of(&clicks["before"]), None);
    assert_eq!(clicks["before"]["cost"], "0.05");
    for Case { sub1, expected, .. } in &CASES {
        assert_eq!(cost_of(&clicks[*sub1]), *expected, "{sub1}");
    }
    for (reason, n) in [("above_max", 2.0), ("negative", 1.0), ("unreadable", 1.0)] {
        let name = format!("waypost_edge_click_cost_errors_total{{reason=\"{reason}\"}}");
        assert_eq!(site.edge.metric(&name).await, n, "{reason}");
    }
    let path = "/api/v2/clicks?format=csv&limit=1000";
    let request = site.client.api_request(Method::GET, path);
    let response = request.header("X-Api-Key", &site.tenant.key).send().await;
    let csv = response.unwrap().text().await.unwrap();
    let names = ",cost,click_cost,click_cost_currency,click_cost_error,is_bot,";
    assert!(csv.lines().next().unwrap().contains(names), "{csv}");
    for cells in [
        ",0.05,0.05,EUR,,false,",
        ",cheap,,,unreadable,false,",
        ",0.05,,,,false,",
    ] {
        assert!(csv.contains(cells), "{cells}: {csv}");
    }

    // 0.05 + 0.50 + 0.50 + 0.0125 + 0.00 + 2.50
    let sum = "3.5625".to_owned();
    for query in ["group_by=date", "group_by=device", "group_by=link"] {
        let (_, total) = site.costs(&format!("{query}&currency=EUR"), "date").await;
        assert_eq!(total, sum, "{query}");
        let (_, total) = site.costs(&format!("{query}&currency=USD"), "date").await;
        assert_eq!(total, "0.00", "{query}");
    }
    let (by_sub1, total) = site.costs("group_by=sub1&currency=EUR", "sub1").await;
    assert_eq!((total, &*by_sub1["sign"]), (sum.clone(), "0.0125"));
    assert_eq!(by_sub1["higher"], "0.00");
    let (by_event, total) = site.costs("group_by=event&currency=EUR", "event").await;
    assert_eq!((total, &by_event["null"]), (sum.clone(), &sum));
    let today = clicks["plain"]["clicked_at"].as_str().unwrap()[..10].to_owned();
    site.test_env
        .db
        .batch_execute(&format!(
            "INSERT INTO exchange_rates VALUES ('USD', '{today}', 1.25)"
        ))
        .await
        .unwrap();
    let (by_sub1, total) = site.costs("group_by=sub1&convert_to=USD", "sub1").await;
    assert_eq!((&*total, &*by_sub1["comma"]), ("4.453125", "0.625"));
    site.assert_recount_is_right();
    site.stop().await;
}

/// A link of two hops, a default value, and the button of a preview page.
#[tokio::test]
async fn a_link_can_have_a_setting_of_its_own() {
    let offer = json!({ "filter_bots": true });
    let site = Site::start(DESTINATION, offer, &[]).await;
    let create = async |path: &str, mut body: Value, more: Value| {
        body["clickCost"] = more;
        let client = &site.client;
        client.create(&site.tenant.key, path, &body).await
    };
    let euros = json!({ "parameter": "bid", "currency": "EUR", "max": "1" });
    let two_hops = site.tenant.link_body();
    let two_hops = create("/api/v2/links", two_hops, euros).await;
    let one_hop = json!({ "offerId": site.offer(), "listId": site.tenant.list_id });
    let dollars = json!({ "max": 0.5 });
    let one_hop = create("/api/v2/links/shorten", one_hop, dollars).await;
    let expected = json!({ "parameter": "cost", "currency": null, "max": "0.50" });
    assert_eq!(one_hop["clickCost"], expected);
    let url = |link: &Value| link["shortUrl"].as_str().unwrap().to_owned();
    let first = format!("{}?sub1=two&bid=0.75", url(&two_hops));
    let second = site.client.click(&first, BROWSER).await.destination();
    assert_eq!(parameter(&second, "bid").as_deref(), Some("0.75"));
    assert_eq!(site.client.click(&second, BROWSER).await.status, 302);
    let url_of_one_hop = format!("{}?sub1=one&cost=0.75", url(&one_hop));
    let opened = site.client.click(&url_of_one_hop, BROWSER).await;
    assert_eq!(opened.status, 302);
    let clicks = site.clicks_by_sub1(2).await;
    assert_eq!(cost_of(&clicks["two"]), Some(Ok(("0.75", "EUR"))));
    assert_eq!(cost_of(&clicks["one"]), Some(Err("above_max")));

    // The button has the query of the page's URL: the bot's click costs nothing, the person's
    // does.
    let page = format!("{}?sub1=button&cost=0.25", url(&one_hop));
    let action = site.open(&page, BOT).await.action();
    let host = &site.tenant.short_host;
    let button = site.client.edge_request(Method::POST, host, &action);
    let pressed = button.header(header::USER_AGENT, BOT).send().await;
    assert_eq!(pressed.unwrap().status(), 302);
    wait_for("both clicks", 4, async || {
        let sql = "SELECT count(*) FROM clicks WHERE sub1 IS NOT NULL";
        site.test_env.count(sql).await
    })
    .await;
    let sql = "SELECT count(*) FROM clicks WHERE sub1 = 'button' AND click_cost = 0.25";
    assert_eq!(site.test_env.count(sql).await, 2);
    let (_, total) = site.costs("group_by=date", "date").await;
    assert_eq!(total, "0.25");

    let path = format!("/api/v2/links/{}", one_hop["linkId"].as_str().unwrap());
    let change = async |body: Value| {
        let key = &site.tenant.key;
        let call = site.client.call(key, Method::PATCH, &path, Some(&body));
        call.await
    };
    let (status, refused) = change(json!({ "clickCost": { "currency": "EUR" } })).await;
    assert_eq!((status, &refused["code"]), (400, &json!("invalid_field")));
    assert!(refused["error"].to_string().contains("clickCost.max"));
    let (_, unchanged) = change(json!({ "forwardQuery": false })).await;
    assert_eq!(unchanged["clickCost"], expected);
    let (_, cleared) = change(json!({ "clickCost": {} })).await;
    assert_eq!(cleared["clickCost"], Value::Null);
    site.assert_recount_is_right();
    site.stop().await;
}

#[tokio::test]
async fn a_cost_of_a_click_takes_the_place_of_its_price_and_bots_cost_nothing() {
    let site = Site::start(DESTINATION, json!({}), &[]).await;
    let (link, other) = (site.link().await, site.link().await);
    let click_cost = json!({ "parameter": "bid", "currency": "USD", "max": 10 });
    site.change_account(json!({ "click_cost": click_cost }))
        .await;
    site.wait_until_costs_are_read(&other, "bid").await;
    for (url, user_agent) in [
        (format!("{link}?sub1=own&bid=0.30"), BROWSER),
        (format!("{link}?sub1=free&bid=0"), BROWSER),
        (format!("{link}?sub1=priced"), BROWSER),
        // This parameter is not the account's.
        (format!("{link}?sub1=text&cost=0.70"), BROWSER),
        (format!("{link}?sub1=bot&bid=5"), BOT),
    ] {
        let destination = site.client.click(&url, user_agent).await.destination();
        assert_eq!(parameter(&destination, "bid"), None, "it is not passed on");
    }
    let clicks = site.clicks_by_sub1(5).await;
    assert_eq!(cost_of(&clicks["own"]), Some(Ok(("0.30", "USD"))));
    assert_eq!(cost_of(&clicks["bot"]), Some(Ok(("5.00", "USD"))));
    assert_eq!(cost_of(&clicks["text"]), None);
    let today = clicks["own"]["clicked_at"].as_str().unwrap()[..10].to_owned();
    let link_id = link.rsplit('/').next().unwrap();
    let cost = |model: &str, amount: &str| {
        json!({
            "link_id": link_id, "from": today, "until": today, "model": model,
            "amount": amount, "currency": "USD",
        })
    };
    site.post("/api/v2/costs/import", &json!([cost("cpc", "0.10")]))
        .await;
    // The own costs, and two clicks at the price.
    let own_and_price = [
        ("own", "0.30"),
        ("free", "0.00"),
        ("priced", "0.10"),
        ("text", "0.10"),
        ("bot", "0.00"),
    ];
    let path = format!("group_by=sub1&link_id={link_id}");
    let (by_sub1, total) = site.costs(&path, "sub1").await;
    assert_eq!(total, "0.50");
    for (sub1, expected) in own_and_price {
        assert_eq!(by_sub1[sub1], expected, "{sub1}");
    }
    let (by_country, total) = site.costs("group_by=country", "country").await;
    assert_eq!((&*total, &*by_country["null"]), ("0.50", "0.50"));
    let (by_link, _) = site.costs("group_by=link", "link_id").await;
    assert_eq!(by_link[link_id], "0.50");
    // The amount of a day is shared by all clicks of people.
    site.post("/api/v2/costs/import", &json!([cost("per_day", "8")]))
        .await;
    let (by_sub1, total) = site.costs(&path, "sub1").await;
    assert_eq!((&*total, &*by_sub1["own"]), ("8.50", "2.30"));
    assert_eq!((&*by_sub1["priced"], &*by_sub1["bot"]), ("2.10", "0.00"));
    site.assert_recount_is_right();

    // The click of a bot costs nothing, whoever says so and whenever.
    for (filter, verdict, expected) in [("human", "bot", "8.00"), ("bot", "human", "13.50")] {
        let body = json!({
            "filter": { "link_id": link_id, "verdict": filter }, "verdict": verdict,
        });
        site.post("/api/v2/clicks/reclassify", &body).await;
        let (_, total) = site.costs("group_by=date", "date").await;
        assert_eq!(total, expected, "all are {verdict}s");
        site.assert_recount_is_right();
    }
    site.stop().await;
}
