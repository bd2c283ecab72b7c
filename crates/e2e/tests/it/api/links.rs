//! Getting, listing, changing and deactivating links of the v2 API, and their
//! QR codes.

use e2e::{
    client::create_account,
    test_environment::{ORIGIN_TOKEN, TestEnvironment},
    wait::wait_for,
};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Api, status_and_code};

async fn shorten(api: &Api, more: Value) -> Value {
    let mut body = json!({ "url": "https://example.com/page", "listId": api.tenant.list_id });
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    api.create("/api/v2/links/shorten", body).await
}

fn path(link: &Value) -> String {
    format!("/api/v2/links/{}", link["linkId"].as_str().unwrap())
}

#[tokio::test]
async fn created_links_can_be_read_and_listed() {
    let api = Api::start("listed").await;
    let own = shorten(
        &api,
        json!({ "metadata": { "a": [1, null] }, "messageId": "m1" }),
    )
    .await;
    let partnership = api.create("/api/v2/links", api.tenant.link_body()).await;
    let (status, got) = api.get(&path(&own)).await;
    assert_eq!((status, &got), (200, &own));
    let (_, got) = api.get(&path(&partnership)).await;
    for field in [
        "shortUrl",
        "linkId",
        "clickTrackerUrl",
        "destinationUrl",
        "offerId",
    ] {
        assert_eq!(got[field], partnership[field], "{field}");
    }
    let list = async |query: &str| {
        let (status, body) = api.get(&format!("/api/v2/links?{query}")).await;
        assert_eq!(status, 200, "{body}");
        let links = body["links"].as_array().unwrap().iter();
        let ids: Vec<_> = links.map(|link| link["linkId"].clone()).collect();
        (ids, body["pagination"].clone())
    };
    let (own_id, partnership_id) = (own["linkId"].clone(), partnership["linkId"].clone());
    let both = vec![partnership_id.clone(), own_id.clone()];
    let (ids, pagination) = list("").await;
    assert_eq!(ids, both, "the newest first");
    assert_eq!(
        pagination,
        json!({ "page": 1, "per_page": 50, "total": 2, "total_pages": 1 })
    );
    let (ids, pagination) = list("page=2&per_page=1").await;
    assert_eq!(ids, std::slice::from_ref(&own_id));
    assert_eq!(
        pagination,
        json!({ "page": 2, "per_page": 1, "total": 2, "total_pages": 2 })
    );
    let (list_id, offer_id) = (api.tenant.list_id, &api.tenant.offer_id);
    for (query, expected) in [
        ("page=3".to_owned(), vec![]),
        ("status=deactivated".to_owned(), vec![]),
        ("messageId=m1".to_owned(), vec![own_id]),
        (
            format!("offerId={}", offer_id.to_uppercase()),
            vec![partnership_id],
        ),
        (format!("listId={list_id}&domain=listed.example"), both),
        ("contactPhone=%2B18005550100".to_owned(), vec![]),
    ] {
        assert_eq!(list(&query).await.0, expected, "{query}");
    }
    for query in [
        "page=0",
        "page=x",
        "per_page=101",
        "page=1000001",
        "status=x",
        "listId=x",
    ] {
        let (status, body) = api.get(&format!("/api/v2/links?{query}")).await;
        assert_eq!(
            (status, &body["code"]),
            (400, &json!("invalid_field")),
            "{query}"
        );
        let name = query.split('=').next().unwrap();
        assert!(body["error"].to_string().contains(name), "{body}");
    }
}

#[tokio::test]
async fn an_update_changes_only_the_given_fields() {
    let api = Api::start("changed").await;
    let link = shorten(
        &api,
        json!({ "expiresAt": "2100-01-01T00:00:00Z", "metadata": {"a": 1} }),
    )
    .await;
    let change = async |body: Value| api.call(Method::PATCH, &path(&link), body).await;
    let (status, changed) = change(json!({ "url": "https://example.com/other" })).await;
    assert_eq!(status, 200);
    assert_eq!(changed["destinationUrl"], "https://example.com/other");
    assert_eq!(
        changed["expiresAt"], "2100-01-01T00:00:00.000Z",
        "not sent, not changed"
    );
    let (_, changed) =
        change(json!({ "expiresAt": "", "metadata": {"b": 2}, "forwardQuery": true })).await;
    assert_eq!(changed["expiresAt"], Value::Null);
    assert_eq!(changed["metadata"], json!({ "b": 2 }));
    assert_eq!(changed["forwardQuery"], true);
    let (_, changed) = change(json!({ "status": "deactivated", "url": null })).await;
    assert_eq!(changed["status"], "deactivated");
    let (status, _) = change(json!({ "status": "active" })).await;
    assert_eq!(status, 200);
    let (status, answer) = api.call(Method::DELETE, &path(&link), Value::Null).await;
    assert_eq!(
        (status, answer),
        (200, json!({ "success": true, "deactivated": true }))
    );
    let (_, got) = api.get(&path(&link)).await;
    assert_eq!(got["status"], "deactivated");

    for (body, expected) in [
        (json!({ "status": "gone" }), "400 invalid_status"),
        (json!({ "url": "file:///etc/passwd" }), "400 invalid_url"),
        (
            json!({ "expiresAt": "2020-01-01T00:00:00Z" }),
            "400 invalid_field",
        ),
        (json!({ "forwardQuery": 1 }), "400 invalid_field"),
    ] {
        assert_eq!(status_and_code(change(body).await), expected);
    }
    let partnership = api.create("/api/v2/links", api.tenant.link_body()).await;
    let change = json!({ "url": "https://e.com" });
    let answer = api.call(Method::PATCH, &path(&partnership), change).await;
    assert_eq!(status_and_code(answer), "400 invalid_field");
    for method in [Method::GET, Method::PATCH, Method::DELETE] {
        let answer = api.call(method, "/api/v2/links/nothing", json!({})).await;
        assert_eq!(status_and_code(answer), "404 not_found");
    }
}

#[tokio::test]
async fn a_link_id_on_two_domains_needs_the_domain() {
    let api = Api::start("two").await;
    let domain = json!({ "host": "second.example", "kind": "short" });
    api.create("/api/v2/domains", domain).await;
    let list = json!({ "phone_number": "+18005551235", "list_name": "2", "short_domain": "second.example" });
    let list = api.create("/api/v2/lists", list).await;
    shorten(&api, json!({ "slug": "same" })).await;
    shorten(&api, json!({ "slug": "same", "listId": list["id"] })).await;
    let answer = api.get("/api/v2/links/same").await;
    assert_eq!(status_and_code(answer), "409 ambiguous_link_id");
    for host in ["two.example", "SECOND.example"] {
        let (_, link) = api.get(&format!("/api/v2/links/same?domain={host}")).await;
        assert_eq!(link["domain"], host.to_lowercase());
    }
    let answer = api.get("/api/v2/links/same?domain=third.example").await;
    assert_eq!(status_and_code(answer), "404 not_found");
}

#[tokio::test]
async fn qr_codes_can_be_scanned() {
    let api = Api::start("qr").await;
    let link = shorten(&api, json!({})).await;
    let image = async |path: String| {
        let request = api.client.api_request(Method::GET, &path);
        let response = request
            .header("X-Api-Key", &api.tenant.key)
            .send()
            .await
            .unwrap();
        let kind = response.headers()["content-type"]
            .to_str()
            .unwrap()
            .to_owned();
        (
            response.status().as_u16(),
            kind,
            response.bytes().await.unwrap(),
        )
    };
    for (query, size) in [("", 512), ("?size=64", 64), ("?size=2048&level=H", 2048)] {
        let (status, kind, png) = image(format!("{}/qr.png{query}", path(&link))).await;
        assert_eq!((status, kind.as_str()), (200, "image/png"));
        let (side, text) = scanned(&png);
        assert_eq!(text, link["shortUrl"].as_str().unwrap());
        // Modules are whole pixels, and their number depends on the id.
        assert!(side <= size && size < 2 * side, "{query}: {side}");
    }
    let (status, kind, svg) = image(format!("{}/qr.svg?level=Q", path(&link))).await;
    assert_eq!((status, kind.as_str()), (200, "image/svg+xml"));
    let svg = String::from_utf8(svg.to_vec()).unwrap();
    assert!(svg.contains("<svg") && svg.contains("viewBox"), "{svg}");
    for (query, name) in [
        ("size=1", "size"),
        ("size=2049", "size"),
        ("level=X", "level"),
    ] {
        let (status, body) = api.get(&format!("{}/qr.png?{query}", path(&link))).await;
        assert_eq!(status, 400);
        assert!(body["error"].to_string().contains(name), "{body}");
    }
    let answer = api.get("/api/v2/links/nothing/qr.svg").await;
    assert_eq!(status_and_code(answer), "404 not_found");
}

/// The side of a PNG in pixels, and the text of its QR code.
fn scanned(png: &[u8]) -> (usize, String) {
    let decoder = png::Decoder::new(std::io::Cursor::new(png));
    let mut reader = decoder.read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    let (side, line_size) = (info.width as usize, info.line_size);
    let luma = |x: usize, y: usize| {
        let bit = pixels[y * line_size + x / 8] >> (7 - x % 8) & 1;
        bit * 255
    };
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(side, side, luma);
    let grids = image.detect_grids();
    assert_eq!(grids.len(), 1, "one code");
    (side, grids[0].decode().unwrap().1)
}

/// `/conv` on an unknown host looks for links of an id on any domain. The cost depends on the
/// number of links found, not on the number of domains.
#[tokio::test]
async fn looking_up_an_unknown_host_does_not_scan_all_domains() {
    let test_env = TestEnvironment::new().await;
    let api = test_env.start_api();
    create_account(&test_env, "many");
    let fill = "
        INSERT INTO domains (account_id, host, kind)
        SELECT (SELECT min(id) FROM accounts), 'd' || n || '.example', 'short'
        FROM generate_series(1, 20000) n;
        INSERT INTO links (account_id, domain_id, short_id, destination)
        SELECT account_id, id, 'slug-' || id % 10000, 'https://e.com' FROM domains;
        ANALYZE domains; ANALYZE links";
    test_env.db.batch_execute(fill).await.unwrap();
    let read = "SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::bigint
         FROM pg_stat_user_tables WHERE relname IN ('domains', 'links')";
    let scans = "SELECT idx_scan FROM pg_stat_user_indexes
         WHERE indexrelname = 'links_short_id_idx'";
    let ask = async |host: &str, id: &str| -> Vec<String> {
        let url = format!(
            "{}/internal/v1/hosts/{host}/{id}",
            api.url("origin.address")
        );
        let client = reqwest::Client::new();
        let request = client.get(url).bearer_auth(ORIGIN_TOKEN);
        request.send().await.unwrap().json().await.unwrap()
    };
    // A session reports its statistics only when it is idle.
    let filled = "SELECT count(*) FROM pg_stat_user_tables
         WHERE relname IN ('domains', 'links') AND n_tup_ins >= 20000";
    wait_for("the statistics of the filling", 2, async || {
        test_env.count(filled).await
    })
    .await;
    let (read_before, scans_before) = (test_env.count(read).await, test_env.count(scans).await);
    assert_eq!(ask("nobodys.example", "nothing").await, [""; 0]);
    assert_eq!(ask("nobodys.example", "slug-7").await.len(), 2);
    assert_eq!(ask("d7.example", "slug-7").await.len(), 2);
    wait_for("the scans of the index", true, async || {
        test_env.count(scans).await >= scans_before + 2
    })
    .await;
    let n_read = test_env.count(read).await - read_before;
    assert!(n_read < 100, "{n_read} rows were read");
    api.stop();
}
