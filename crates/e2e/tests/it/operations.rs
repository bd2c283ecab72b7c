//! What an operator relies on: settings, health, metrics, logs, traces, and a
//! good end.

use std::sync::{Arc, Mutex};

use e2e::{
    client::{BROWSER, Client, Tenant},
    service::{Env, Service, command},
    test_environment::TestEnvironment,
    wait::wait_for,
};
use reqwest::header;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

const SERVICES: [(&str, &[&str]); 3] = [
    ("links-api", &["serve"]),
    ("edge-redirector", &[]),
    ("click-worker", &["serve"]),
];

/// All crates of the workspace have the same.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What a service says when it does not start: exit code and standard error.
fn failed_start(name: &str, args: &[&str], env: &Env) -> (Option<i32>, String) {
    let output = command(name, args, env).output().unwrap();
    (
        output.status.code(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[tokio::test]
async fn a_missing_setting_stops_the_start_with_one_sentence() {
    let test_env = TestEnvironment::new().await;
    for (name, args) in SERVICES {
        let mut env = test_env.env();
        env.insert("ORIGIN_URL".to_owned(), "http://127.0.0.1:1".to_owned());
        let needed: &[&str] = match name {
            "links-api" => &[
                "DATABASE_URL",
                "REDIS_URL",
                "ORIGIN_TOKEN",
                "PLATFORM_CLICK_HOST",
            ],
            "edge-redirector" => &[
                "REDIS_URL",
                "AMQP_URL",
                "ORIGIN_URL",
                "ORIGIN_TOKEN",
                "SPOOL_DIR",
            ],
            _ => &["DATABASE_URL", "AMQP_URL", "VISITOR_KEY"],
        };
        for missing in needed {
            let mut env = env.clone();
            env.remove(*missing);
            let (code, said) = failed_start(name, args, &env);
            assert_eq!(code, Some(2), "{name} without {missing}");
            assert_eq!(said.lines().count(), 1, "{said}");
            assert!(
                said.starts_with(&format!("{name}: {missing} (or --")),
                "{said}"
            );
        }
    }
}

#[tokio::test]
async fn an_invalid_setting_is_named_and_a_secret_is_not_shown() {
    let test_env = TestEnvironment::new().await;
    for (name, args, setting, value, shown) in [
        ("links-api", &["serve"][..], "API_BIND", "nowhere", true),
        (
            "links-api",
            &["serve"],
            "DATABASE_URL",
            "hunter2://x",
            false,
        ),
        ("links-api", &["serve"], "ORIGIN_TOKEN", "hunter2", false),
        ("edge-redirector", &[], "SPOOL_SYNC", "sometimes", true),
        ("edge-redirector", &[], "TRUSTED_PROXIES", "everybody", true),
        ("edge-redirector", &[], "PROXY_HEADER", "via", true),
        ("edge-redirector", &[], "PROXY_PROTOCOL", "v1", true),
        ("edge-redirector", &[], "LOCAL_CACHE_BYTES", "1", true),
        (
            "edge-redirector",
            &[],
            "AMQP_URL",
            "http://hunter2@x",
            false,
        ),
        ("edge-redirector", &[], "EDGE_WORKERS", "0", true),
        (
            "edge-redirector",
            &[],
            "CONFIRMATION_TOKEN_SECRET",
            "hunter2",
            false,
        ),
        ("edge-redirector", &[], "TRACE_RATIO", "2", true),
        ("click-worker", &["serve"], "VISITOR_KEY", "hunter2", false),
        ("click-worker", &["serve"], "PREFETCH", "100000", true),
    ] {
        let mut env = test_env.env();
        env.insert("ORIGIN_URL".to_owned(), "http://127.0.0.1:1".to_owned());
        env.insert(setting.to_owned(), value.to_owned());
        let (code, said) = failed_start(name, args, &env);
        assert_eq!(code, Some(2), "{setting}={value}: {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(
            said.starts_with(&format!("{name}: {setting} has a value")),
            "{said}"
        );
        assert_eq!(said.contains(&format!("{value:?}")), shown, "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}

/// A scheme or an option that cannot be kept must not mean something else without a word:
/// amqps:// was spoken in clear.
#[tokio::test]
async fn an_unsupported_url_stops_the_start_with_the_reason() {
    let test_env = TestEnvironment::new().await;
    let urls = [
        ("AMQP_URL", "amqps://u:hunter2@h/%2f", "TLS"),
        ("AMQP_URL", "amqp://u:hunter2@a,amqps://u:hunter2@b", "TLS"),
        ("AMQP_URL", "amqp://u:hunter2@h?verify=hunter2", "not known"),
        ("AMQP_URL", "amqp://u:hunter2@h?hunter2=x", "not known"),
        ("AMQP_URL", "h,h:5672", "begin with amqp://"),
        ("REDIS_URL", "rediss://u:hunter2@h", "TLS"),
        ("REDIS_URL", "redis://u:hunter2@h?ssl=true", "not known"),
        ("REDIS_URL", "redis://a,b", "one host"),
        (
            "DATABASE_URL",
            "postgres://u:hunter2@h/d?sslmode=require",
            "TLS",
        ),
        (
            "DATABASE_URL",
            "postgres://u:hunter2@h/d?hunter2=1",
            "known",
        ),
        ("ORIGIN_URL", "https://h", "TLS"),
        ("ORIGIN_URL", "http://a,b", "one host"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://h:4318", "TLS"),
        (
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "h:4318",
            "begin with http://",
        ),
    ];
    for (name, args) in SERVICES {
        for (setting, value, why) in urls {
            let is_read = match name {
                "links-api" => !["AMQP_URL", "ORIGIN_URL"].contains(&setting),
                "edge-redirector" => setting != "DATABASE_URL",
                _ => !["REDIS_URL", "ORIGIN_URL"].contains(&setting),
            };
            if !is_read {
                continue;
            }
            let mut env = test_env.env();
            env.insert("ORIGIN_URL".to_owned(), "http://127.0.0.1:1".to_owned());
            env.insert(setting.to_owned(), value.to_owned());
            let (code, said) = failed_start(name, args, &env);
            assert_eq!(code, Some(2), "{name} {setting}={value}: {said}");
            assert_eq!(said.lines().count(), 1, "{said}");
            assert!(
                said.starts_with(&format!("{name}: {setting} has a value")),
                "{said}"
            );
            assert!(said.contains(why), "{setting}={value}: {said}");
            assert!(!said.contains("hunter2"), "{said}");
        }
    }
}

#[tokio::test]
async fn the_first_writable_host_of_several_is_used() {
    let test_env = TestEnvironment::new().await;
    let url = test_env.env()["DATABASE_URL"].clone();
    let (user, rest) = url.split_once('@').unwrap();
    let (host, database) = rest.split_once('/').unwrap();
    let url = format!("{user}@127.0.0.1:1,{host}/{database}?target_session_attrs=read-write");
    let env = test_env.env_with(&[("DATABASE_URL", &url)]);
    let api = Service::start("links-api", &["serve"], &env);
    let tenant = Tenant::create(&test_env, &api, "hosts").await;
    Client::new(&api, None).mint(&tenant).await;
    api.stop();
    for (name, args) in SERVICES {
        if name == "edge-redirector" {
            continue;
        }
        let args = [args, &["--help"]].concat();
        let help = command(name, &args, &env).output().unwrap();
        let help = String::from_utf8(help.stdout).unwrap();
        assert!(help.contains("target_session_attrs"), "{name}: {help}");
    }
}

#[tokio::test]
async fn an_unusable_file_stops_the_start_with_a_sentence() {
    let test_env = TestEnvironment::new().await;
    let file = test_env.folder.path().join("file");
    std::fs::write(&file, "[[rule]]\nname = 'x'\nreason = 'ua_bot'\n").unwrap();
    for (setting, expected) in [
        (
            "BOT_RULES_FILE",
            "has invalid rules: the rule \\\"x\\\": it has no condition",
        ),
        ("GEOIP_COUNTRY_DB", "cannot be used: invalid database"),
        ("GEOIP_ASN_DB", "cannot be used: invalid database"),
    ] {
        let mut env = test_env.env();
        env.insert("ORIGIN_URL".to_owned(), "http://127.0.0.1:1".to_owned());
        env.insert(setting.to_owned(), file.display().to_string());
        let output = command("edge-redirector", &[], &env).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let said = String::from_utf8(output.stdout).unwrap();
        let sentence = format!("{setting}: {} {expected}", file.display());
        assert!(said.contains(&sentence), "{said}");
    }
}

#[tokio::test]
async fn an_old_schema_and_a_spool_in_use_stop_the_start_with_a_sentence() {
    let test_env = TestEnvironment::new().await;
    let api = test_env.start_api();
    let edge = test_env.start_edge(&api);
    let mut env = test_env.env();
    env.insert("ORIGIN_URL".to_owned(), "http://127.0.0.1:1".to_owned());
    let output = command("edge-redirector", &[], &env).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("is used by another process"), "{said}");
    edge.stop();
    api.stop();
    test_env
        .db
        .batch_execute("DELETE FROM refinery_schema_history WHERE version > 1")
        .await
        .unwrap();
    for (name, args) in [("links-api", &["serve"][..]), ("click-worker", &["serve"])] {
        let output = command(name, args, &test_env.env()).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{name}");
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(said.contains("run `links-api migrate`"), "{said}");
    }
}

#[test]
fn every_service_prints_its_version_and_commit() {
    for (name, _) in SERVICES {
        let output = command(name, &["--version"], &Env::new()).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{name}");
        assert!(text.starts_with(&format!("{name} {VERSION} (")), "{text}");
    }
}

#[tokio::test]
async fn help_documents_every_setting() {
    for (name, args) in SERVICES {
        let help = command(name, &[args, &["--help"]].concat(), &Env::new())
            .output()
            .unwrap();
        assert!(help.status.success());
        let help = String::from_utf8(help.stdout).unwrap();
        let mut n_settings = 0;
        let lines: Vec<_> = help.lines().collect();
        for (i, line) in lines.iter().enumerate() {
            let flag = line.trim_start();
            if !flag.starts_with("--") {
                continue;
            }
            n_settings += 1;
            let text = lines[i + 1..]
                .iter()
                .take_while(|line| !line.trim_start().starts_with("--"));
            let text: Vec<_> = text.map(|line| line.trim()).collect();
            assert!(text[0].len() > 10, "{name} {flag} has no line of help");
            assert!(
                text.iter().any(|line| line.contains("[env: ")),
                "{name} {flag} has no variable"
            );
        }
        assert!(n_settings >= 10, "{help}");
    }
}

#[tokio::test]
async fn every_service_answers_live_ready_and_metrics() {
    let test_env = TestEnvironment::new().await;
    let api = test_env.start_api();
    let tenant = Tenant::create(&test_env, &api, "ops").await;
    let (edge, worker) = (test_env.start_edge(&api), test_env.start_worker());
    let client = Client::new(&api, Some(&edge));
    let link = client.mint(&tenant).await;
    client
        .click(link["clickTrackerUrl"].as_str().unwrap(), BROWSER)
        .await
        .destination();
    for (service, dependencies, metric) in [
        (
            &api,
            &["postgres", "redis"][..],
            "waypost_api_requests_total{route=\"/api/v2/links\",method=\"POST\",status=\"201\"} 1",
        ),
        (
            &edge,
            &["redis", "origin", "rabbitmq"],
            "waypost_edge_requests_total{outcome=\"click\"} 1",
        ),
        (
            &worker,
            &["postgres", "rabbitmq"],
            "waypost_worker_clicks_stored_total 1",
        ),
    ] {
        let admin = service.url("admin.address");
        assert_eq!(client.get(&format!("{admin}/live")).await.status(), 200);
        for dependency in dependencies {
            wait_for(dependency, "up".to_owned(), async || {
                let report: Value = client
                    .get(&format!("{admin}/ready"))
                    .await
                    .json()
                    .await
                    .unwrap();
                report["dependencies"][dependency]
                    .as_str()
                    .unwrap()
                    .to_owned()
            })
            .await;
        }
        assert_eq!(client.get(&format!("{admin}/ready")).await.status(), 200);
        let build = format!("waypost_build_info{{version=\"{VERSION}\",commit=\"");
        assert_eq!(service.metric(&build).await, 1.0, "{build}");
        wait_for(metric, true, async || {
            client
                .get(&format!("{admin}/metrics"))
                .await
                .text()
                .await
                .unwrap()
                .contains(metric)
        })
        .await;
    }
    for service in [edge, worker, api] {
        for line in service.lines() {
            assert!(
                line["timestamp"].is_string() && line["level"].is_string(),
                "{line}"
            );
        }
        service.stop();
    }
}

#[tokio::test]
async fn ready_reports_failed_dependencies_and_redirects_continue() {
    let test_env = TestEnvironment::new().await;
    let api = test_env.start_api();
    let nowhere = [
        ("AMQP_URL", "amqp://127.0.0.1:1/%2f"),
        ("REDIS_URL", "redis://127.0.0.1:1"),
    ];
    let edge = test_env.start_edge_with(&api, &nowhere);
    let client = Client::new(&api, Some(&edge));
    let ready = format!("{}/ready", edge.url("admin.address"));
    for dependency in ["rabbitmq", "redis"] {
        wait_for(dependency, true, async || {
            let report: Value = client.get(&ready).await.json().await.unwrap();
            let state = report["dependencies"][dependency]
                .as_str()
                .unwrap()
                .to_owned();
            state.starts_with("down: ") && state != "down: not connected yet"
        })
        .await;
    }
    wait_for("it to be ready without both", 200, async || {
        client.get(&ready).await.status().as_u16()
    })
    .await;
    let worker = test_env.start_worker_with(&[("AMQP_URL", "amqp://127.0.0.1:1/%2f")]);
    let ready = format!("{}/ready", worker.url("admin.address"));
    assert_eq!(
        client.get(&ready).await.status(),
        503,
        "a worker without a queue does not"
    );
}

/// Collects what is sent to an OTLP/HTTP endpoint, as raw bodies.
async fn collector() -> (String, Arc<Mutex<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let received = Arc::new(Mutex::new(Vec::new()));
    let all = received.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let all = all.clone();
            tokio::spawn(async move {
                let mut buffer = vec![0; 64 * 1024];
                let mut request = Vec::new();
                while let Ok(n @ 1..) = stream.read(&mut buffer).await {
                    request.extend_from_slice(&buffer[..n]);
                    all.lock().unwrap().extend_from_slice(&buffer[..n]);
                    if is_whole(&request) {
                        request.clear();
                        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
                        if stream.write_all(answer).await.is_err() {
                            return;
                        }
                    }
                }
            });
        }
    });
    (url, received)
}

fn is_whole(request: &[u8]) -> bool {
    let Some(head) = request.windows(4).position(|window| window == b"\r\n\r\n") else {
        return false;
    };
    let headers = String::from_utf8_lossy(&request[..head]).to_lowercase();
    let length = headers
        .split("content-length: ")
        .nth(1)
        .and_then(|rest| rest.split("\r\n").next());
    request.len() >= head + 4 + length.map_or(0, |length| length.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trace_goes_from_the_click_through_rabbitmq_to_the_worker() {
    let test_env = TestEnvironment::new().await;
    let (url, received) = collector().await;
    let settings = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", url.as_str()),
        ("TRACE_RATIO", "1"),
    ];
    let api = test_env.start_api();
    let tenant = Tenant::create(&test_env, &api, "traced").await;
    let edge = test_env.start_edge_with(&api, &settings);
    let worker = test_env.start_worker_with(&settings);
    let client = Client::new(&api, Some(&edge));
    let link = client.mint(&tenant).await;
    let (host, path) = e2e::client::split(link["clickTrackerUrl"].as_str().unwrap());
    let trace_id = "0af7651916cd43dd8448eb211c80319c";
    let request = client
        .edge_request(reqwest::Method::GET, host, path)
        .header(header::USER_AGENT, BROWSER)
        .header("traceparent", format!("00-{trace_id}-b7ad6b7169203331-01"));
    assert_eq!(request.send().await.unwrap().status(), 302);
    wait_for("the click", 1, async || {
        test_env.count("SELECT count(*) FROM clicks").await
    })
    .await;
    edge.stop();
    worker.stop();
    api.stop();

    let received = received.lock().unwrap().clone();
    let has = |bytes: &[u8]| {
        received
            .windows(bytes.len())
            .filter(|window| *window == bytes)
            .count()
    };
    for name in [
        "edge-redirector.click.record",
        "edge-redirector.clicks.publish",
        "click-worker.clicks.store",
    ] {
        assert!(has(name.as_bytes()) >= 1, "no span {name}");
    }
    // The caller's trace has the click's span, and the worker's links to it.
    let trace_id = u128::from_str_radix(trace_id, 16).unwrap().to_be_bytes();
    assert!(
        has(&trace_id) >= 2,
        "the trace is in {} spans and links",
        has(&trace_id)
    );
}

#[tokio::test]
async fn the_redirector_has_no_database_setting() {
    let output = std::process::Command::new(env!("CARGO"))
        .args([
            "tree",
            "-p",
            "edge-redirector",
            "-e",
            "normal,build",
            "--prefix",
            "none",
        ])
        .output()
        .unwrap();
    assert!(output.status.success());
    let tree = String::from_utf8(output.stdout).unwrap();
    assert!(
        tree.contains("moka") && !tree.contains("tokio-postgres"),
        "{tree}"
    );
}
