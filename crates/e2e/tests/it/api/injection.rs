//! The contents of every field of every operation are only values: they change no statement,
//! no header and no row of another account. The test walks the OpenAPI document, so that a new
//! operation is covered without being named here.

use e2e::{
    client::{Tenant, create_account, with_query},
    openapi::{Document, Operation},
};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Api, isolation::Fixtures};

const PAYLOADS: [&str; 6] = [
    "'; DROP TABLE links CASCADE; --",
    "' OR '1'='1",
    "x') RETURNING (SELECT digest FROM api_keys); --",
    "a\r\nSet-Cookie: a=b\r\nX-Injected: yes",
    "\u{0}%00\\x00",
    "{{7*7}}${7*7}<script>alert(1)</script>",
];

/// The path of every text in a body.
fn texts(value: &Value, way: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                texts(value, &format!("{way}/{name}"), found);
            }
        }
        Value::Array(values) => {
            for (i, value) in values.iter().enumerate() {
                texts(value, &format!("{way}/{i}"), found);
            }
        }
        Value::String(_) | Value::Number(_) => found.push(way.to_owned()),
        _ => {}
    }
}

/// The names of an operation's query parameters.
fn query_names(operation: Operation<'_>) -> Vec<&str> {
    let parameters = operation.json["parameters"].as_array();
    let parameters = parameters.into_iter().flatten();
    parameters
        .filter(|parameter| parameter["in"] == "query")
        .filter_map(|parameter| parameter["name"].as_str())
        .collect()
}

#[tokio::test]
async fn contents_of_fields_are_never_interpreted() {
    let api = Api::start("injected").await;
    let fixtures = Fixtures::create(&api).await;
    let bystander = Tenant::create(&api.test_env, &api.service, "bystander").await;
    let untouched = async || {
        let id = bystander.account_id;
        let sql = format!(
            "SELECT coalesce(string_agg(t, ' ' ORDER BY t), '') FROM (
                 SELECT t::text FROM lists t WHERE account_id = {id}
                 UNION ALL SELECT t::text FROM offers t WHERE account_id = {id}
                 UNION ALL SELECT t::text FROM domains t WHERE account_id = {id}) AS all_of_it (t)"
        );
        let row = api.test_env.db.query_one(&sql, &[]).await.unwrap();
        row.get::<_, String>(0)
    };
    let before = untouched().await;
    let account = create_account(&api.test_env, "operator");
    let scopes = [&e2e::client::SCOPES[..], &["admin"]].concat();
    let operator = e2e::client::create_key(&api.test_env, account, &scopes);

    let document = Document::written();
    let mut operations: Vec<_> = document.operations().collect();
    // Deleted rows could not be read afterwards.
    operations.sort_by_key(|operation| operation.method == "delete");
    let mut n_requests = 0;
    for operation in operations {
        let method: Method = operation.method.to_ascii_uppercase().parse().unwrap();
        // Operations of operators read all accounts, so their responses contain the payloads.
        let is_admin = operation.path.contains("/accounts");
        let key = if is_admin { &operator } else { &api.tenant.key };
        let path = fixtures.path(operation.path);
        let body = operation.json["requestBody"]
            .is_object()
            .then(|| fixtures.body(operation));
        let mut requests = Vec::new();
        for payload in PAYLOADS {
            if let Some(body) = &body {
                let mut ways = Vec::new();
                texts(body, "", &mut ways);
                for way in ways {
                    let mut changed = body.clone();
                    *changed.pointer_mut(&way).unwrap() = json!(payload);
                    requests.push((way, path.clone(), Some(changed), None));
                }
            }
            for name in query_names(operation) {
                let query = Some((name, payload));
                requests.push((name.to_owned(), path.clone(), body.clone(), query));
            }
            for segment in operation.path.split('/').filter(|s| s.starts_with('{')) {
                let mut encoded = String::new();
                url::form_urlencoded::byte_serialize(payload.as_bytes())
                    .for_each(|part| encoded.push_str(&part.replace('+', "%20")));
                let path = fixtures.path(&operation.path.replace(segment, &encoded));
                requests.push((segment.to_owned(), path, body.clone(), None));
            }
        }
        for (field, path, body, query) in requests {
            let path = query.map_or(path.clone(), |query| with_query(&path, &[query]));
            let mut request = api.client.api_request(method.clone(), &path);
            if let Some(body) = &body {
                request = request.json(body);
            }
            let response = request.header("X-Api-Key", key).send().await.unwrap();
            let status = response.status().as_u16();
            let what = format!("{method} {} with {field}", operation.path);
            let headers = response.headers();
            assert!(
                !headers.contains_key("set-cookie") && !headers.contains_key("x-injected"),
                "{what}: {headers:?}"
            );
            let answer = response.text().await.unwrap();
            assert!(status < 500, "{what}: {status} {answer}");
            n_requests += 1;
        }
        assert_eq!(
            untouched().await,
            before,
            "{method} {} touched a bystander",
            operation.path
        );
    }
    assert!(n_requests > 500, "{n_requests}");
    for table in ["links", "clicks", "api_keys", "offers", "conversions"] {
        api.test_env
            .count(&format!("SELECT count(*) FROM {table}"))
            .await;
    }
    // The log would contain server errors, and an injected line would not be JSON.
    api.service.stop();
}
