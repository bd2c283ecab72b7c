//! Headless Chromium. It resolves every host to the redirector, except the destination's host,
//! which is a site of the test.

use std::{
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use fantoccini::{Client, ClientBuilder, wd::WebDriverCompatibleCommand};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

/// The host of the destination in the tests.
pub const SITE: &str = "destination.example";

/// A browser and its driver, which end when it is dropped.
pub struct Browser {
    pub client: Client,
    driver: Child,
}

impl Browser {
    /// `edge` is the redirector's address. Without `user_agent` the browser sends its own, which
    /// contains `HeadlessChrome`.
    pub async fn start(edge: &str, user_agent: Option<&str>) -> Self {
        let site = serve_site().await;
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver is installed (Debian's chromium-driver)");
        let port = port(&mut driver);
        let mut args = vec![
            "--headless=new".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--disable-gpu".to_owned(),
            "--disable-features=HttpsUpgrades".to_owned(),
            format!("--host-resolver-rules=MAP {SITE}:80 {site}, MAP *:80 {edge}"),
        ];
        args.extend(user_agent.map(|name| format!("--user-agent={name}")));
        let capabilities = json!({ "goog:chromeOptions": { "args": args } });
        let Value::Object(capabilities) = capabilities else {
            unreachable!("it is an object");
        };
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .expect("Chromium starts");
        Self { client, driver }
    }

    /// Emulates a phone of this width, in light or dark mode.
    pub async fn phone(&self, width: u32, scheme: &str) {
        let metrics =
            json!({ "width": width, "height": 640, "deviceScaleFactor": 2, "mobile": true });
        self.cdp("Emulation.setDeviceMetricsOverride", metrics)
            .await;
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.cdp("Emulation.setEmulatedMedia", features).await;
    }

    /// The roles and names in the accessibility tree, in their order.
    pub async fn accessible(&self) -> Vec<String> {
        let tree = self.cdp("Accessibility.getFullAXTree", json!({})).await;
        let nodes = tree["nodes"].as_array().expect("nodes").iter();
        let spoken = nodes.filter(|node| node["ignored"] == false);
        spoken
            .map(|node| {
                let role = node["role"]["value"].as_str().unwrap_or_default();
                let name = node["name"]["value"].as_str().unwrap_or_default();
                format!("{role}: {name}").trim_end_matches(": ").to_owned()
            })
            .filter(|line| !line.starts_with("InlineTextBox"))
            .collect()
    }

    /// Runs an expression in the page.
    pub async fn eval(&self, expression: &str) -> Value {
        let script = format!("return {expression}");
        self.client
            .execute(&script, vec![])
            .await
            .expect(expression)
    }

    /// Saves a screenshot if `SCREENSHOTS` names a folder.
    pub async fn screenshot(&self, name: &str) {
        let Some(folder) = std::env::var_os("SCREENSHOTS").map(PathBuf::from) else {
            return;
        };
        let png = self.client.screenshot().await.expect("a picture");
        std::fs::write(folder.join(format!("{name}.png")), png).expect("it is saved");
    }

    /// Runs a script in each page before the page's own.
    pub async fn run_before_pages(&self, script: &str) {
        let params = json!({ "source": script });
        self.cdp("Page.addScriptToEvaluateOnNewDocument", params)
            .await;
    }

    async fn cdp(&self, method: &str, params: Value) -> Value {
        let command = Cdp(json!({ "cmd": method, "params": params }).to_string());
        self.client.issue_cmd(command).await.expect(method)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // On SIGTERM the driver ends its browsers too.
        let pid = self.driver.id().to_string();
        let asked = Command::new("kill").arg(&pid).status();
        asked.expect("kill runs");
        self.driver.wait().expect("it ends");
    }
}

/// A command of the Chrome DevTools Protocol, sent through the driver.
#[derive(Debug)]
struct Cdp(String);

impl WebDriverCompatibleCommand for Cdp {
    fn endpoint(
        &self,
        base_url: &url::Url,
        session_id: Option<&str>,
    ) -> Result<url::Url, url::ParseError> {
        let session = session_id.expect("there is a session");
        base_url.join(&format!("session/{session}/goog/cdp/execute"))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.0.clone()))
    }
}

/// Reads the port that the driver has chosen from its output.
fn port(driver: &mut Child) -> u16 {
    let stdout = driver.stdout.take().expect("it is piped");
    let mut lines = BufReader::new(stdout).lines().map_while(Result::ok);
    let port = lines
        .find_map(|line| {
            line.split("started successfully on port ")
                .nth(1)
                .map(str::to_owned)
        })
        .expect("chromedriver starts");
    // Reads the rest of the output: with a full pipe the driver would block.
    std::thread::spawn(move || lines.for_each(drop));
    port.trim_end_matches('.').parse().expect("a port")
}

/// Answers every request with the same page.
async fn serve_site() -> String {
    const PAGE: &str = "<!doctype html><title>Arrived</title><h1>Arrived</h1>";
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound").to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = [0; 8192];
            if stream.read(&mut head).await.is_ok() {
                let answer = format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\
                     Connection: close\r\n\r\n{PAGE}",
                    PAGE.len()
                );
                // The browser may close the connection before it has read everything.
                stream.write_all(answer.as_bytes()).await.ok();
            }
        }
    });
    address
}
