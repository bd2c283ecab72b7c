//! The pages in a real browser: as they look on a phone, to a screen reader,
//! and when their button is pressed.

use e2e::{
    browser::{Browser, SITE},
    client::split,
    wait::wait_for,
};
use fantoccini::Locator;
use serde_json::{Value, json};

use crate::landing::Site;

/// A person's, without `Headless`.
const CHROME: &str = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) \
    Chrome/130.0.0.0 Mobile Safari/537.36";

fn destination() -> String {
    format!("http://{SITE}/lp?c={{click_id}}&s={{sub1}}")
}

impl Site {
    async fn browser(&self, user_agent: Option<&str>) -> Browser {
        Browser::start(&self.edge.address("edge.address"), user_agent).await
    }
}

async fn open(browser: &Browser, url: &str) {
    let (host, path) = split(url);
    let url = format!("http://{host}{path}");
    browser.client.goto(&url).await.unwrap();
}

/// Presses the button, and waits until the destination is there: its address.
async fn press(browser: &Browser) -> String {
    let button = browser.client.find(Locator::Css(".go")).await.unwrap();
    button.click().await.unwrap();
    wait_for("the destination", "Arrived".to_owned(), async || {
        browser.client.title().await.unwrap()
    })
    .await;
    browser.client.current_url().await.unwrap().to_string()
}

/// On the narrowest phone, in light and dark: nothing is cut off, the texts
/// can be told from what is behind them, and the button can be hit.
async fn is_readable(browser: &Browser, name: &str) {
    for scheme in ["light", "dark"] {
        browser.phone(320, scheme).await;
        let page = "document.documentElement";
        let width = browser.eval(&format!("{page}.scrollWidth")).await;
        assert!(
            width.as_u64().unwrap() <= 320,
            "{name}: {width} pixels wide"
        );
        for element in ["h1", "p", ".go"] {
            let contrast = browser.eval(&contrast(element)).await;
            if let Some(contrast) = contrast.as_f64() {
                assert!(contrast >= 4.5, "{name}, {scheme}, {element}: {contrast}");
            }
        }
        let height = "document.querySelector('.go')?.getBoundingClientRect().height ?? 48";
        assert!(
            browser.eval(height).await.as_f64().unwrap() >= 44.0,
            "{name}"
        );
        browser.screenshot(&format!("{name}-{scheme}")).await;
    }
    let dark = browser
        .eval("getComputedStyle(document.body).backgroundColor")
        .await;
    browser.phone(320, "light").await;
    let light = browser
        .eval("getComputedStyle(document.body).backgroundColor")
        .await;
    assert_ne!(dark, light, "{name}");
}

/// The contrast of an element's text by WCAG 2, or null without the element.
fn contrast(selector: &str) -> String {
    format!(
        "(() => {{
            const element = document.querySelector('{selector}');
            if (!element) return null;
            const numbers = (color) => color.match(/[0-9.]+/g).map(Number);
            const luminance = (color) => {{
                const [r, g, b] = numbers(color).map((v) => v / 255)
                    .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
                return 0.2126 * r + 0.7152 * g + 0.0722 * b;
            }};
            let behind = element;
            while (numbers(getComputedStyle(behind).backgroundColor)[3] === 0) behind = behind.parentElement;
            const pair = [getComputedStyle(element).color, getComputedStyle(behind).backgroundColor]
                .map(luminance).sort((a, b) => b - a);
            return (pair[0] + 0.05) / (pair[1] + 0.05);
        }})()"
    )
}

#[tokio::test]
async fn pressing_continue_confirms_the_click() {
    let site = Site::start(&destination(), json!({ "filter_bots": true }), &[]).await;
    let link = site.link().await;
    let browser = site.browser(None).await;
    open(&browser, &format!("{link}?sub1=a%20b")).await;
    is_readable(&browser, "preview").await;
    let accessible = browser.accessible().await;
    for part in ["main", "heading: Open this link?", "button: Continue"] {
        assert!(
            accessible.iter().any(|line| line == part),
            "{part}: {accessible:?}"
        );
    }
    assert_eq!(browser.eval("document.documentElement.lang").await, "en");
    let url = press(&browser).await;
    assert!(
        url.starts_with(&format!("http://{SITE}/lp?c=")) && url.ends_with("&s=a%20b"),
        "{url}"
    );
    let clicks = site.clicks(2).await;
    assert!(
        clicks[1].starts_with("ua_bot [crawler-user-agents:HeadlessChrome"),
        "{clicks:?}"
    );
    assert_eq!(clicks[0], " [] confirmed");
}

#[tokio::test]
async fn tenants_texts_are_shown_as_text() {
    let page = json!({
        "title": "<script>alert(1)</script>",
        "description": "</p><img src=x onerror=alert(2)>\nA long word: ".to_owned() + &"w".repeat(300),
        "cta": "\"Shop\" 'now' <b onclick=\"alert(3)\">",
        "meta_tags": { "og:image": "x\"><script>alert(4)</script>" },
    });
    let offer = json!({ "interstitial": { "mode": "custom", "page": page } });
    let site = Site::start(&destination(), offer, &[]).await;
    let link = site.link().await;
    let browser = site.browser(Some(CHROME)).await;
    open(&browser, &link).await;
    assert_eq!(
        browser.client.title().await.unwrap(),
        "<script>alert(1)</script>"
    );
    assert!(
        browser.client.get_alert_text().await.is_err(),
        "nothing was run"
    );
    assert_eq!(
        browser
            .eval("document.querySelectorAll('script, img, b, [onclick], [onerror]').length")
            .await,
        0
    );
    is_readable(&browser, "interstitial").await;
    let accessible = browser.accessible().await;
    for part in [
        "heading: <script>alert(1)</script>",
        "link: \"Shop\" 'now' <b onclick=\"alert(3)\">",
    ] {
        assert!(
            accessible.iter().any(|line| line == part),
            "{part}: {accessible:?}"
        );
    }
    let url = press(&browser).await;
    assert!(url.starts_with(&format!("http://{SITE}/lp?c=")), "{url}");
    assert_eq!(site.clicks(1).await, [" []"], "once, on arrival");
}

#[tokio::test]
async fn an_unavailable_link_shows_a_readable_page_on_a_phone() {
    let site = Site::start(&destination(), json!({}), &[]).await;
    let browser = site.browser(Some(CHROME)).await;
    open(
        &browser,
        &format!("https://{}/nosuch1", site.tenant.short_host),
    )
    .await;
    is_readable(&browser, "not-found").await;
    let accessible = browser.accessible().await;
    let heading = "heading: This link does not work";
    assert!(
        accessible.iter().any(|line| line == heading),
        "{accessible:?}"
    );
    let other_hosts = "performance.getEntriesByType('resource').map((entry) => entry.name)";
    assert_eq!(browser.eval(other_hosts).await, Value::Array(vec![]));
}
