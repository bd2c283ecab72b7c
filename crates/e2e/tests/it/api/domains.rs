//! Ownership of hosts: proved by a TXT record or a file, or set by an operator.

use std::{
    collections::HashMap,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use e2e::{
    client::{BROWSER, Client, SCOPES, create_account, create_key, split},
    servers::workspace,
    service::{Service, command},
    test_environment::{PLATFORM_CLICK_HOST, TestEnvironment},
    wait::wait_for,
};
use hickory_resolver::proto::{
    op::{Message, ResponseCode},
    rr::{
        RData, Record, RecordType,
        rdata::{A, TXT},
    },
};
use reqwest::{Method, header};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, UdpSocket},
};

use super::{Api, status_and_code};

const PATH: &str = "/api/v2/domains";

/// A name server with the records of a test.
#[derive(Clone, Default)]
struct NameServer {
    texts: Arc<Mutex<HashMap<String, String>>>,
    addresses: Arc<Mutex<HashMap<String, Ipv4Addr>>>,
    is_broken: Arc<AtomicBool>,
}

impl NameServer {
    async fn start() -> (Self, SocketAddr) {
        let server = Self::default();
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let records = server.clone();
        tokio::spawn(async move {
            let mut bytes = [0; 4096];
            while let Ok((len, from)) = socket.recv_from(&mut bytes).await {
                let query = Message::from_vec(&bytes[..len]).unwrap();
                let answer = records.answer(&query).to_vec().unwrap();
                socket.send_to(&answer, from).await.unwrap();
            }
        });
        (server, address)
    }

    fn answer(&self, query: &Message) -> Message {
        let mut answer = Message::response(query.metadata.id, query.metadata.op_code);
        let question = query.queries[0].clone();
        let name = question.name().to_ascii().to_ascii_lowercase();
        let name = name.trim_end_matches('.');
        let data = match question.query_type() {
            RecordType::TXT => {
                let text = self.texts.lock().unwrap().get(name).cloned();
                text.map(|text| RData::TXT(TXT::new(vec![text])))
            }
            RecordType::A => {
                let address = self.addresses.lock().unwrap().get(name).copied();
                address.map(|address| RData::A(A(address)))
            }
            _ => None,
        };
        if self.is_broken.load(Ordering::Relaxed) {
            answer.metadata.response_code = ResponseCode::ServFail;
        } else if data.is_none() {
            answer.metadata.response_code = ResponseCode::NXDomain;
        }
        let records = data.map(|data| Record::from_rdata(question.name().clone(), 300, data));
        answer.add_query(question);
        answer.add_answers(records);
        answer
    }

    fn set_text(&self, name: &Value, value: &Value) {
        let (name, value) = (name.as_str().unwrap(), value.as_str().unwrap());
        let mut texts = self.texts.lock().unwrap();
        texts.insert(name.to_owned(), value.to_owned());
    }

    fn set_address(&self, host: &str, address: [u8; 4]) {
        let mut addresses = self.addresses.lock().unwrap();
        addresses.insert(host.to_owned(), address.into());
    }
}

/// A customer's web server with the files of a test, each a complete response.
#[derive(Clone, Default)]
struct WebServer {
    answers: Arc<Mutex<HashMap<String, String>>>,
    n_connections: Arc<AtomicUsize>,
}

impl WebServer {
    async fn start() -> (Self, u16) {
        let server = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let files = server.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                files.n_connections.fetch_add(1, Ordering::Relaxed);
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    match stream.read_u8().await {
                        Ok(byte) => request.push(byte),
                        Err(_) => break,
                    }
                }
                let request = String::from_utf8(request).unwrap();
                let path = request.split(' ').nth(1).unwrap_or_default();
                let answer = files.answers.lock().unwrap().get(path).cloned();
                let answer = answer.unwrap_or_else(|| with_status("404 Not Found", ""));
                // The client may close the connection early.
                drop(stream.write_all(answer.as_bytes()).await);
            }
        });
        (server, port)
    }

    fn set(&self, path: &str, answer: String) {
        let mut answers = self.answers.lock().unwrap();
        answers.insert(path.to_owned(), answer);
    }
}

fn with_status(status: &str, body: &str) -> String {
    let len = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Length: {len}\r\nConnection: close\r\n\r\n{body}")
}

/// links-api that requires proofs, with a name server and a web server of the test.
struct Internet {
    api: Api,
    names: NameServer,
    web: WebServer,
    client: reqwest::Client,
}

impl Internet {
    async fn start(name: &str, settings: &[(&str, &str)]) -> Self {
        let (names, address) = NameServer::start().await;
        let (web, port) = WebServer::start().await;
        // The tenant's own hosts exist already.
        let Api {
            test_env,
            service,
            tenant,
            ..
        } = Api::start(name).await;
        service.stop();
        let (address, port) = (address.to_string(), port.to_string());
        let own = [
            ("DOMAIN_OWNERSHIP", "proved"),
            ("DOMAIN_DNS_SERVERS", &*address),
            ("DOMAIN_HTTP_PORT", &*port),
            ("DOMAIN_ALLOW_PRIVATE_ADDRESSES", "true"),
        ];
        let settings = [&own[..], settings].concat();
        let service = Service::start("links-api", &["serve"], &test_env.env_with(&settings));
        let client = Client::new(&service, None);
        Self {
            api: Api {
                test_env,
                service,
                client,
                tenant,
            },
            names,
            web,
            client: reqwest::Client::new(),
        }
    }

    async fn claim(&self, host: &str) -> Value {
        let domain = json!({ "host": host, "kind": "short" });
        self.api.create(PATH, domain).await
    }

    async fn get(&self, domain: &Value) -> Value {
        let (status, domain) = self.api.get(&format!("{PATH}/{}", domain["id"])).await;
        assert_eq!(status, 200, "{domain}");
        domain
    }

    /// The domain as it is after a check that begins now: one that is under way may have
    /// begun before, and the next one has not.
    async fn check(&self, domain: &Value) -> Value {
        for _ in 0..2 {
            let before = self.get(domain).await["proof"]["checked_at"].clone();
            self.check_soon(domain).await;
            wait_for("a check", true, async || {
                self.get(domain).await["proof"]["checked_at"] != before
            })
            .await;
        }
        self.get(domain).await
    }

    async fn check_soon(&self, domain: &Value) {
        let path = format!("{PATH}/{}/check", domain["id"]);
        assert_eq!(self.api.post(&path, Value::Null).await.0, 200);
    }

    /// The status of an answer to Caddy.
    async fn ask(&self, query: &str) -> u16 {
        let url = format!("{}/ask{query}", self.api.service.url("origin.address"));
        self.client.get(url).send().await.unwrap().status().as_u16()
    }

    async fn set_ownership(&self, domain: &Value, ownership: &str) -> (u16, Value) {
        let account_id = self.api.tenant.account_id;
        let admin = create_key(&self.api.test_env, account_id, &["admin"]);
        let path = format!("{PATH}/{}/ownership", domain["id"]);
        let body = json!({ "ownership": ownership });
        let client = &self.api.client;
        client.call(&admin, Method::PUT, &path, Some(&body)).await
    }

    /// A list on a domain of this host, and what making a link of it answers.
    async fn link_on(&self, host: &str, phone: &str) -> (u16, Value) {
        let list = json!({ "phone_number": phone, "list_name": host, "short_domain": host });
        // The list may exist already.
        self.api.post("/api/v2/lists", list).await;
        let link = json!({ "url": "https://e.com", "phoneNumber": phone, "slug": "spring" });
        self.api.post("/api/v2/links/shorten", link).await
    }
}

#[tokio::test]
async fn a_domain_is_pending_until_its_txt_record_shows_the_token() {
    let net = Internet::start("txt", &[]).await;
    let host = "s.customer.example";
    let domain = net.claim(host).await;
    assert_eq!(domain["status"], "pending");
    let proof = &domain["proof"];
    let token = proof["dns"]["value"].as_str().unwrap();
    assert!(token.len() >= 32, "{token}");
    assert_eq!(proof["dns"]["name"], format!("_waypost.{host}"));
    assert_eq!(
        proof["http"],
        json!({ "url": format!("http://{host}/.well-known/waypost/{token}"), "body": token })
    );
    // A pending domain cannot be used.
    let refused = async |expected: &str| {
        let answer = net.link_on(host, "+18005550150").await;
        assert_eq!(status_and_code(answer), expected);
    };
    refused("409 no_domain_configured").await;
    assert_eq!(net.ask(&format!("?domain={host}")).await, 404);
    let path = format!("{PATH}/{}", domain["id"]);
    for status in ["active", "disabled"] {
        let answer = net
            .api
            .call(Method::PUT, &path, json!({ "status": status }))
            .await;
        assert_eq!(status_and_code(answer), "409 domain_pending");
    }
    // Another value or another name is no proof.
    let checked = net.check(&domain).await;
    assert_eq!(checked["status"], "pending");
    let error = checked["proof"]["error"].as_str().unwrap();
    assert!(
        error.contains("_waypost.s.customer.example: there is no such record"),
        "{error}"
    );
    net.names.set_text(&json!(host), &proof["dns"]["value"]);
    net.names.set_text(&proof["dns"]["name"], &json!("another"));
    let checked = net.check(&domain).await;
    assert_eq!(checked["status"], "pending");
    let error = checked["proof"]["error"].as_str().unwrap();
    assert!(error.contains("the record has another value"), "{error}");
    // The token proves it.
    net.names
        .set_text(&proof["dns"]["name"], &proof["dns"]["value"]);
    let checked = net.check(&domain).await;
    assert_eq!(checked["status"], "active", "{checked}");
    assert_eq!(checked["proof"]["proved_by"], "dns");
    assert_eq!(checked["proof"]["error"], Value::Null);
    assert_eq!(net.link_on(host, "+18005550150").await.0, 201);
    // Caddy gets 200 for known hosts only.
    for (query, expected) in [
        (format!("?domain={host}"), 200),
        ("?domain=S.Customer.Example.".to_owned(), 200),
        (format!("?domain={PLATFORM_CLICK_HOST}"), 200),
        (format!("?domain={}", net.api.tenant.short_host), 200),
        ("?domain=customer.example".to_owned(), 404),
        ("?domain=..".to_owned(), 404),
        ("?domain=%C3%A9".to_owned(), 404),
        ("?domain=".to_owned(), 404),
        (String::new(), 400),
    ] {
        assert_eq!(net.ask(&query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn a_file_on_the_host_proves_ownership() {
    let net = Internet::start("file", &[]).await;
    let host = "file.customer.example";
    let domain = net.claim(host).await;
    let token = domain["proof"]["http"]["body"].as_str().unwrap();
    let path = format!("/.well-known/waypost/{token}");
    net.names.set_address(host, [127, 0, 0, 1]);
    for (answer, expected) in [
        (with_status("404 Not Found", token), "status 404"),
        (
            with_status("200 OK", "another"),
            "the file does not have the token",
        ),
        (
            with_status("200 OK", ""),
            "the file does not have the token",
        ),
        // A page that echoes the request.
        (
            with_status("200 OK", &format!("No {path} here")),
            "the file does not have the token",
        ),
        (
            with_status("200 OK", &format!("{token}{}", " ".repeat(9999))),
            "more than the token",
        ),
        // A redirect to the right file.
        (
            "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\n\r\n".to_owned(),
            "status 302",
        ),
    ] {
        net.web.set("/elsewhere", with_status("200 OK", token));
        net.web.set(&path, answer);
        let checked = net.check(&domain).await;
        assert_eq!(checked["status"], "pending", "{checked}");
        let error = checked["proof"]["error"].as_str().unwrap();
        assert!(error.contains(expected), "{expected}: {error}");
    }
    net.web
        .set(&path, with_status("200 OK", &format!("{token}\n")));
    let checked = net.check(&domain).await;
    assert_eq!(
        (&checked["status"], &checked["proof"]["proved_by"]),
        (&json!("active"), &json!("http"))
    );
}

/// Clients choose host names: no request goes to this machine or its network.
#[tokio::test]
async fn no_request_goes_to_private_addresses() {
    let settings = [("DOMAIN_ALLOW_PRIVATE_ADDRESSES", "false")];
    let net = Internet::start("private", &settings).await;
    let addresses = [
        [127, 0, 0, 1],
        [10, 0, 0, 1],
        [169, 254, 169, 254],
        [0, 0, 0, 0],
    ];
    for (i, address) in addresses.into_iter().enumerate() {
        let host = format!("private{i}.customer.example");
        net.names.set_address(&host, address);
        let domain = net.claim(&host).await;
        let token = domain["proof"]["http"]["body"].as_str().unwrap();
        net.web.set(
            &format!("/.well-known/waypost/{token}"),
            with_status("200 OK", token),
        );
        let checked = net.check(&domain).await;
        assert_eq!(checked["status"], "pending", "{checked}");
        let error = checked["proof"]["error"].as_str().unwrap();
        assert!(
            error.contains("no address on the public Internet"),
            "{error}"
        );
    }
    assert_eq!(net.web.n_connections.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_pending_claim_does_not_block_other_accounts() {
    let net = Internet::start("claims", &[]).await;
    let host = "wanted.example";
    let client = &net.api.client;
    let account = create_account(&net.api.test_env, "owner");
    let owner = create_key(&net.api.test_env, account, &SCOPES);
    let claimed = net.claim(host).await;
    let again = net
        .api
        .post(PATH, json!({ "host": host, "kind": "click" }))
        .await;
    assert_eq!(status_and_code(again), "409 host_taken");
    // The owner claims the host too, with another token, and proves it.
    let owned = client
        .create(&owner, PATH, &json!({ "host": host, "kind": "short" }))
        .await;
    assert_ne!(
        owned["proof"]["dns"]["value"],
        claimed["proof"]["dns"]["value"]
    );
    let dns = &owned["proof"]["dns"];
    net.names.set_text(&dns["name"], &dns["value"]);
    let path = format!("{PATH}/{}", owned["id"]);
    let check = format!("{path}/check");
    client.call(&owner, Method::POST, &check, None).await;
    wait_for("the proof", json!("active"), async || {
        client.call(&owner, Method::GET, &path, None).await.1["status"].clone()
    })
    .await;
    let checked = net.check(&claimed).await;
    assert_eq!(checked["status"], "pending", "{checked}");
    // While the owner has the host, no other account gets it, whatever the host serves.
    let dns = &claimed["proof"]["dns"];
    net.names.set_text(&dns["name"], &dns["value"]);
    let checked = net.check(&claimed).await;
    assert_eq!(checked["status"], "pending", "{checked}");
    let error = checked["proof"]["error"].as_str().unwrap();
    assert!(error.contains("another account holds"), "{error}");
    let answer = net.set_ownership(&claimed, "approved").await;
    assert_eq!(status_and_code(answer), "409 host_taken");
}

#[tokio::test]
async fn pending_claims_are_limited() {
    let net = Internet::start("limit", &[]).await;
    for i in 0..100 {
        net.claim(&format!("claim{i}.example")).await;
    }
    let body = json!({ "host": "claim100.example", "kind": "short" });
    let answer = net.api.post(PATH, body.clone()).await;
    assert_eq!(status_and_code(answer), "409 too_many_pending_domains");
    net.api
        .sql("DELETE FROM domains WHERE host = 'claim7.example'")
        .await;
    net.api.create(PATH, body).await;
}

/// Ownership is checked regularly. Failures of name servers do not count. After seven failed
/// checks another account can prove the host.
#[tokio::test]
async fn ownership_ends_after_seven_failed_checks() {
    let net = Internet::start("lapse", &[("DOMAIN_CHECK_INTERVAL_S", "1")]).await;
    let mut edge = net.api.test_env.start_edge(&net.api.service);
    let host = "moved.example";
    let domain = net.claim(host).await;
    let dns = &domain["proof"]["dns"];
    net.names.set_text(&dns["name"], &dns["value"]);
    assert_eq!(net.check(&domain).await["status"], "active");
    let (status, link) = net.link_on(host, "+18005550151").await;
    assert_eq!(status, 201);
    let click = async || {
        let (host, path) = split(link["shortUrl"].as_str().unwrap());
        let client = Client::new(&net.api.service, Some(&edge));
        let request = client.edge_request(Method::GET, host, path);
        let response = request.header(header::USER_AGENT, BROWSER).send().await;
        response.unwrap().status().as_u16()
    };
    assert_eq!(click().await, 302);

    net.names.is_broken.store(true, Ordering::Relaxed);
    for _ in 0..10 {
        net.check(&domain).await;
    }
    let checked = net.get(&domain).await;
    assert_eq!(checked["status"], "active", "{checked}");
    let error = checked["proof"]["error"].as_str().unwrap();
    assert!(error.contains("name servers do not answer"), "{error}");
    net.names.is_broken.store(false, Ordering::Relaxed);
    net.names.texts.lock().unwrap().clear();
    let n_failed = "SELECT n_failed_checks::bigint FROM domains WHERE host = 'moved.example'";
    wait_for("six checks", true, async || {
        net.api.test_env.count(n_failed).await >= 6
    })
    .await;
    wait_for("the end", json!("pending"), async || {
        net.get(&domain).await["status"].clone()
    })
    .await;
    assert!(net.api.test_env.count(n_failed).await >= 7);
    // It gets no new links, and existing links redirect.
    let answer = net.link_on(host, "+18005550151").await;
    assert_eq!(status_and_code(answer), "409 no_domain_configured");
    net.api.test_env.forget_records().await;
    assert_eq!(click().await, 302);
    assert_eq!(net.ask(&format!("?domain={host}")).await, 200);

    // This lasts until another account proves the host.
    let account = create_account(&net.api.test_env, "new owner");
    let owner = create_key(&net.api.test_env, account, &SCOPES);
    let body = json!({ "host": host, "kind": "short" });
    let owned = net.api.client.create(&owner, PATH, &body).await;
    let dns = &owned["proof"]["dns"];
    net.names.set_text(&dns["name"], &dns["value"]);
    wait_for("the old link's end", 404, click).await;

    // What changes of it does not bring it back: it has another name, by which it is found.
    let named = "UPDATE links
        SET tracker_host = 'moved.example', tracker_token = gen_random_uuid()
        WHERE short_id = 'spring'";
    net.api.test_env.db.batch_execute(named).await.unwrap();
    let id = link["shortUrl"]
        .as_str()
        .unwrap()
        .rsplit('/')
        .next()
        .unwrap();
    let key = &net.api.tenant.key;
    for status in ["deactivated", "active"] {
        let path = format!("/api/v2/links/{id}");
        let body = json!({ "status": status });
        let (code, answer) = net
            .api
            .client
            .call(key, Method::PATCH, &path, Some(&body))
            .await;
        assert_eq!(code, 200, "{answer}");
    }
    wait_for("the deliveries", 0, async || {
        let sql = "SELECT count(*) FROM changes WHERE delivery IS NULL";
        net.api.test_env.count(sql).await
    })
    .await;
    assert_eq!(click().await, 404);
    // Redis has lost its last delivery id as well.
    edge.expect_in_log("deliveries are missing on the channel");
    edge.stop();
}

#[tokio::test]
async fn an_operator_sets_the_ownership_of_a_host() {
    let net = Internet::start("operator", &[]).await;
    let edge = net.api.test_env.start_edge(&net.api.service);
    let host = "decided.example";
    let domain = net.claim(host).await;
    let path = format!("{PATH}/{}/ownership", domain["id"]);
    let own = net
        .api
        .call(Method::PUT, &path, json!({ "ownership": "approved" }))
        .await;
    assert_eq!(status_and_code(own), "403 insufficient_scope");
    for wrong in ["", "active", "Approved"] {
        assert_eq!(
            status_and_code(net.set_ownership(&domain, wrong).await),
            "400 invalid_field"
        );
    }
    let nothing = json!({ "id": 999_999 });
    assert_eq!(
        status_and_code(net.set_ownership(&nothing, "approved").await),
        "404 not_found"
    );

    let (status, approved) = net.set_ownership(&domain, "approved").await;
    assert_eq!((status, &approved["status"]), (200, &json!("active")));
    assert_eq!(approved["proof"]["ownership"], "approved");
    let (status, link) = net.link_on(host, "+18005550152").await;
    assert_eq!(status, 201);
    let client = Client::new(&net.api.service, Some(&edge));
    let url = link["shortUrl"].as_str().unwrap();
    assert_eq!(client.click(url, BROWSER).await.status, 302);
    // A check would find nothing, and is not made.
    net.check_soon(&domain).await;
    let never = "SELECT count(*) FROM domains WHERE host = 'decided.example' AND check_at IS NULL";
    assert_eq!(net.api.test_env.count(never).await, 1);

    let (status, refused) = net.set_ownership(&domain, "refused").await;
    assert_eq!((status, &refused["status"]), (200, &json!("pending")));
    wait_for("the link's end", 404, async || {
        client.click(url, BROWSER).await.status
    })
    .await;
    assert_eq!(net.ask(&format!("?domain={host}")).await, 404);
    let dns = &domain["proof"]["dns"];
    net.names.set_text(&dns["name"], &dns["value"]);
    net.check_soon(&domain).await;
    assert_eq!(net.get(&domain).await["status"], "pending");

    // Back to what the host shows.
    let (status, _) = net.set_ownership(&domain, "checked").await;
    assert_eq!(status, 200);
    wait_for("the proof", json!("active"), async || {
        net.get(&domain).await["status"].clone()
    })
    .await;
    wait_for("the link", 302, async || {
        client.click(url, BROWSER).await.status
    })
    .await;
    edge.stop();
}

/// The schema in which domains are proved.
const WITH_PROOFS: i32 = 12;

#[tokio::test]
async fn domains_of_older_schemas_stay_active() {
    let test_env = TestEnvironment::new().await;
    let mut db = test_env.connect().await;
    let sql = "DROP SCHEMA public CASCADE; CREATE SCHEMA public";
    db.batch_execute(sql).await.unwrap();
    let folder = workspace().join("crates/postgres/migrations");
    let migrations = refinery::load_sql_migrations(folder).unwrap();
    let before: Vec<_> = migrations
        .into_iter()
        .filter(|migration| migration.version() < WITH_PROOFS)
        .collect();
    let runner = refinery::Runner::new(&before);
    runner.run_async(&mut db).await.unwrap();
    let fill = "
        INSERT INTO accounts (name) VALUES ('before');
        INSERT INTO domains (account_id, host, kind, status)
        SELECT accounts.id, known.status || '.example', 'short', known.status
        FROM accounts, unnest(ARRAY['active', 'disabled']) AS known (status)";
    db.batch_execute(fill).await.unwrap();
    let output = command("links-api", &["migrate"], &test_env.env())
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    let as_before = "SELECT count(*) FROM domains
        WHERE host = status || '.example' AND ownership = 'approved' AND check_at IS NULL";
    assert_eq!(test_env.count(as_before).await, 2);
    let tokens = "SELECT count(DISTINCT proof_token) FROM domains WHERE length(proof_token) = 32";
    assert_eq!(test_env.count(tokens).await, 2);
    // One that is not proved may be claimed beside them, and none may be held twice.
    let claim = "INSERT INTO domains (account_id, host, kind, status)
        SELECT account_id, host, kind, 'STATUS' FROM domains WHERE host = 'active.example'";
    for status in ["active", "pending"] {
        let sql = claim.replace("STATUS", status);
        assert!(
            db.batch_execute(&sql).await.is_err(),
            "the account has it: {status}"
        );
    }
    let other = "INSERT INTO accounts (name) VALUES ('other');
        INSERT INTO domains (account_id, host, kind, status)
        SELECT max(id), 'active.example', 'short', 'STATUS' FROM accounts";
    let pending = db.batch_execute(&other.replace("STATUS", "pending")).await;
    assert!(pending.is_ok(), "{pending:?}");
    assert!(
        db.batch_execute(&other.replace("STATUS", "active"))
            .await
            .is_err()
    );
}
