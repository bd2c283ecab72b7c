//! What people, messengers and networks make of a link on its way: marks that stick to
//! it, needless escapes, another case, bytes that should have been escaped.

use e2e::{
    client::{BROWSER, split},
    wait::wait_for,
};
use reqwest::{Method, header};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::landing::Site;

const DESTINATION: &str = "https://example.com/lp?c={click_id}&s={sub1}";

/// What is answered to these bytes by the time the connection is closed.
async fn answer_to(site: &Site, bytes: &[u8]) -> String {
    let address = site.edge.address("edge.address");
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

/// The status and the location of what is answered to a GET of this target, which is
/// sent as it stands.
async fn get(site: &Site, host: &str, target: &[u8]) -> (u16, String) {
    let mut request = b"GET ".to_vec();
    request.extend_from_slice(target);
    request.extend_from_slice(
        format!(
            " HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {BROWSER}\r\nAccept-Language: en\r\n\
             Connection: close\r\n\r\n"
        )
        .as_bytes(),
    );
    let answer = answer_to(site, &request).await;
    let status = answer.split(' ').nth(1).unwrap_or_default();
    let location = answer
        .lines()
        .find_map(|line| line.strip_prefix("location: "));
    (
        status.parse().unwrap_or(0),
        location.unwrap_or_default().to_owned(),
    )
}

async fn slug(site: &Site, slug: &str) -> (String, String) {
    let body = json!({
        "offerId": site.offer(), "listId": site.tenant.list_id, "slug": slug,
    });
    let link = site
        .client
        .create(&site.tenant.key, "/api/v2/links/shorten", &body)
        .await;
    let url = link["shortUrl"].as_str().unwrap().to_owned();
    let (host, path) = split(&url);
    (host.to_owned(), path.to_owned())
}

#[tokio::test]
async fn characters_around_a_link_are_ignored_and_recorded_as_corrections() {
    let site = Site::start(DESTINATION, json!({}), &[]).await;
    let (host, _) = slug(&site, "spring26").await;
    slug(&site, "Twice").await;
    slug(&site, "twice").await;
    let generated = site.link().await;
    let (_, generated) = split(&generated);
    let other_case: String = generated
        .chars()
        .map(|c| match c.is_ascii_lowercase() {
            true => c.to_ascii_uppercase(),
            false => c.to_ascii_lowercase(),
        })
        .collect();
    for (i, (path, expected)) in [
        ("/spring26", Some("{}")),
        ("/spring26.", Some("{suffix_ignored}")),
        ("/spring26/", Some("{suffix_ignored}")),
        ("/spring26)", Some("{suffix_ignored}")),
        ("/spring26%E2%80%8B", Some("{suffix_ignored}")),
        ("/spring26&utm_source=x", Some("{suffix_ignored}")),
        ("/spring26_", Some("{suffix_ignored}")),
        ("//spring26", Some("{prefix_ignored}")),
        ("/spring%32%36", Some("{escapes_decoded}")),
        ("/SPRING26", Some("{case_ignored}")),
        ("/Spring26", Some("{case_ignored}")),
        (
            "//SPRING%32%36).",
            Some("{escapes_decoded,prefix_ignored,suffix_ignored,case_ignored}"),
        ),
        ("/Twice", Some("{}")),
        ("/TWICE", None), // either of two
        ("/spring27.", None),
        (&format!("{generated}."), Some("{suffix_ignored}")),
        (&other_case, None), // generated ids have their case
    ]
    .into_iter()
    .enumerate()
    {
        let target = format!("{path}?sub1=t{i}");
        let (status, location) = get(&site, &host, target.as_bytes()).await;
        let Some(corrections) = expected else {
            assert_eq!(status, 404, "{path}");
            continue;
        };
        assert_eq!(status, 302, "{path}");
        assert!(
            location.ends_with(&format!("&s=t{i}")),
            "{path}: {location}"
        );
        let sql = format!(
            "SELECT count(*) FROM clicks
             WHERE sub1 = 't{i}' AND path_corrections = '{corrections}'"
        );
        wait_for(path, 1, async || site.test_env.count(&sql).await).await;
    }
    let (_, page) = site
        .client
        .call(&site.tenant.key, Method::GET, "/api/v2/clicks", None)
        .await;
    let clicks = page["clicks"].as_array().unwrap();
    let said = clicks
        .iter()
        .filter(|click| click["path_corrections"] == json!(["prefix_ignored"]));
    assert_eq!(said.count(), 1, "{page}");
    site.stop().await;
}

/// `//host` is another host's URL: neither the page's button nor its way back may go there.
#[tokio::test]
async fn a_corrected_path_never_redirects_to_another_host() {
    let site = Site::start(DESTINATION, json!({ "filter_bots": true }), &[]).await;
    let (host, _) = slug(&site, "spring26").await;
    let response = site
        .client
        .edge_request(Method::GET, &host, "//spring26?sub1=x")
        .header(header::USER_AGENT, "curl/8")
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    let page = response.text().await.unwrap();
    assert!(page.contains("action=\"/spring26/continue/"), "{page}");
    for path in ["//spring26/continue/x", "//evil.example/continue/x"] {
        let (status, location) = get(&site, &host, path.as_bytes()).await;
        assert_eq!(status, 302, "{path}");
        assert!(["/spring26", "/evil"].contains(&&*location), "{location}");
    }
    site.stop().await;
}

/// Old WebViews, and networks that fill macros without escaping.
#[tokio::test]
async fn unescaped_bytes_in_a_url_lose_no_click() {
    let site = Site::start(DESTINATION, json!({}), &[]).await;
    let (host, _) = slug(&site, "spring26").await;
    for (i, (path, sub1, said, stored)) in [
        ("/spring26", &b"\"x\""[..], "%22x%22", "\"x\""),
        ("/spring26", b"<b>", "%3Cb%3E", "<b>"),
        (
            "/spring26",
            "\u{e9}\u{4e2d}".as_bytes(),
            "%C3%A9%E4%B8%AD",
            "\u{e9}\u{4e2d}",
        ),
        ("/spring26", b"caf\xe9", "caf%EF%BF%BD", "caf\u{fffd}"), // Latin-1
        ("/spring26", b"New York", "New%20York", "New York"),
        ("/spring26", b"#tid#", "%23tid%23", "#tid#"),
        ("/spring26", b"a\tb", "a%09b", "a\tb"),
        ("/spring26\"", b"x", "x", "x"),
        ("/spring26>", b"x", "x", "x"),
        ("/spring26\u{200b}", b"x", "x", "x"),
        ("/spring26\u{2026}", b"x", "x", "x"),
        ("/\u{ab}spring26\u{bb}", b"x", "x", "x"),
        ("/spring26 ", b"x", "x", "x"),
        ("/spring26#top", b"x", "x", "x"),
    ]
    .into_iter()
    .enumerate()
    {
        let target = [format!("{path}?source=t{i}&sub1=").as_bytes(), sub1].concat();
        let (status, location) = get(&site, &host, &target).await;
        let shown = String::from_utf8_lossy(&target).into_owned();
        assert_eq!(status, 302, "{shown}");
        assert!(
            location.ends_with(&format!("&s={said}")),
            "{shown}: {location}"
        );
        let sql =
            format!("SELECT count(*) FROM clicks WHERE source = 't{i}' AND sub1 = '{stored}'");
        wait_for(&shown, 1, async || site.test_env.count(&sql).await).await;
    }
    site.stop().await;
}

/// On the way from the short link to the click tracker nothing is lost either.
#[tokio::test]
async fn raw_bytes_are_escaped_on_the_way_to_the_click_tracker() {
    let site = Site::start(DESTINATION, json!({}), &[]).await;
    let link = site.client.mint(&site.tenant).await;
    let (host, path) = split(link["shortUrl"].as_str().unwrap());
    let target = [path.as_bytes(), b"?sub1=\xc3\xa9<\"`&x#y"].concat();
    let (status, location) = get(&site, host, &target).await;
    let tracker = link["clickTrackerUrl"].as_str().unwrap();
    assert_eq!(status, 302);
    assert_eq!(location, format!("{tracker}?sub1=%C3%A9%3C%22`&x%23y"));
    site.stop().await;
}

#[tokio::test]
async fn escaping_changes_no_other_bytes_of_a_connection() {
    let site = Site::start(DESTINATION, json!({}), &[]).await;
    let (host, _) = slug(&site, "spring26").await;
    let statuses = async |requests: String| {
        let answer = answer_to(&site, requests.replace("{host}", &host).as_bytes()).await;
        let parts = answer.split("HTTP/1.1 ").skip(1);
        let statuses: Vec<_> = parts.map(|part| part[..3].to_owned()).collect();
        statuses.join(" ")
    };
    let get = "GET /spring26?sub1=\"x\" HTTP/1.1\r\nHost: {host}\r\n\r\n";
    let last = "GET /spring26?sub1=\"x\" HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n";
    assert_eq!(statuses(format!("{get}{get}{last}")).await, "302 302 302");
    // A body that looks like a request is a body, and the next request is one.
    let body = "click_id=\"GET /spring26 HTTP/1.1\r\n\r\n";
    let post = format!(
        "POST /conv HTTP/1.1\r\nHost: {{host}}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    assert_eq!(statuses(format!("{post}{last}")).await, "400 302");
    // After a body in chunks the connection ends.
    let chunked = format!(
        "POST /conv HTTP/1.1\r\nHost: {{host}}\r\nTransfer-Encoding: chunked\r\n\r\n\
         {:x}\r\n{body}\r\n0\r\n\r\n",
        body.len()
    );
    assert_eq!(statuses(chunked).await, "400");
    site.stop().await;
}
