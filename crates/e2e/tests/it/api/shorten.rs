//! `POST /api/v2/links/shorten`, by the letter of seed shorten-link, and what
//! its links do when they are clicked.

use e2e::client::{BROWSER, Client, parameter};
use insta::assert_json_snapshot;
use reqwest::Method;
use serde_json::{Value, json};

use super::{Api, status_and_code};

const PATH: &str = "/api/v2/links/shorten";

#[tokio::test]
async fn a_url_is_shortened() {
    let api = Api::start("shorten").await;
    let body = json!({
        "url": "https://example.com/page?a=1",
        "listId": api.tenant.list_id,
        "contactPhone": "+18005550100",
        "messageId": "m-1",
        "metadata": { "source": "ai_agent", "conversation_id": "abc123" },
    });
    let link = api.create(PATH, body).await;
    assert_json_snapshot!(link, {
        ".linkId" => "[id]",
        ".shortUrl" => insta::dynamic_redaction(|url, _| {
            let url = url.as_str().unwrap().to_owned();
            assert!(url.starts_with("https://shorten.example/") && url.len() == 31, "{url}");
            "[url]"
        }),
        ".listId" => "[list]",
        ".createdAt" => "[time]",
        ".updatedAt" => "[time]",
    }, @r#"
    {
      "clickCost": null,
      "clickTrackerUrl": null,
      "contactPhone": "+18005550100",
      "createdAt": "[time]",
      "destinationUrl": "https://example.com/page?a=1",
      "domain": "shorten.example",
      "expiresAt": null,
      "filterBots": false,
      "forwardQuery": false,
      "linkId": "[id]",
      "listId": "[list]",
      "messageId": "m-1",
      "metadata": {
        "conversation_id": "abc123",
        "source": "ai_agent"
      },
      "offerId": null,
      "shortUrl": "[url]",
      "status": "active",
      "updatedAt": "[time]"
    }
    "#);
}

#[tokio::test]
async fn documented_errors_are_reported_in_their_order() {
    let api = Api::start("order").await;
    let refused = async |body: Value| status_and_code(api.post(PATH, body).await);
    // Each request is wrong in what it is refused for, and in everything that
    // the table lists after it.
    assert_eq!(
        refused(json!({ "phoneNumber": "nonsense" })).await,
        "400 missing_url_or_offer"
    );
    assert_eq!(
        refused(json!({ "url": "ftp://e.com" })).await,
        "400 missing_list_identifier"
    );
    assert_eq!(
        refused(json!({ "url": "ftp://e.com", "phoneNumber": "nonsense" })).await,
        "400 invalid_url"
    );
    let wrong = json!({ "url": "https://e.com", "phoneNumber": "nonsense", "slug": "!" });
    assert_eq!(refused(wrong).await, "400 invalid_phone");
    let wrong = json!({ "url": "https://e.com", "listId": 0, "slug": "!", "contactPhone": "1" });
    assert_eq!(refused(wrong).await, "400 invalid_slug");
    api.sql("UPDATE accounts SET products = '{offer_management}'")
        .await;
    let wrong = json!({ "offerId": "0", "listId": 0, "contactPhone": "1" });
    assert_eq!(refused(wrong).await, "400 invalid_phone");
    let nowhere = json!({ "offerId": "000000000000000000000000", "listId": 0 });
    assert_eq!(refused(nowhere.clone()).await, "403 product_not_enabled");
    api.sql("UPDATE accounts SET products = '{sms}'").await;
    assert_eq!(refused(nowhere).await, "404 offer_not_found");
    // A partnership offer is not of this endpoint.
    let partnership = json!({ "offerId": api.tenant.offer_id, "listId": 0 });
    assert_eq!(refused(partnership).await, "404 offer_not_found");
    let own = json!({ "url": "https://e.com", "listId": api.tenant.list_id });
    let no_list = json!({ "url": "https://e.com", "listId": 0 });
    assert_eq!(refused(no_list).await, "404 list_not_found");
    api.sql("UPDATE lists SET short_domain_id = NULL").await;
    assert_eq!(refused(own).await, "409 no_domain_configured");
    assert_eq!(api.test_env.count("SELECT count(*) FROM links").await, 0);
}

#[tokio::test]
async fn five_id_collisions_are_an_error() {
    let mut api = Api::start("collides").await;
    let body = json!({ "url": "https://e.com", "listId": api.tenant.list_id });
    api.create(PATH, body.clone()).await;
    api.sql(
        "UPDATE links SET short_id = 'collide';
         CREATE FUNCTION same() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN NEW.short_id := 'collide'; RETURN NEW; END $$;
         CREATE TRIGGER same BEFORE INSERT ON links FOR EACH ROW EXECUTE FUNCTION same();",
    )
    .await;
    assert_eq!(
        status_and_code(api.post(PATH, body).await),
        "500 id_collision"
    );
    api.service.expect_in_log("a request failed");
    api.service.stop();
}

#[tokio::test]
async fn malformed_fields_are_named() {
    let api = Api::start("forms").await;
    for (field, value) in [
        ("expiresAt", json!("tomorrow")),
        ("expiresAt", json!("2020-01-01T00:00:00Z")),
        ("metadata", json!([1])),
        ("metadata", json!({ "a": "x".repeat(16 * 1024) })),
        ("metadata", json!({ "a": "\u{0}" })),
        ("messageId", json!("x".repeat(256))),
        ("forwardQuery", json!("yes")),
        ("listId", json!("42")),
        ("url", json!(7)),
    ] {
        let mut body = json!({ "url": "https://e.com", "listId": api.tenant.list_id });
        body[field] = value.clone();
        let (status, answer) = api.post(PATH, body).await;
        assert_eq!(
            (status, &answer["code"]),
            (400, &json!("invalid_field")),
            "{field} {value}"
        );
        assert!(answer["error"].to_string().contains(field), "{answer}");
    }
}

#[tokio::test]
async fn offers_get_the_parameters_of_their_platform() {
    let api = Api::start("platforms").await;
    let list = api.tenant.list_id;
    for (platform, url, expected) in [
        (
            json!("tune"),
            "https://t.example/aff_c?offer_id=1&aff_sub2=own",
            "https://t.example/aff_c?offer_id=1&aff_sub2=own&aff_sub=[id]&aff_sub3={sub2}&source={source}",
        ),
        (
            json!("everflow"),
            "https://e.example/A/1/",
            "https://e.example/A/1/?sub1=[id]&sub2={sub1}&sub3={sub2}&source_id={source}",
        ),
        (
            json!(null),
            "https://n.example/?c={click_id}",
            "https://n.example/?c={click_id}",
        ),
    ] {
        let offer = api
            .sms_offer(url, json!({ "external_platform": platform }))
            .await;
        // offerId beats url.
        let body = json!({ "offerId": offer, "url": "https://beaten.example", "listId": list });
        let link = api.create(PATH, body).await;
        let id = link["linkId"].as_str().unwrap();
        assert_eq!(
            link["destinationUrl"].as_str().unwrap().replace(id, "[id]"),
            expected
        );
        assert_eq!(link["offerId"], offer.as_str());
        assert_eq!(link["domain"], "platforms.example", "without a scheme");
    }
}

#[tokio::test]
async fn filter_bots_is_taken_from_the_offer_or_else_the_account() {
    let api = Api::start("filters").await;
    let list = api.tenant.list_id;
    for (mode, offers_own, expected) in [
        ("no_filter", json!(true), true),
        ("no_filter", json!(""), false),
        ("filter", json!(false), false),
        ("filter", json!(""), true),
    ] {
        api.sql(&format!("UPDATE accounts SET bot_filter_mode = '{mode}'"))
            .await;
        let offer = api
            .sms_offer("https://e.com", json!({ "filter_bots": offers_own }))
            .await;
        let link = api
            .create(PATH, json!({ "offerId": offer, "listId": list }))
            .await;
        assert_eq!(link["filterBots"], expected, "{mode} {offers_own}");
    }
    let link = api
        .create(PATH, json!({ "url": "https://e.com", "listId": list }))
        .await;
    assert_eq!(link["filterBots"], true, "without an offer, the account's");
}

#[tokio::test]
async fn clicks_redirect_to_the_destination_of_the_link() {
    let api = Api::start("clicked").await;
    let edge = api.test_env.start_edge(&api.service);
    let client = Client::new(&api.service, Some(&edge));
    let list = api.tenant.list_id;
    let shorten = async |mut body: Value| {
        body["listId"] = json!(list);
        let link = api.create(PATH, body).await;
        link["shortUrl"].as_str().unwrap().to_owned()
    };
    let click = async |url: String| client.click(&url, BROWSER).await.destination();

    // Points directly at it: nothing is appended, whatever the query says.
    let plain = shorten(json!({ "url": "https://example.com/page" })).await;
    assert_eq!(
        click(format!("{plain}?sub1=a&x=1")).await,
        "https://example.com/page"
    );
    // Macros that are there are filled.
    let url = "https://example.com/{sub1}?p={{contact.phone}}&m={{messageId}}&l={link_id}";
    let body = json!({ "url": url, "contactPhone": "+18005550100", "messageId": "m/1" });
    let filled = shorten(body).await;
    let id = filled.rsplit('/').next().unwrap();
    assert_eq!(
        click(format!("{filled}?sub1=a%20b")).await,
        format!("https://example.com/a%20b?p=%2B18005550100&m=m%2F1&l={id}")
    );
    // forwardQuery.
    let body = json!({ "url": "https://example.com/page?a=own", "forwardQuery": true });
    let forwarding = shorten(body).await;
    assert_eq!(
        click(format!(
            "{forwarding}?a=theirs&utm_source=sms&utm_source=2&sub1=x"
        ))
        .await,
        "https://example.com/page?a=own&utm_source=sms&sub1=x"
    );
    let body = json!({ "url": "https://example.com/page?gclid={gclid}&utm_source=",
        "forwardQuery": true });
    let forwarding = shorten(body).await;
    assert_eq!(
        click(format!(
            "{forwarding}?c[]=1&c[]=2&debug&utm_source=sms&gclid=x"
        ))
        .await,
        "https://example.com/page?c%5B%5D=1&c%5B%5D=2&debug&utm_source=sms&gclid=x"
    );
    // An offer with its platform's parameters.
    let tune = json!({ "external_platform": "tune" });
    let offer = api
        .sms_offer("https://t.example/aff_c?offer_id=1", tune)
        .await;
    let offered = shorten(json!({ "offerId": offer })).await;
    let to = click(format!("{offered}?sub1=s1&source=src")).await;
    let id = offered.rsplit('/').next().unwrap();
    assert_eq!(
        to,
        format!("https://t.example/aff_c?offer_id=1&aff_sub={id}&aff_sub2=s1&aff_sub3=&source=src")
    );
    // Slugs, with all that they may have.
    let slug = shorten(json!({ "url": "https://example.com/s", "slug": "Spring-Sale_26" })).await;
    assert_eq!(slug, "https://clicked.example/Spring-Sale_26");
    assert_eq!(click(slug.clone()).await, "https://example.com/s");
    assert_eq!(click(slug.to_lowercase()).await, "https://example.com/s");
    let again = json!({ "url": "https://e.com", "slug": "Spring-Sale_26", "listId": list });
    assert_eq!(
        status_and_code(api.post(PATH, again).await),
        "409 slug_taken"
    );
    assert_eq!(parameter(&to, "aff_sub").as_deref(), Some(id));
    edge.stop();
}

#[tokio::test]
async fn a_link_expires_at_its_time() {
    let api = Api::start("expires").await;
    let edge = api.test_env.start_edge(&api.service);
    let client = Client::new(&api.service, Some(&edge));
    let ends = jiff::Timestamp::now() + jiff::SignedDuration::from_millis(1500);
    let body = json!({
        "url": "https://example.com/page",
        "listId": api.tenant.list_id,
        "expiresAt": ends.to_string(),
    });
    let link = api.create(PATH, body).await;
    let url = link["shortUrl"].as_str().unwrap();
    if jiff::Timestamp::now() < ends {
        // A busy machine may be late, and then sees the end only.
        let hop = client.click(url, BROWSER).await;
        assert!(
            hop.status == 302 || jiff::Timestamp::now() >= ends,
            "{hop:?}"
        );
    }
    e2e::wait::wait_for("the end", 404, async || {
        client.click(url, BROWSER).await.status
    })
    .await;
    assert!(jiff::Timestamp::now() >= ends);
    edge.stop();
}

#[tokio::test]
async fn slugs_are_validated_and_some_are_reserved() {
    let api = Api::start("slugs").await;
    let list = api.tenant.list_id;
    let with = |slug: &str| json!({ "url": "https://e.com", "listId": list, "slug": slug });
    let long = "x".repeat(65);
    for slug in [
        "ab", "a/b", "a b", "é-é", "a.b", "conv", "pixel", "bulk", "shorten", &long,
    ] {
        let answer = api.call(Method::POST, PATH, with(slug)).await;
        assert_eq!(status_and_code(answer), "400 invalid_slug", "{slug}");
    }
    for slug in ["abc", "---", &long[..64]] {
        assert_eq!(api.create(PATH, with(slug)).await["linkId"], slug);
    }
}
