//! Exports of clicks and conversions: their order, their filters, and rows as they are stored.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicBool, Ordering},
};

use e2e::{client::Tenant, test_environment::TestEnvironment, wait::wait_for};
use postgres::advisory_lock::{ACCOUNT_CLASS, account_key};
use reqwest::{Method, header};
use serde_json::{Value, json};

use super::{
    Api,
    reports::{ReportFixture, dated},
    status_and_code,
};

const IPHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 \
                      (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1";

fn rows(page: &Value) -> &Vec<Value> {
    let rows = page.get("clicks").or(page.get("conversions"));
    rows.and_then(Value::as_array)
        .unwrap_or_else(|| panic!("{page}"))
}

fn ids(page: &Value) -> Vec<String> {
    let id = |row: &Value| {
        let id = row.get("click_id").filter(|_| page.get("clicks").is_some());
        let id = id.or(row.get("conversion_id")).unwrap();
        id.as_str().unwrap().to_owned()
    };
    rows(page).iter().map(id).collect()
}

/// The ids of all pages.
async fn all_ids(api: &Api, path: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut cursor = None;
    loop {
        let cursor_parameter = cursor.map_or(String::new(), |cursor| format!("&cursor={cursor}"));
        let (status, page) = api.get(&format!("{path}{cursor_parameter}")).await;
        assert_eq!(status, 200, "{page}");
        all.extend(ids(&page));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => return all,
        }
    }
}

#[tokio::test]
async fn pages_begin_with_the_oldest_or_the_newest_row() {
    let fixture = ReportFixture::start("newest").await;
    let mut lines = Vec::new();
    for minute in 0..5 {
        // Two clicks have the same time.
        for _ in 0..2 {
            lines.push(
                fixture
                    .click(0, &format!("DAYT05:3{minute}:00Z"), json!({}))
                    .1,
            );
        }
        let txn = json!({ "txn_id": minute.to_string() });
        lines.push(fixture.sale(0, &format!("DAYT06:3{minute}:00Z"), txn));
    }
    fixture.deliver(&lines).await;
    let api = &fixture.api;
    for (path, n_rows) in [("/api/v2/clicks", 10), ("/api/v2/conversions", 5)] {
        let mut oldest_first = all_ids(api, &format!("{path}?limit=3")).await;
        assert_eq!(oldest_first.len(), n_rows, "{path}");
        assert!(oldest_first.is_sorted(), "{oldest_first:?}");
        let explicitly = all_ids(api, &format!("{path}?limit=3&order=asc")).await;
        assert_eq!(explicitly, oldest_first);
        let newest_first = all_ids(api, &format!("{path}?limit=3&order=desc")).await;
        oldest_first.reverse();
        assert_eq!(newest_first, oldest_first, "{path}");
        for query in [
            "order=up",
            "since=x",
            "since=1&order=desc",
            "since=1&order=asc",
        ] {
            let answer = api.get(&format!("{path}?{query}")).await;
            assert_eq!(status_and_code(answer), "400 invalid_field", "{query}");
        }
        let cursor = &oldest_first[0];
        let answer = api.get(&format!("{path}?since=1&cursor={cursor}")).await;
        assert_eq!(status_and_code(answer), "400 invalid_field");
    }
    fixture.worker.stop();
}

/// The parameter with the values of a column, unless it is the column's name.
fn parameter_of<'c>(kind: &str, column: &'c str) -> Option<&'c str> {
    Some(match (kind, column) {
        // By `from` and `to`, `credited_from` and `credited_to`, `min_amount` and `max_amount`,
        // `min_click_cost` and `max_click_cost`.
        (_, "clicked_at" | "converted_at" | "credited_clicked_at" | "amount" | "click_cost") => {
            return None;
        }
        ("clicks", "is_bot") => "verdict",
        ("clicks", "bot_reasons") => "reason",
        ("clicks", "bot_rules") => "bot_rule",
        ("clicks", "path_corrections") => "path_correction",
        ("conversions", "link_id") => "sent_link_id",
        ("conversions", "offer_id") => "sent_offer_id",
        ("conversions", "message_id") => "sent_message_id",
        ("conversions", "flags") => "flag",
        ("conversions", "credited_click_id") => "credited_click_id",
        ("conversions", column) => column.strip_prefix("credited_").unwrap_or(column),
        (_, column) => column,
    })
}

/// The value of a column as a parameter of a filter.
fn parameter_value(column: &str, value: &Value) -> String {
    let text = match value {
        Value::Null => "(none)".to_owned(),
        Value::Bool(is_bot) if column == "is_bot" => match is_bot {
            true => "bot".to_owned(),
            false => "human".to_owned(),
        },
        Value::Array(values) => match values.first() {
            Some(value) => value.as_str().unwrap().to_owned(),
            None => "(none)".to_owned(),
        },
        Value::String(text) if column == "user_agent" || column == "referrer" => text.clone(),
        Value::String(text) => text.replace(',', "\\,"),
        other => other.to_string(),
    };
    let bytes = text.bytes().map(|byte| format!("%{byte:02X}"));
    bytes.collect()
}

#[tokio::test]
async fn every_column_has_a_filter() {
    let fixture = ReportFixture::start("columns").await;
    let (_, full) = fixture.click(
        0,
        "DAYT05:30:00Z",
        json!({
            "user_agent": IPHONE, "referrer": "https://e.com/a,b",
            "country": "US", "region": "US-CA", "city": "Los Angeles", "language": "en",
            "asn": 64496, "sub1": "a,b", "sub2": "b", "sub3": "c", "sub4": "d", "sub5": "e", "source": "sms",
            "creative": "big", "cost": "0.1", "confirmed": true,
            "click_cost": { "amount": "0.1", "currency": "USD" },
            "path_corrections": ["case_ignored"],
        }),
    );
    let bot = json!({
        "bot_reasons": ["ua_bot"], "bot_rules": ["a_rule"], "ip": "198.51.100.1",
        "message_id": null, "contact_phone": null, "offer_id": null, "list_id": null,
        "creative_id": null, "user_agent": null, "click_cost_error": "no_value",
    });
    let (_, other) = fixture.click(1, "DAYT05:31:00Z", bot);
    let full_sale = json!({ "txn_id": "1", "revenue": "2", "flags": ["amount_unreadable"] });
    let sale = fixture.sale(0, "DAYT06:00:00Z", full_sale);
    let of_offer = json!({
        "source": "offer", "txn_id": "2", "revenue": "3", "currency": "EUR", "event": "lead", "status": "pending",
        "link_id": null, "link_key": null, "message_id": null, "contact_phone": null,
    });
    let lead = fixture.sale(1, "DAYT06:01:00Z", of_offer);
    fixture.deliver(&[full, other, sale, lead]).await;
    let api = &fixture.api;
    for kind in ["clicks", "conversions"] {
        let (_, page) = api.get(&format!("/api/v2/{kind}")).await;
        let found = rows(&page);
        assert_eq!(found.len(), 2, "{page}");
        let mut distinguishing = 0;
        for column in found[0].as_object().unwrap().keys() {
            let Some(parameter) = parameter_of(kind, column) else {
                continue;
            };
            for row in found {
                let value = parameter_value(column, &row[column]);
                let with_value: Vec<_> = found
                    .iter()
                    .filter(|other| other[column] == row[column])
                    .collect();
                let path = format!("/api/v2/{kind}?{parameter}={value}");
                let (status, page) = api.get(&path).await;
                assert_eq!(status, 200, "{path}: {page}");
                assert_eq!(rows(&page).iter().collect::<Vec<_>>(), with_value, "{path}");
                distinguishing += usize::from(with_value.len() == 1);
                // Columns with two values have no list to leave out.
                if row[column].is_boolean() {
                    continue;
                }
                let path = format!("/api/v2/{kind}?{parameter}.not={value}");
                let (status, page) = api.get(&path).await;
                assert_eq!(status, 200, "{path}: {page}");
                let expected = found.iter().filter(|row| !with_value.contains(row));
                let expected: Vec<_> = expected.collect();
                assert_eq!(rows(&page).iter().collect::<Vec<_>>(), expected, "{path}");
            }
        }
        assert!(distinguishing > 20, "{kind}: {distinguishing}");
    }
    for (path, expected) in [
        ("clicks?country=us,(none)", 2),
        ("clicks?country=DE,FR", 0),
        ("clicks?ip=203.0.113.0/24,198.51.100.1", 2),
        ("clicks?ip.not=203.0.113.0/24", 1),
        ("clicks?user_agent=gecko", 1),
        ("clicks?user_agent.not=gecko", 1),
        ("clicks?min_click_cost=0.05&max_click_cost=.1", 1),
        ("clicks?max_click_cost=0.05", 0),
        ("conversions?min_amount=2.5", 1),
        ("conversions?min_amount=2&max_amount=2.00", 1),
        ("conversions?credited_from=DAYT05:30:00Z", 1),
        ("conversions?credited_to=DAYT05:30:00Z", 0),
        ("conversions?event=sale,lead&status.not=pending", 1),
        ("conversions?currency=eur", 1),
    ] {
        let (status, page) = api.get(&dated(&format!("/api/v2/{path}"))).await;
        assert_eq!(status, 200, "{path}: {page}");
        assert_eq!(rows(&page).len(), expected, "{path}: {page}");
    }
    for path in [
        "clicks?list_id=42,x",
        "clicks?offer_id.not=0123456789abcdef01234567",
        "clicks?click_id=1",
        "clicks?path_correction=none",
        "clicks?confirmed=maybe",
        "clicks?sub1=a,",
        "conversions?status=sold",
        "conversions?source=email",
        "conversions?min_amount=much",
        "conversions?credited_click_id=1",
    ] {
        let answer = api.get(&format!("/api/v2/{path}")).await;
        assert_eq!(status_and_code(answer), "400 invalid_field", "{path}");
    }
    let answer = api.get("/api/v2/clicks?contact_phone.not=1800").await;
    assert_eq!(status_and_code(answer), "400 invalid_phone");
    fixture.worker.stop();
}

/// A page in the order of storage: ids, the next cursor, and whether there is more.
async fn since(api: &Api, path: &str, since: &str) -> (Vec<String>, String, bool) {
    let (status, page) = api.get(&format!("{path}since={since}")).await;
    assert_eq!(status, 200, "{page}");
    let cursor = page["next_cursor"].as_str().unwrap().to_owned();
    (ids(&page), cursor, page["has_more"].as_bool().unwrap())
}

#[tokio::test]
async fn rows_are_read_in_the_order_of_storage() {
    let fixture = ReportFixture::start("stored").await;
    let (late_id, late) = fixture.click(0, "DAYT05:30:00Z", json!({ "country": "US" }));
    let (early_id, early) = fixture.click(0, "DAYT05:00:00Z", json!({ "country": "DE" }));
    let (late_id, early_id) = (late_id.to_string(), early_id.to_string());
    let api = &fixture.api;
    let path = "/api/v2/clicks?";
    let (none, cursor, has_more) = since(api, path, "start").await;
    assert_eq!((none.len(), cursor.as_str(), has_more), (0, "0", false));
    fixture.deliver(&[late]).await;
    let (found, first, _) = since(api, path, &cursor).await;
    assert_eq!(found, std::slice::from_ref(&late_id));
    let (_, now, _) = since(api, path, "now").await;
    assert_eq!(now, first);
    fixture.deliver(&[early]).await;
    // It happened before the other, and is stored behind it.
    let (found, second, has_more) = since(api, path, &first).await;
    assert_eq!((found, has_more), (vec![early_id.clone()], false));
    let (found, cursor, has_more) = since(api, "/api/v2/clicks?limit=1&", "start").await;
    assert_eq!((found, has_more), (vec![late_id.clone()], true));
    assert_eq!(cursor, first);
    // Rows that the filter leaves out are behind the cursor, too.
    let (found, cursor, _) = since(api, "/api/v2/clicks?country=US&", "start").await;
    assert_eq!((found, &cursor), (vec![late_id], &second));
    let csv = fixture.csv("/api/v2/clicks?format=csv&since=start").await;
    assert_eq!((csv.1.lines().count(), csv.2.as_ref()), (3, Some(&second)));
    // A changed row keeps its place.
    let filter = json!({ "filter": { "country": "US" }, "verdict": "bot" });
    let (status, answer) = api.post("/api/v2/clicks/reclassify", filter).await;
    assert_eq!((status, &answer["changed"]), (200, &json!(1)), "{answer}");
    let (found, _, _) = since(api, path, &second).await;
    assert_eq!(found, Vec::<String>::new());
    let other = Tenant::create(&api.test_env, &api.service, "other").await;
    let path = "/api/v2/clicks?since=start";
    let (status, page) = api.client.call(&other.key, Method::GET, path, None).await;
    assert_eq!((status, rows(&page).len()), (200, 0), "{page}");
    assert_eq!(page["next_cursor"], "0");
    fixture.worker.stop();
}

/// A transaction is open that has stored a click with a lower number than those that come later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tail_does_not_pass_a_row_that_is_not_committed() {
    let fixture = ReportFixture::start("open").await;
    let (first_id, first) = fixture.click(0, "DAYT05:30:00Z", json!({}));
    fixture.deliver(&[first]).await;
    let (api, path) = (&fixture.api, "/api/v2/clicks?");
    let (found, cursor, _) = since(api, path, "start").await;
    assert_eq!(found, [first_id.to_string()]);
    let writer = api.test_env.connect().await;
    let lock = format!(
        "BEGIN; SELECT pg_advisory_xact_lock({ACCOUNT_CLASS}, {});
         INSERT INTO clicks (click_id, clicked_at, account_id, link_key, link_id, visitor, is_bot,
                             bot_reasons)
         SELECT '01a11d5c-1e7b-7123-8123-456789abcdef', clicked_at, account_id, link_key, link_id,
                'v', false, '{{}}'
         FROM clicks",
        account_key(api.tenant.account_id),
    );
    writer.batch_execute(&lock).await.unwrap();
    let (second_id, second) = fixture.click(0, "DAYT05:29:00Z", json!({}));
    fixture.publish(&[second]).await;
    // The worker has tried: it waits for the lock, and the click with the higher number is not
    // stored before the one with the lower number is committed.
    wait_for("the worker that waits for the lock", true, async || {
        let sql = "SELECT count(*)
                   FROM pg_locks l
                   JOIN pg_database d ON d.oid = l.database
                   WHERE d.datname = current_database() AND l.locktype = 'advisory' AND NOT granted";
        api.test_env.count(sql).await > 0
    })
    .await;
    let (found, cursor, _) = since(api, path, &cursor).await;
    assert_eq!(found, Vec::<String>::new());
    writer.batch_execute("COMMIT").await.unwrap();
    let sql = "SELECT count(*) FROM clicks";
    wait_for("both", 3, async || api.test_env.count(sql).await).await;
    let (found, _, _) = since(api, path, &cursor).await;
    let second_id = second_id.to_string();
    assert_eq!(
        found,
        ["01a11d5c-1e7b-7123-8123-456789abcdef".to_owned(), second_id]
    );
    fixture.worker.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tail_finds_each_row_once_while_several_workers_store() {
    const N_BATCHES: usize = 60;
    const N_CLICKS: usize = 20;
    let fixture = ReportFixture::start("tail").await;
    let api = &fixture.api;
    let second_worker = api.test_env.start_worker();
    let third_worker = api.test_env.start_worker();
    let mut expected = (BTreeSet::new(), 0);
    let mut batches = Vec::new();
    for batch in 0..N_BATCHES {
        let mut lines = Vec::new();
        for n in 0..N_CLICKS {
            // Later ones happened earlier.
            let minute = 59 - batch % 60;
            let (id, line) =
                fixture.click(n % 2, &format!("DAYT05:{minute:02}:{n:02}Z"), json!({}));
            expected.0.insert(id.to_string());
            lines.push(line);
        }
        let txn = json!({ "txn_id": format!("t{batch}") });
        lines.push(fixture.sale(0, "DAYT07:00:00Z", txn));
        expected.1 += 1;
        batches.push(lines);
    }
    let is_stored = AtomicBool::new(false);
    let store = async {
        for lines in &batches {
            fixture.publish(lines).await;
        }
        let n_rows = (expected.0.len() + expected.1) as i64;
        let sql = "SELECT (SELECT count(*) FROM clicks) + (SELECT count(*) FROM conversions)";
        wait_for("all rows", n_rows, async || api.test_env.count(sql).await).await;
        is_stored.store(true, Ordering::Relaxed);
    };
    let tail = async |path: &str| {
        let (mut all, mut cursor, mut n_answers) = (Vec::new(), "start".to_owned(), 0);
        loop {
            // Whatever was stored before the answer must be in it.
            let is_last = is_stored.load(Ordering::Relaxed);
            let (found, next, has_more) = since(api, path, &cursor).await;
            n_answers += usize::from(!found.is_empty());
            all.extend(found);
            cursor = next;
            if is_last && !has_more {
                return (all, n_answers);
            }
        }
    };
    let (_, (clicks, n_answers), (conversions, _)) = tokio::join!(
        store,
        tail("/api/v2/clicks?limit=50&"),
        tail("/api/v2/conversions?limit=50&"),
    );
    assert!(n_answers > 1, "the clicks came in one answer");
    assert_eq!(clicks.len(), expected.0.len());
    assert_eq!(clicks.into_iter().collect::<BTreeSet<_>>(), expected.0);
    let n_conversions = conversions.len();
    let distinct: BTreeSet<_> = conversions.into_iter().collect();
    assert_eq!((n_conversions, distinct.len()), (expected.1, expected.1));
    third_worker.stop();
    second_worker.stop();
    fixture.worker.stop();
}

#[tokio::test]
async fn exports_are_compressed_for_clients_that_accept_it() {
    let fixture = ReportFixture::start("gzip").await;
    let mut lines = Vec::new();
    for second in 10..40 {
        lines.push(
            fixture
                .click(0, &format!("DAYT05:30:{second}Z"), json!({}))
                .1,
        );
    }
    fixture.deliver(&lines).await;
    for path in [
        "/api/v2/clicks?limit=20",
        "/api/v2/clicks?limit=20&format=csv",
    ] {
        let send = async |encoding: &str| {
            let request = fixture.api.client.api_request(Method::GET, path);
            let request = request.header("X-Api-Key", &fixture.api.tenant.key);
            let request = request.header(header::ACCEPT_ENCODING, encoding);
            let response = request.send().await.unwrap();
            let headers = response.headers().clone();
            (headers, response.bytes().await.unwrap())
        };
        let (_, plain) = send("identity").await;
        let (headers, zipped) = send("gzip").await;
        assert_eq!(headers[header::CONTENT_ENCODING], "gzip");
        assert!(zipped.starts_with(&[0x1f, 0x8b]));
        assert!(zipped.len() * 3 < plain.len(), "{} bytes", zipped.len());
        assert_eq!(headers.contains_key("x-next-cursor"), path.contains("csv"));
    }
    fixture.worker.stop();
}

/// The rows that queries have read from the tables of clicks by an index, and without one.
async fn rows_read(test_env: &TestEnvironment) -> (i64, i64) {
    let sql = "
        SELECT coalesce(sum(idx_tup_fetch), 0)::bigint, coalesce(sum(seq_tup_read), 0)::bigint
        FROM pg_stat_user_tables
        WHERE relname LIKE 'clicks%'";
    let row = test_env.db.query_one(sql, &[]).await.unwrap();
    (row.get(0), row.get(1))
}

/// Waits until no connection of a service is left: then its statistics are complete.
async fn wait_for_statistics(test_env: &TestEnvironment, service: &str) {
    let sql = format!(
        "SELECT count(*) FROM pg_stat_activity
         WHERE datname = current_database() AND application_name LIKE '{service}%'"
    );
    wait_for("the end of connections", 0, async || {
        test_env.count(&sql).await
    })
    .await;
    let sql = "SELECT pg_stat_force_next_flush()";
    test_env.db.batch_execute(sql).await.unwrap();
}

/// With this many clicks of two accounts, a page reads hardly more rows than it has.
#[tokio::test]
async fn a_page_of_a_busy_account_reads_few_rows() {
    const N_CLICKS: i64 = 40_000;
    let fixture = ReportFixture::start("busy").await;
    let (_, first) = fixture.click(0, "DAYT05:30:00Z", json!({}));
    fixture.deliver(&[first]).await;
    let ReportFixture { api, worker, .. } = fixture;
    worker.stop();
    let fill = format!(
        "INSERT INTO clicks (click_id, clicked_at, account_id, link_key, link_id, visitor, country,
                             is_bot, bot_reasons)
         SELECT overlay(gen_random_uuid()::text PLACING '7' FROM 15)::uuid,
                date_trunc('day', clicked_at, 'UTC') + n * interval '1 second',
                CASE WHEN n % 2 = 0 THEN account_id ELSE 999 END,
                CASE WHEN n % 100 = 0 THEN link_key ELSE 1 END, link_id, 'v' || n,
                CASE WHEN n % 4 = 0 THEN 'US' ELSE 'DE' END, false, '{{}}'
         FROM clicks CROSS JOIN generate_series(1, {N_CLICKS}) AS n;
         ANALYZE clicks"
    );
    api.sql(&fill).await;
    let sql =
        "SELECT link_id, storage_order FROM clicks ORDER BY storage_order OFFSET 9000 LIMIT 1";
    let row = api.test_env.db.query_one(sql, &[]).await.unwrap();
    let (link, middle): (String, i64) = (row.get(0), row.get(1));
    let queries = [
        "order=asc".to_owned(),
        "order=desc".to_owned(),
        "order=desc&country=US".to_owned(),
        "order=desc&verdict=human&country.not=DE".to_owned(),
        "from=DAYT08:00:00Z&to=DAYT09:00:00Z".to_owned(),
        "since=start".to_owned(),
        format!("since={middle}"),
        format!("link_id={link}"),
        format!("link_id={link}&order=desc"),
    ];
    wait_for_statistics(&api.test_env, "click-worker").await;
    let (by_index_before, without_before) = rows_read(&api.test_env).await;
    for query in &queries {
        let path = dated(&format!("/api/v2/clicks?limit=50&{query}"));
        let (status, page) = api.get(&path).await;
        assert_eq!(status, 200, "{page}");
        assert_eq!(rows(&page).len(), 50, "{query}");
    }
    api.service.stop();
    wait_for_statistics(&api.test_env, "links-api").await;
    let (by_index, without) = rows_read(&api.test_env).await;
    let (by_index, without) = (by_index - by_index_before, without - without_before);
    assert_eq!(without, 0);
    assert!(by_index >= 50 * queries.len() as i64, "{by_index} rows");
    assert!(by_index < 4_000, "{by_index} rows were read");
}
