//! The documentation in a browser: guides, search and reference, on a screen and on a phone.

use e2e::{browser::Browser, openapi::Document, wait::wait_for};
use fantoccini::{Locator, key::Key};
use serde_json::{Value, json};

use super::Api;

/// Pages collect here what their policy refuses.
const COLLECT_VIOLATIONS: &str = "window.violations = [];
    document.addEventListener('securitypolicyviolation', (event) => {
        violations.push(`${event.violatedDirective} ${event.blockedURI}`);
    });";

const SITE: &str = "http://docs.example";

async fn open(browser: &Browser, path: &str) {
    // A page that differs by its fragment only would not be loaded again.
    browser.client.goto("about:blank").await.unwrap();
    browser.client.goto(&format!("{SITE}{path}")).await.unwrap();
}

/// The page is as wide as the screen, and its policy has refused nothing.
async fn is_sound(browser: &Browser, name: &str) {
    let width = "document.documentElement.scrollWidth <= innerWidth";
    assert_eq!(browser.eval(width).await, json!(true), "{name} is too wide");
    assert_eq!(browser.eval("violations").await, json!([]), "{name}");
    let hosts =
        "[...new Set(performance.getEntriesByType('resource').map(e => new URL(e.name).host))]";
    let hosts = browser.eval(hosts).await;
    assert!(
        [json!([]), json!(["docs.example"])].contains(&hosts),
        "{hosts}"
    );
    browser.screenshot(name).await;
}

#[tokio::test]
async fn guides_and_reference_are_read_and_searched() {
    let api = Api::start("docs").await;
    let browser = Browser::start(&api.service.address("api.address"), None).await;
    browser.run_before_pages(COLLECT_VIOLATIONS).await;
    let n_operations = Document::written().operations().count()
        + Document::written().redirector_operations().count();
    for (screen, width, scheme) in [("wide", 1280, "light"), ("phone", 390, "dark")] {
        browser.phone(width, scheme).await;
        open(&browser, "/docs/").await;
        is_sound(&browser, &format!("docs-{screen}")).await;
        let is_shown = "document.getElementById('contents').checkVisibility()";
        assert_eq!(browser.eval(is_shown).await, json!(screen == "wide"));

        let search = browser.client.find(Locator::Id("search")).await.unwrap();
        search.send_keys("coupon code").await.unwrap();
        let n_found = "document.querySelectorAll('#results a').length > 3";
        wait_for("results", json!(true), async || browser.eval(n_found).await).await;
        is_sound(&browser, &format!("docs-search-{screen}")).await;
        search.send_keys(" zzz").await.unwrap();
        let nothing = "document.querySelector('#results p')?.textContent ?? null";
        let expected = json!("Nothing has all of these words.");
        wait_for("no result", expected, async || browser.eval(nothing).await).await;
        search.clear().await.unwrap();
        search
            .send_keys("report a conversion of a coupon")
            .await
            .unwrap();
        wait_for("results", json!(true), async || {
            browser
                .eval("document.querySelectorAll('#results a').length > 0")
                .await
        })
        .await;
        search.send_keys(&Key::Enter).await.unwrap();
        let opened = "document.querySelector('.opblock.is-open .opblock-summary-path')?.textContent.replaceAll('\\u200b', '') ?? null";
        wait_for("the operation", json!("/conv/coupon"), async || {
            browser.eval(opened).await
        })
        .await;
        is_sound(&browser, &format!("docs-operation-{screen}")).await;

        open(&browser, "/docs/guides/conversions#what-networks-send").await;
        is_sound(&browser, &format!("docs-guide-{screen}")).await;
        let titles =
            "[...document.querySelectorAll('#contents details a')].map(a => a.textContent)";
        let Value::Array(titles) = browser.eval(titles).await else {
            panic!("titles");
        };
        let different: std::collections::HashSet<_> = titles.iter().map(Value::as_str).collect();
        assert_eq!(
            (titles.len(), different.len()),
            (n_operations, n_operations)
        );
    }
}
