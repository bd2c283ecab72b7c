//! Importing, listing and deleting costs. What reports make of them is tested in `ledger_model`.

use std::collections::BTreeSet;

use e2e::client::{Tenant, answer, create_key};
use insta::assert_json_snapshot;
use reqwest::Method;
use serde_json::{Value, json};

use super::{Api, status_and_code};

const IMPORT: &str = "/api/v2/costs/import";

async fn import_csv(api: &Api, query: &str, body: String) -> (u16, Value) {
    let path = format!("{IMPORT}{query}");
    let request = api.client.api_request(Method::POST, &path).body(body);
    let request = request.header("X-Api-Key", &api.tenant.key);
    answer(request.header("Content-Type", "text/csv")).await
}

async fn n_costs(api: &Api) -> i64 {
    api.test_env.count("SELECT count(*) FROM costs").await
}

#[tokio::test]
async fn costs_are_imported_listed_and_deleted() {
    let api = Api::start("payer").await;
    let offer = api.sms_offer("https://e.com/", json!({})).await;
    let csv = |amount: &str| {
        format!(
            "offer_id,list_id,from,until,model,amount,currency\n\
             {offer},,2026-03-08,2026-03-09,per_day,{amount},\n\
             ,{},2026-03-08T00:15:00Z,2026-03-08T01:00:00Z,cpc,0.05,EUR\n",
            api.tenant.list_id
        )
    };
    let zone = "?tz=America/New_York";
    let created = import_csv(&api, zone, csv("20")).await;
    assert_eq!(
        created,
        (200, json!({ "created": 2, "updated": 0, "unchanged": 0 }))
    );
    let updated = import_csv(&api, zone, csv("21.5")).await;
    assert_eq!(
        updated,
        (200, json!({ "created": 0, "updated": 1, "unchanged": 1 }))
    );
    let (_, mut list) = api.get("/api/v2/costs").await;
    let ids: Vec<_> = list["costs"]
        .as_array_mut()
        .unwrap()
        .iter_mut()
        .map(|cost| {
            cost["updated_at"] = json!("...");
            cost["list_id"] = json!(cost["list_id"].is_number());
            cost["offer_id"] = json!(cost["offer_id"].is_string());
            cost["id"].take()
        })
        .collect();
    assert_json_snapshot!(list, @r#"
    {
      "costs": [
        {
          "amount": "21.50",
          "campaign_id": null,
          "currency": "USD",
          "from": "2026-03-08T05:00:00.000Z",
          "id": null,
          "link_id": null,
          "list_id": false,
          "model": "per_day",
          "offer_id": true,
          "until": "2026-03-10T04:00:00.000Z",
          "updated_at": "..."
        },
        {
          "amount": "0.05",
          "campaign_id": null,
          "currency": "EUR",
          "from": "2026-03-08T00:15:00.000Z",
          "id": null,
          "link_id": null,
          "list_id": true,
          "model": "cpc",
          "offer_id": false,
          "until": "2026-03-08T01:00:00.000Z",
          "updated_at": "..."
        }
      ],
      "has_more": false,
      "next_cursor": null,
      "pagination": {
        "page": 1,
        "per_page": 50,
        "total": 2,
        "total_pages": 1
      }
    }
    "#);
    let path = format!("/api/v2/costs/{}", ids[0]);
    let (status, _) = api.call(Method::DELETE, &path, Value::Null).await;
    assert_eq!(status, 200);
    let again = api.call(Method::DELETE, &path, Value::Null).await;
    assert_eq!(status_and_code(again), "404 not_found");
    let (_, offers) = api.get("/api/v2/costs?target=offer").await;
    let (_, lists) = api.get("/api/v2/costs?target=list").await;
    let totals = [&offers, &lists].map(|list| list["pagination"]["total"].clone());
    assert_eq!(totals.iter().filter(|total| **total == 1).count(), 1);
}

#[tokio::test]
async fn one_row_that_is_not_valid_keeps_all_from_being_stored() {
    let api = Api::start("careless").await;
    let offer = api.sms_offer("https://e.com/", json!({})).await;
    let stranger = Tenant::create(&api.test_env, &api.service, "stranger").await;
    let row = |more: Value| {
        let mut row = json!({
            "offer_id": offer, "from": "2026-03-08", "until": "2026-03-08", "model": "cpc",
            "amount": "1",
        });
        for (name, value) in more.as_object().unwrap() {
            row[name] = value.clone();
        }
        row
    };
    let rows = json!([
        row(json!({})),
        row(json!({ "model": "cpm" })),
        row(json!({ "amount": "x" })),
        row(json!({ "amuont": "1" })),
        row(json!({ "offer_id": null, "list_id": stranger.list_id })),
        row(json!({ "offer_id": "6789abcd1234ef5678901234" })),
        row(json!({ "offer_id": null, "link_id": "nothing" })),
        row(json!({ "offer_id": null, "campaign_id": "nothing" })),
        row(json!({ "amount": "2" })),
        7,
    ]);
    let (status, refused) = api.post(IMPORT, rows).await;
    assert_eq!(status, 400, "{refused}");
    assert_eq!(refused["code"], "invalid_rows");
    let failures: Vec<_> = refused["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| format!("{} {} {}", row["row"], row["code"], row["field"]))
        .collect();
    assert_eq!(
        failures.join("\n").replace('"', ""),
        "2 invalid_field model\n\
         3 invalid_field amount\n\
         4 unknown_field amuont\n\
         5 list_not_found list_id\n\
         6 offer_not_found offer_id\n\
         7 link_not_found link_id\n\
         8 campaign_not_found campaign_id\n\
         9 repeated_row null\n\
         10 invalid_field body"
    );
    assert_eq!(n_costs(&api).await, 0);
    let (_, refused) = import_csv(&api, "", "offer_id,from\n".to_owned()).await;
    assert_eq!(refused["code"], "invalid_field", "{refused}");
    let many = Value::from(vec![row(json!({ "model": "cpm" })); 150]);
    let (_, refused) = api.post(IMPORT, many).await;
    assert_eq!(refused["rows"].as_array().unwrap().len(), 100);
    let reader = create_key(&api.test_env, api.tenant.account_id, &["reports:read"]);
    let rows = json!([row(json!({}))]);
    let without_scope = api.client.call(&reader, Method::POST, IMPORT, Some(&rows));
    assert_eq!(
        status_and_code(without_scope.await),
        "403 insufficient_scope"
    );
}

#[tokio::test]
async fn an_account_has_at_most_100_000_costs() {
    let api = Api::start("spender").await;
    let offer = api.sms_offer("https://e.com/", json!({})).await;
    api.sql(&format!(
        "INSERT INTO costs (account_id, target_kind, target, model, starts_at, ends_at, days, amount,
                            currency)
         SELECT {}, 'offer', '{offer}', 'cpc', t, t + interval '1 day', 1, 1, 'USD'
         FROM generate_series(0, 99998) AS n
         CROSS JOIN LATERAL (SELECT timestamptz '1800-01-01' + n * interval '1 day') AS days (t)",
        api.tenant.account_id
    ))
    .await;
    let row = |day: &str| {
        json!({
            "offer_id": offer, "from": day, "until": day, "model": "cpa", "amount": "1",
        })
    };
    let two = json!([row("2026-03-08"), row("2026-03-09")]);
    let refused = api.post(IMPORT, two).await;
    assert_eq!(status_and_code(refused), "409 too_many_costs");
    assert_eq!(n_costs(&api).await, 99_999);
    // The last room goes to one of several imports at a time.
    let [a, b, c] = [
        json!([row("2026-03-08")]),
        json!([row("2026-03-09")]),
        json!([row("2026-03-10")]),
    ];
    let (a, b, c) = tokio::join!(
        api.post(IMPORT, a),
        api.post(IMPORT, b),
        api.post(IMPORT, c)
    );
    let mut statuses = [a.0, b.0, c.0];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409, 409]);
    assert_eq!(n_costs(&api).await, 100_000);
    // A report of all of them has as many days of costs.
    let all = "/api/v2/reports/performance?group_by=offer&from=1700-01-01&to=2100-01-01";
    let (status, report) = api.get(all).await;
    assert_eq!((status, &report["totals"]["cost"]), (200, &json!("0.00")));
    api.sql("UPDATE costs SET ends_at = starts_at + interval '3 days'")
        .await;
    let refused = api.get(all).await;
    assert_eq!(status_and_code(refused), "400 too_many_costs_in_period");
}

#[tokio::test]
async fn rates_are_loaded_by_operators_and_a_missing_one_is_an_error() {
    let api = Api::start("banker").await;
    let admin = create_key(&api.test_env, api.tenant.account_id, &["admin"]);
    let path = "/api/v2/rates";
    let rows = json!([{ "day": "2026-03-06", "currency": "USD", "per_euro": 1.25 }]);
    let refused = api.post(path, rows.clone()).await;
    assert_eq!(status_and_code(refused), "403 insufficient_scope");
    let load = async |rows: Value| {
        let call = api.client.call(&admin, Method::POST, path, Some(&rows));
        call.await
    };
    assert_eq!(
        load(rows.clone()).await.1,
        json!({ "rows": 1, "changed": 1 })
    );
    assert_eq!(load(rows).await.1, json!({ "rows": 1, "changed": 0 }));
    let invalid = json!([
        { "day": "2026-03-07", "currency": "USD", "per_euro": "1.3" },
        { "day": "2026-03-07", "currency": "EUR", "per_euro": "1" },
    ]);
    let (status, refused) = load(invalid).await;
    assert_eq!((status, &refused["rows"][0]["row"]), (400, &json!(2)));
    // The command line has the same rules.
    let file = std::env::temp_dir().join(format!("rates-{}.csv", api.tenant.account_id));
    let name = format!("{}-{}", file.display(), std::process::id());
    std::fs::write(
        &name,
        "day,currency,per_euro\n2026-03-10,USD,1.2\n2026-03-10,GBP,0.8\n",
    )
    .unwrap();
    let loaded = api.test_env.admin(&["rates", "load", &name]);
    assert_eq!(loaded, json!({ "rows": 2, "changed": 2 }));
    std::fs::remove_file(&name).unwrap();
    let list = api.client.call(&admin, Method::GET, path, None).await.1;
    let days: BTreeSet<_> = list["rates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rate| format!("{} {} {}", rate["day"], rate["currency"], rate["per_euro"]))
        .collect();
    let days = days
        .into_iter()
        .collect::<Vec<_>>()
        .join("\n")
        .replace('"', "");
    assert_eq!(
        days,
        "2026-03-06 USD 1.25\n2026-03-10 GBP 0.8\n2026-03-10 USD 1.2"
    );

    let offer = api.sms_offer("https://e.com/", json!({})).await;
    let cost = json!([{
        "offer_id": offer, "from": "2026-03-06", "until": "2026-03-18", "model": "per_day",
        "amount": "12", "currency": "USD",
    }]);
    assert_eq!(api.post(IMPORT, cost).await.0, 200);
    let report = async |query: &str| {
        let path = format!("/api/v2/reports/performance?{query}");
        api.get(&path).await
    };
    let (_, converted) = report("from=2026-03-08&to=2026-03-11&convert_to=EUR").await;
    let costs: Vec<_> = converted["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["cost"].as_str().unwrap())
        .collect();
    assert_eq!(costs, ["9.60", "9.60", "10.00", "10.00"]);
    assert_eq!(converted["currency"], "EUR");
    assert_eq!(converted["totals"]["cost"], "39.20");
    // The rate of the 10th holds for a week.
    let (_, missing) = report("from=2026-03-16&to=2026-03-18&convert_to=EUR").await;
    assert_eq!(missing["code"], "missing_exchange_rate");
    let sentence = missing["error"].as_str().unwrap();
    assert!(sentence.contains("USD for 2026-03-18"), "{sentence}");
    for (query, field) in [
        ("convert_to=EUR&currency=USD", "convert_to"),
        ("convert_to=US", "convert_to"),
    ] {
        let (status, refused) = report(query).await;
        let sentence = refused["error"].as_str().unwrap();
        assert!(status == 400 && sentence.contains(field), "{sentence}");
    }
}
