//! Every way to arrive at a link: verdict, mode, preview page, interstitial,
//! country; and every macro from every source.

use std::net::IpAddr;

use domain::id::{ClickId, LinkKey};
use e2e::{
    client::{BOT, BROWSER, Client, HopResponse, Tenant, parameter, split},
    geoip::{write_asns, write_countries, write_flat_countries},
    service::Service,
    test_environment::{CONFIRMATION_TOKEN_SECRET, TestEnvironment},
    wait::wait_for,
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::{Method, Response, header};
use serde_json::{Value, json};

const WHATSAPP: &str = "WhatsApp/2.24.20.89 A";
const PHONE: &str = "+18005550100";

/// All services, a tenant, and its SMS offer.
pub struct Site {
    pub test_env: TestEnvironment,
    pub tenant: Tenant,
    pub api: Service,
    pub edge: Service,
    pub client: Client,
    worker: Service,
    offer: String,
}

impl Site {
    pub async fn start(destination: &str, offer: Value, settings: &[(&str, &str)]) -> Self {
        let test_env = TestEnvironment::new().await;
        let api = test_env.start_api();
        let tenant = Tenant::create(&test_env, &api, "arrival").await;
        let edge = test_env.start_edge_with(&api, settings);
        let client = Client::new(&api, Some(&edge));
        let worker = test_env.start_worker();
        let mut body = json!({ "name": "offer", "tracking_url": destination });
        merge(&mut body, offer);
        let offer = client.create(&tenant.key, "/api/v2/offers", &body).await;
        Self {
            offer: offer["id"].as_str().unwrap().to_owned(),
            test_env,
            tenant,
            api,
            edge,
            client,
            worker,
        }
    }

    /// A short link of the offer.
    pub async fn link(&self) -> String {
        let body = json!({ "offerId": self.offer, "listId": self.tenant.list_id });
        let link = self
            .client
            .create(&self.tenant.key, "/api/v2/links/shorten", &body)
            .await;
        link["shortUrl"].as_str().unwrap().to_owned()
    }

    async fn put(&self, path: &str, body: Value) {
        let put = Method::PUT;
        let (status, answer) = self
            .client
            .call(&self.tenant.key, put, path, Some(&body))
            .await;
        assert_eq!(status, 200, "{answer}");
    }

    pub async fn change_offer(&self, body: Value) {
        let path = format!("/api/v2/offers/{}", self.offer);
        self.put(&path, body).await;
    }

    /// Makes the account filter bots, as an operator does.
    pub async fn change_account(&self, body: Value) {
        let admin = e2e::client::create_key(&self.test_env, self.tenant.account_id, &["admin"]);
        let path = format!("/api/v2/accounts/{}", self.tenant.account_id);
        let (status, answer) = self
            .client
            .call(&admin, Method::PUT, &path, Some(&body))
            .await;
        assert_eq!(status, 200, "{answer}");
    }

    pub async fn open(&self, url: &str, user_agent: &str) -> Opened {
        Opened::from_response(
            self.request(Method::GET, url, user_agent)
                .send()
                .await
                .unwrap(),
        )
        .await
    }

    fn request(&self, method: Method, url: &str, user_agent: &str) -> reqwest::RequestBuilder {
        let (host, path) = split(url);
        let request = self.client.edge_request(method, host, path);
        request.header(header::USER_AGENT, user_agent)
    }

    /// Opens until it is answered with this status: a change has arrived.
    async fn wait_for_status(&self, url: &str, user_agent: &str, status: u16) {
        wait_for("the change at the redirector", status, async || {
            self.open(url, user_agent).await.status
        })
        .await;
    }

    /// Every click as `reasons [rules] confirmed`, sorted (two may have the
    /// same time); waits until there are so many.
    pub async fn clicks(&self, n: i64) -> Vec<String> {
        wait_for("the clicks", n, async || {
            self.test_env.count("SELECT count(*) FROM clicks").await
        })
        .await;
        let sql =
            "SELECT array_to_string(bot_reasons, ' ') || ' [' || array_to_string(bot_rules, ' ')
                       || ']' || CASE WHEN confirmed THEN ' confirmed' ELSE '' END
                   FROM clicks";
        let rows = self.test_env.db.query(sql, &[]).await.unwrap();
        let mut clicks: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        clicks.sort();
        clicks
    }

    pub fn offer(&self) -> &str {
        &self.offer
    }

    pub async fn stop(self) {
        self.edge.stop();
        self.worker.stop();
        self.api.stop();
    }
}

fn merge(target: &mut Value, with: Value) {
    let (Value::Object(target), Value::Object(with)) = (target, with) else {
        panic!("two objects");
    };
    target.extend(with);
}

pub struct Opened {
    pub status: u16,
    location: Option<String>,
    pub policy: String,
    pub html: String,
}

impl Opened {
    async fn from_response(response: Response) -> Self {
        let hop = HopResponse::from_response(&response);
        let policy = response.headers().get(header::CONTENT_SECURITY_POLICY);
        Self {
            status: hop.status,
            location: hop.location,
            policy: policy
                .map_or("", |value| value.to_str().unwrap())
                .to_owned(),
            html: response.text().await.unwrap(),
        }
    }

    /// What an attribute of the first such element says.
    fn attribute(&self, before: &str) -> String {
        let rest = self
            .html
            .split(before)
            .nth(1)
            .unwrap_or_else(|| panic!("{before}: {}", self.html));
        let value = rest.split('"').next().unwrap();
        value.replace("&#38;", "&").replace("&amp;", "&")
    }

    /// Where the button goes.
    pub fn action(&self) -> String {
        self.attribute("method=\"post\" action=\"")
    }

    fn href(&self) -> String {
        self.attribute("class=\"go\" href=\"")
    }
}

const DESTINATION: &str = "https://example.com/lp?c={click_id}&s={sub1}";

#[tokio::test]
async fn without_a_filter_bots_are_redirected_and_recorded() {
    let site = Site::start(DESTINATION, json!({}), &[]).await;
    let link = site.link().await;
    let beyond_ascii = format!("{BROWSER} Phönix");
    for user_agent in [BROWSER, BOT, WHATSAPP, &beyond_ascii] {
        let opened = site.open(&link, user_agent).await;
        assert_eq!(opened.status, 302, "{user_agent}");
        assert!(
            opened
                .location
                .unwrap()
                .starts_with("https://example.com/lp?c=")
        );
    }
    let request = site.request(Method::GET, &link, BROWSER);
    let prefetch = request.header("Sec-Purpose", "prefetch;prerender");
    assert_eq!(prefetch.send().await.unwrap().status(), 302);
    let (host, path) = split(&link);
    let plain = site.client.edge_request(Method::GET, host, path);
    assert_eq!(plain.send().await.unwrap().status(), 302);
    let clicks = site.clicks(6).await;
    assert_eq!(
        clicks,
        [
            " []",
            " []",
            "link_preview [crawler-user-agents:WhatsApp]",
            "prefetch [sec_purpose]",
            "ua_bot [crawler-user-agents:Googlebot/]",
            "ua_missing [no_user_agent]",
        ]
    );
    let devices = "SELECT count(*) FROM clicks
                   WHERE user_agent = $1 AND device = 'mobile' AND os = 'iOS' AND browser = 'Mobile Safari'";
    let row = site
        .test_env
        .db
        .query_one(devices, &[&BROWSER])
        .await
        .unwrap();
    assert_eq!(row.get::<_, i64>(0), 2);
    site.stop().await;
}

#[tokio::test]
async fn with_a_filter_a_suspected_bot_must_press_continue() {
    let site = Site::start(DESTINATION, json!({ "filter_bots": true }), &[]).await;
    let link = site.link().await;
    let url = format!("{link}?sub1=a%26b&other=\"><script>");

    assert_eq!(
        site.open(&url, BROWSER).await.status,
        302,
        "a person is not asked"
    );
    let page = site.open(&url, BOT).await;
    assert_eq!((page.status, page.location.as_deref()), (200, None));
    assert!(
        !page.html.contains("example.com"),
        "it does not say where: {}",
        page.html
    );
    assert!(!page.html.contains("<script"), "{}", page.html);
    assert!(
        page.policy.contains("form-action 'self' https: http:"),
        "{}",
        page.policy
    );
    // HEAD as GET, without the body.
    let head = Opened::from_response(
        site.request(Method::HEAD, &url, BROWSER)
            .send()
            .await
            .unwrap(),
    )
    .await;
    assert_eq!((head.status, head.html.as_str()), (200, ""));

    let (host, path) = split(&link);
    let action = page.action();
    assert!(action.starts_with(&format!("{path}/continue/")), "{action}");
    let press = async || {
        let request = site.client.edge_request(Method::POST, host, &action);
        Opened::from_response(
            request
                .header(header::USER_AGENT, BOT)
                .send()
                .await
                .unwrap(),
        )
        .await
    };
    let sent = press().await;
    let destination = sent.location.unwrap();
    assert_eq!(sent.status, 302);
    assert_eq!(parameter(&destination, "s").unwrap(), "a&b");
    // Pressed twice, it is the same click.
    assert_eq!(press().await.location.unwrap(), destination);

    let clicks = site.clicks(4).await;
    assert_eq!(
        clicks,
        [
            " []",
            " [] confirmed",
            "head_method [head]",
            "ua_bot [crawler-user-agents:Googlebot/]",
        ]
    );
    let confirmed = ClickId::parse(&parameter(&destination, "c").unwrap()).unwrap();
    let sql = "SELECT count(*) FROM clicks WHERE click_id = $1 AND confirmed AND NOT is_bot AND sub1 = 'a&b'";
    let row = site
        .test_env
        .db
        .query_one(sql, &[&confirmed.as_uuid()])
        .await
        .unwrap();
    assert_eq!(row.get::<_, i64>(0), 1);
    // And is credited as a person's.
    wait_for("the message clicks", 2, async || {
        site.test_env
            .count("SELECT count(*) FROM message_clicks")
            .await
    })
    .await;
    site.stop().await;
}

#[tokio::test]
async fn a_confirmation_token_is_valid_for_ten_minutes_and_its_link() {
    let site = Site::start(DESTINATION, json!({ "filter_bots": true }), &[]).await;
    let (link, other) = (site.link().await, site.link().await);
    let (host, path) = split(&link);
    let (_, other_path) = split(&other);
    let press = async |path: &str, token: &str| {
        let path = format!("{path}/continue/{token}?sub1=a");
        Opened::from_response(
            site.client
                .edge_request(Method::POST, host, &path)
                .send()
                .await
                .unwrap(),
        )
        .await
    };
    let action = site.open(&link, BOT).await.action();
    let token = action.rsplit('/').next().unwrap();
    for (path, token) in [
        (other_path, token),
        (path, "x"),
        (path, &token.replace('-', "")),
    ] {
        assert_eq!(press(path, token).await.status, 404, "{path} {token}");
    }

    let sql = "SELECT id FROM links WHERE short_id = $1";
    let row = site
        .test_env
        .db
        .query_one(sql, &[&&path[1..]])
        .await
        .unwrap();
    let key = LinkKey(row.get(0));
    let minutes_ago = |minutes: i64| {
        let time = jiff::Timestamp::now() - jiff::SignedDuration::from_mins(minutes);
        let unix_ms = u64::try_from(time.as_millisecond()).unwrap();
        signed(key, ClickId::generate(unix_ms, &mut rand::rng()))
    };
    let late = press(path, &minutes_ago(11)).await;
    assert_eq!(late.status, 410);
    assert_eq!(late.href(), format!("{path}?sub1=a"));
    assert_eq!(press(path, &minutes_ago(9)).await.status, 302);

    // From the address bar: the link itself.
    let again = site.open(&format!("https://{host}{action}"), BOT).await;
    assert_eq!(again.location.as_deref(), Some(path));
    let (status, allow) = {
        let request = site.client.edge_request(Method::PUT, host, &action);
        let response = request.send().await.unwrap();
        (response.status(), response.headers()[header::ALLOW].clone())
    };
    assert_eq!((status.as_u16(), allow.to_str().unwrap()), (405, "POST"));
    // A page that was shown, and one that was continued from.
    assert_eq!(site.clicks(2).await.len(), 2);
    site.stop().await;
}

/// As crates/edge-redirector/src/click/proof.rs documents it.
fn signed(link: LinkKey, click_id: ClickId) -> String {
    let mut mac =
        Hmac::<sha2::Sha256>::new_from_slice(CONFIRMATION_TOKEN_SECRET.as_bytes()).unwrap();
    mac.update(b"continue");
    mac.update(&link.0.to_be_bytes());
    mac.update(click_id.as_uuid().as_bytes());
    let tag = mac.finalize().into_bytes();
    let tag = domain::hex::encode(&tag[..16]);
    format!("{click_id}{tag}")
}

#[tokio::test]
async fn the_offers_filter_overrides_the_accounts() {
    let site = Site::start(DESTINATION, json!({}), &[]).await;
    let link = site.link().await;
    assert_eq!(site.open(&link, BOT).await.status, 302);
    site.change_account(json!({ "bot_filter_mode": "filter" }))
        .await;
    site.wait_for_status(&link, BOT, 200).await;
    site.change_offer(json!({ "filter_bots": false })).await;
    site.wait_for_status(&link, BOT, 302).await;
    site.change_account(json!({ "bot_filter_mode": "no_filter" }))
        .await;
    site.change_offer(json!({ "filter_bots": true })).await;
    site.wait_for_status(&link, BOT, 200).await;

    // A link without an offer has the account's.
    let body = json!({ "url": "https://example.com/own", "listId": site.tenant.list_id });
    let path = "/api/v2/links/shorten";
    let own = site.client.create(&site.tenant.key, path, &body).await;
    let own = own["shortUrl"].as_str().unwrap();
    assert_eq!(site.open(own, BOT).await.status, 302);
    site.change_account(json!({ "bot_filter_mode": "filter" }))
        .await;
    site.wait_for_status(own, BOT, 200).await;
    site.stop().await;
}

const TITLE: &str = "<script>alert(1)</script>";
const CTA: &str = "Go \"now\" 'here' <b>";

fn page() -> Value {
    json!({
        "title": TITLE,
        "description": "Two lines\n& more",
        "cta": CTA,
        "meta_tags": { "og:image": "https://example.com/a.png\" onload=\"x", "viewport": "width=9999" },
    })
}

#[tokio::test]
async fn an_interstitial_is_shown_before_the_destination() {
    let offer = json!({ "interstitial": { "mode": "custom", "page": page() } });
    let site = Site::start(DESTINATION, offer, &[]).await;
    let link = site.link().await;
    let opened = site.open(&format!("{link}?sub1=x"), BROWSER).await;
    assert_eq!(opened.status, 200);
    let text = |text: &str| {
        text.replace('&', "&#38;")
            .replace('<', "&#60;")
            .replace('>', "&#62;")
            .replace('"', "&#34;")
            .replace('\'', "&#39;")
    };
    assert!(
        opened.html.contains(&format!("<h1>{}</h1>", text(TITLE))),
        "{}",
        opened.html
    );
    assert!(
        opened.html.contains(&format!(">{}</a>", text(CTA))),
        "{}",
        opened.html
    );
    assert!(
        opened.html.contains(
            "property=\"og:image\" content=\"https://example.com/a.png&#34; onload=&#34;x\""
        ),
        "{}",
        opened.html
    );
    assert!(
        !opened.html.contains("9999") && !opened.html.contains("<script"),
        "{}",
        opened.html
    );
    assert!(
        opened.policy.contains("form-action 'none'"),
        "{}",
        opened.policy
    );
    assert!(!opened.policy.contains("unsafe"), "{}", opened.policy);
    // Counted on arrival: the button is the destination itself.
    let destination = opened.href();
    let click_id = parameter(&destination, "c").unwrap();
    assert_eq!(
        destination,
        format!("https://example.com/lp?c={click_id}&s=x")
    );
    assert_eq!(site.clicks(1).await, [" []"]);

    // The list's page, where the offer says so.
    let list = format!("/api/v2/lists/{}", site.tenant.list_id);
    site.change_offer(json!({ "interstitial": { "mode": "list_default" } }))
        .await;
    site.wait_for_status(&link, BROWSER, 302).await;
    site.put(
        &list,
        json!({ "interstitial": { "title": "From the list" } }),
    )
    .await;
    site.wait_for_status(&link, BROWSER, 200).await;
    let opened = site.open(&link, BROWSER).await;
    assert!(
        opened.html.contains("<h1>From the list</h1>") && opened.html.contains(">Continue</a>")
    );

    // The verdict comes first, and behind the button the interstitial.
    site.change_offer(json!({ "filter_bots": true })).await;
    wait_for("the filter", true, async || {
        site.open(&link, BOT).await.html.contains("<form")
    })
    .await;
    let action = site.open(&link, BOT).await.action();
    let (host, _) = split(&link);
    let request = site.client.edge_request(Method::POST, host, &action);
    let opened = Opened::from_response(request.send().await.unwrap()).await;
    assert_eq!(opened.status, 200);
    assert!(opened.href().starts_with("https://example.com/lp?c="));
    site.stop().await;
}

#[tokio::test]
async fn a_link_preview_gets_the_meta_tags_of_the_link() {
    let offer = json!({ "interstitial": { "mode": "none", "page": { "title": "A \"sale\"", "description": "All of it" } } });
    let site = Site::start(DESTINATION, offer, &[]).await;
    let link = site.link().await;
    assert_eq!(site.open(&link, BROWSER).await.status, 302);
    assert_eq!(
        site.open(&link, BOT).await.status,
        302,
        "a crawler is no preview"
    );
    let tags = "<meta property=\"og:title\" content=\"A &#34;sale&#34;\">\n\
                <meta property=\"og:description\" content=\"All of it\">";
    let opened = site.open(&link, WHATSAPP).await;
    assert_eq!(opened.status, 200);
    assert!(opened.html.contains(tags), "{}", opened.html);
    site.change_offer(json!({ "filter_bots": true })).await;
    wait_for("the filter", true, async || {
        let opened = site.open(&link, WHATSAPP).await;
        opened.html.contains(tags) && opened.html.contains("<form")
    })
    .await;
    site.stop().await;
}

/// Requests from here are believed to be a proxy's.
const PROXIED: (&str, &str) = ("TRUSTED_PROXIES", "127.0.0.0/8");
const SOON: (&str, &str) = ("FILE_RELOAD_INTERVAL_MS", "20");

#[tokio::test]
async fn country_and_network_databases_are_used_and_reloaded() {
    let folder = tempfile::tempdir().unwrap();
    let (countries, asns) = (folder.path().join("c.mmdb"), folder.path().join("a.mmdb"));
    write_countries(
        &countries,
        &[("203.0.113.0/24", "US"), ("198.51.100.0/24", "VN")],
    );
    write_asns(&asns, &[("192.0.2.0/24", 16_509)]);
    let files = [
        ("GEOIP_COUNTRY_DB", countries.to_str().unwrap()),
        ("GEOIP_ASN_DB", asns.to_str().unwrap()),
        PROXIED,
        SOON,
    ];
    let site = Site::start(
        "https://example.com/lp?cc={country_code}",
        json!({}),
        &files,
    )
    .await;
    site.change_account(json!({ "allowed_countries": ["US"], "blocked_countries": ["CA"] }))
        .await;
    let link = site.link().await;
    let from = async |ip: &str| {
        let request = site.request(Method::GET, &link, BROWSER);
        let request = request.header("X-Forwarded-For", ip);
        let url = HopResponse::from_response(&request.send().await.unwrap()).destination();
        url.split("cc=").nth(1).unwrap().to_owned()
    };
    for (ip, country) in [
        ("203.0.113.9", "US"),
        ("198.51.100.9", "VN"),
        ("192.0.2.9", ""),
        ("2001:db8::1", ""),
    ] {
        assert_eq!(from(ip).await, country, "{ip}");
    }
    assert_eq!(
        site.clicks(4).await,
        [
            " []",
            " []",
            "bad_country [allowed_countries]",
            "datacenter_ip [cloud_network]",
        ]
    );
    let sql = "SELECT ip, asn, country FROM clicks WHERE asn IS NOT NULL";
    let row = site.test_env.db.query_one(sql, &[]).await.unwrap();
    assert_eq!(row.get::<_, IpAddr>("ip").to_string(), "192.0.2.9");
    assert_eq!(
        (
            row.get::<_, i64>("asn"),
            row.get::<_, Option<&str>>("country")
        ),
        (16_509, None)
    );

    // The other form of record, put in its place while it runs.
    write_flat_countries(&countries, &[("203.0.113.0/24", "CA")]);
    wait_for("the new database", "CA".to_owned(), async || {
        from("203.0.113.9").await
    })
    .await;
    // A damaged one is said, and not used.
    let mut site = site;
    site.edge.expect_in_log("reloading a file failed");
    std::fs::write(&countries, b"half a fi").unwrap();
    let warning = "reloading a file failed, keeping the previous version";
    assert_eq!(site.edge.wait_for_log(warning)["file"], "GEOIP_COUNTRY_DB");
    let request = site.request(Method::GET, &link, BROWSER);
    let request = request.header("X-Forwarded-For", "203.0.113.9");
    assert!(
        HopResponse::from_response(&request.send().await.unwrap())
            .destination()
            .ends_with("cc=CA")
    );
    site.stop().await;
}

#[tokio::test]
async fn operator_rules_are_used_and_reloaded() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rules.toml");
    let rule = |name: &str, word: &str| {
        format!("[[rule]]\nname = '{name}'\nreason = 'ua_bot'\nuser_agent = ['{word}']\n")
    };
    // Replaced atomically, so that no half of it is read.
    let write = |text: &str| {
        let new = folder.path().join("new");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(new, &file).unwrap();
    };
    write(&rule("first", "Model X"));
    let settings = [("BOT_RULES_FILE", file.to_str().unwrap()), SOON];
    let mut site = Site::start(DESTINATION, json!({ "filter_bots": true }), &settings).await;
    let link = site.link().await;
    let (x, y) = ("Phone of Model X", "Phone of Model Y");
    assert_eq!(site.open(&link, x).await.status, 200);
    assert_eq!(site.open(&link, y).await.status, 302);
    write(&rule("second", "Model Y"));
    site.wait_for_status(&link, y, 200).await;
    assert_eq!(
        site.open(&link, x).await.status,
        302,
        "the cached match is discarded"
    );
    site.edge.expect_in_log("reloading a file failed");
    write("[[rule]]\nname = 'third'\n");
    let warning = "reloading a file failed, keeping the previous version";
    let error = site.edge.wait_for_log(warning)["error.message"].to_string();
    assert!(error.contains("missing field `reason`"), "{error}");
    assert_eq!(site.open(&link, y).await.status, 200);
    site.stop().await;
}

/// Every macro there is.
const ALL: &str = "https://example.com/all?c={click_id}&t={transaction_id}&a={affiliate_id}\
    &o={offer_id}&n={account_id}&s1={sub1}&s2={sub2}&s3={sub3}&s4={sub4}&s5={sub5}&so={source}\
    &cr={creative}&co={cost}&ip={ip}&ua={user_agent}&dt={datetime}&cc={country_code}&l={link_id}\
    &m={message_id}&li={list_id}&de={device}&os={os}&br={browser}&r={referrer}&ts={timestamp}\
    &send={{sendId}}&msg={{messageId}}&ph={{contact.phone}}&oid={{offerId}}&x={{externalId}}\
    &cid={{click_id}}&u={unknown}";

/// A partnership link over both hops and in one, and a creative's link with
/// everything that can be bound.
#[tokio::test]
async fn every_macro_of_every_source_is_expanded_on_one_and_two_hops() {
    let folder = tempfile::tempdir().unwrap();
    let countries = folder.path().join("c.mmdb");
    write_countries(&countries, &[("203.0.113.0/24", "US")]);
    let settings = [("GEOIP_COUNTRY_DB", countries.to_str().unwrap()), PROXIED];
    let fields = json!({ "external_id": "x-1", "affiliate_id": "aff7" });
    let site = Site::start(ALL, fields, &settings).await;
    let click = async |url: &str, query: &str| {
        let request = site.request(Method::GET, &format!("{url}?{query}"), BROWSER);
        let request = request.header(header::REFERER, "https://ref.example/");
        let request = request.header("X-Forwarded-For", "203.0.113.9");
        HopResponse::from_response(&request.send().await.unwrap()).destination()
    };
    let forged = "click_id=f&transaction_id=f&offer_id=f&account_id=f&affiliate_id=f&ip=6.6.6.6\
                  &user_agent=f&datetime=f&country_code=XX&link_id=f&message_id=f&list_id=f&device=f";
    let check = |url: &str, expected: &[(&str, &str)]| {
        let value = |name: &str| parameter(url, name).unwrap_or_else(|| panic!("{name}: {url}"));
        let click_id = ClickId::parse(&value("c")).unwrap();
        let time = click_id.time();
        let always = [
            ("t", click_id.to_string()),
            ("cid", click_id.to_string()),
            ("n", site.tenant.account_id.to_string()),
            ("li", site.tenant.list_id.to_string()),
            ("ip", "203.0.113.9".to_owned()),
            ("ua", BROWSER.to_owned()),
            ("cc", "US".to_owned()),
            ("dt", time.to_string()),
            ("ts", time.as_second().to_string()),
            ("de", "mobile".to_owned()),
            ("os", "iOS".to_owned()),
            ("br", "Mobile Safari".to_owned()),
            ("r", "https://ref.example/".to_owned()),
            ("u", "{unknown}".to_owned()),
        ];
        for (name, expected) in always {
            assert_eq!(value(name), expected, "{name}: {url}");
        }
        for (name, expected) in expected {
            assert_eq!(value(name), *expected, "{name}: {url}");
        }
    };

    // A creative's link: all that can be bound to it, and the query over that.
    let message = json!({
        "name": "creative",
        "message": "Now: {{link1}}",
        "offer_links": [{ "key": "link1", "offer_id": site.offer, "url_params":
            { "sub1": "b1", "sub2": "b2", "source": "bsource", "cost": "0.01" } }],
    });
    let key = &site.tenant.key;
    let creative = site.client.create(key, "/api/v2/creatives", &message).await;
    let creative = creative["creative"]["id"].to_string();
    let render = json!({ "listId": site.tenant.list_id, "messages":
        [{ "messageId": "msg-1", "contactPhone": PHONE }] });
    let path = format!("/api/v2/creatives/{creative}/render");
    let (status, rendered) = site
        .client
        .call(key, Method::POST, &path, Some(&render))
        .await;
    assert_eq!(status, 201, "{rendered}");
    let link = rendered["messages"][0]["links"]["link1"].as_str().unwrap();
    let id = link.rsplit('/').next().unwrap();
    let bound = [
        ("l", id),
        ("a", "aff7"),
        ("o", &site.offer),
        ("oid", &site.offer),
        ("x", "x-1"),
        ("m", "msg-1"),
        ("msg", "msg-1"),
        ("send", "msg-1"),
        ("ph", PHONE),
    ];
    let url = click(link, forged).await;
    check(&url, &bound);
    check(
        &url,
        &[
            ("s1", "b1"),
            ("s2", "b2"),
            ("s3", ""),
            ("so", "bsource"),
            ("co", "0.01"),
            ("cr", &creative),
        ],
    );
    let query =
        format!("sub1=q1&sub1=again&sub3=q3&sub4=&sub5=q5&source=q&creative=qc&cost=2&{forged}");
    let url = click(link, &query).await;
    check(&url, &bound);
    check(
        &url,
        &[
            ("s1", "q1"),
            ("s2", "b2"),
            ("s3", "q3"),
            ("s4", ""),
            ("s5", "q5"),
            ("so", "q"),
            ("co", "2"),
            ("cr", "qc"),
        ],
    );

    // A partnership link, over both hops and then in one.
    let offer = json!({ "name": "p", "destination_url_template": ALL, "affiliate_id": "aff42",
        "external_offer_id": "x-2" });
    let offer = site
        .client
        .create(key, "/api/v2/partnership-offers", &offer)
        .await;
    let offer = offer["id"].as_str().unwrap();
    let body = json!({ "offerId": offer, "listId": site.tenant.list_id });
    let link = site.client.create(key, "/api/v2/links", &body).await;
    let (short, id) = (
        link["shortUrl"].as_str().unwrap(),
        link["linkId"].as_str().unwrap(),
    );
    let expected = [
        ("l", id),
        ("a", "aff42"),
        ("o", offer),
        ("x", "x-2"),
        ("m", ""),
        ("ph", ""),
        ("s1", "q1"),
        ("s2", ""),
        ("so", "q"),
        ("cr", "qc"),
        ("co", "2"),
    ];
    let tracker = click(short, &query).await;
    let (base, kept) = tracker.split_once('?').unwrap();
    assert_eq!(
        (base, kept),
        (link["clickTrackerUrl"].as_str().unwrap(), query.as_str())
    );
    check(&click(base, kept).await, &expected);
    site.put(
        &format!("/api/v2/lists/{}", site.tenant.list_id),
        json!({ "collapse_hops": true }),
    )
    .await;
    wait_for("one hop", true, async || {
        click(short, &query)
            .await
            .starts_with("https://example.com/all")
    })
    .await;
    check(&click(short, &query).await, &expected);
    check(&click(base, &query).await, &expected);
    site.stop().await;
}

/// No macro of the click in the template: what has a value is appended, before
/// the fragment, unless the template spells it out.
#[tokio::test]
async fn parameters_are_appended_on_one_and_two_hops() {
    let template = "https://example.com/lp?source=own&aff={{externalId}}#part";
    let site = Site::start(template, json!({ "external_id": "x" }), &[]).await;
    let check = async |url: &str| {
        let url = format!("{url}?sub2=b%20b&sub1=&source=q&creative=c&cost=1&other=o");
        let found = site.open(&url, BROWSER).await.location.unwrap();
        let click_id = parameter(&found, "click_id").unwrap();
        let expected =
            format!("https://example.com/lp?source=own&aff=x&click_id={click_id}&sub2=b%20b#part");
        assert_eq!(found, expected);
    };
    check(&site.link().await).await;
    let offer =
        json!({ "name": "p", "destination_url_template": template, "external_offer_id": "x" });
    let key = &site.tenant.key;
    let offer = site
        .client
        .create(key, "/api/v2/partnership-offers", &offer)
        .await;
    let body = json!({ "offerId": offer["id"], "listId": site.tenant.list_id });
    let link = site.client.create(key, "/api/v2/links", &body).await;
    check(link["clickTrackerUrl"].as_str().unwrap()).await;
    site.stop().await;
}
