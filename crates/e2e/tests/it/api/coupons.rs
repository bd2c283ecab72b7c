//! Coupons: codes, what stands behind them, and their times.

use insta::assert_json_snapshot;
use reqwest::Method;
use serde_json::{Value, json};

use super::{Api, status_and_code};

#[tokio::test]
async fn coupons_can_be_created_changed_and_deleted() {
    let api = Api::start("coupons").await;
    let offer = api
        .sms_offer("https://e.com/?c={click_id}", json!({}))
        .await;
    let body = json!({
        "code": "Summer-10", "offer_id": offer, "contact_phone": "+18005550100",
        "valid_from": "2026-06-01T00:00:00+02:00", "valid_until": "2026-09-01T00:00:00Z",
    });
    let created = api.create("/api/v2/coupons", body).await;
    assert_eq!(created["offer_id"], json!(offer));
    assert_json_snapshot!(created, {
        ".id" => "[id]",
        ".offer_id" => "[id]",
        ".created_at" => "[time]",
        ".updated_at" => "[time]",
    }, @r#"
    {
      "code": "SUMMER-10",
      "contact_phone": "+18005550100",
      "created_at": "[time]",
      "domain": null,
      "id": "[id]",
      "link_id": null,
      "offer_id": "[id]",
      "status": "active",
      "updated_at": "[time]",
      "valid_from": "2026-05-31T22:00:00.000Z",
      "valid_until": "2026-09-01T00:00:00.000Z"
    }
    "#);
    let path = format!("/api/v2/coupons/{}", created["id"]);
    assert_eq!(api.get(&path).await, (200, created.clone()));
    let (_, list) = api.get("/api/v2/coupons?status=active").await;
    assert_eq!(list["coupons"], json!([created]));
    let (_, paused) = api.get("/api/v2/coupons?status=paused").await;
    assert_eq!(paused["coupons"], json!([]));

    let link = api.create("/api/v2/links", api.tenant.link_body()).await;
    let body = json!({
        "code": "autumn", "offer_id": "", "link_id": link["linkId"], "contact_phone": "",
        "status": "paused", "valid_from": "", "valid_until": "",
    });
    let (status, changed) = api.call(Method::PATCH, &path, body).await;
    assert_eq!(status, 200, "{changed}");
    assert_eq!(changed["code"], "AUTUMN");
    assert_eq!(changed["link_id"], link["linkId"]);
    assert_eq!(changed["domain"], json!(api.tenant.short_host));
    for name in ["offer_id", "contact_phone", "valid_from", "valid_until"] {
        assert_eq!(changed[name], Value::Null, "{name}");
    }

    let (status, _) = api.call(Method::DELETE, &path, Value::Null).await;
    assert_eq!(status, 200);
    assert_eq!(status_and_code(api.get(&path).await), "404 not_found");
    let again = json!({ "code": "AUTUMN", "offer_id": offer });
    api.create("/api/v2/coupons", again).await;
}

#[tokio::test]
async fn a_coupon_needs_a_code_of_its_own_and_something_behind_it() {
    let api = Api::start("coupon-errors").await;
    let offer = api
        .sms_offer("https://e.com/?c={click_id}", json!({}))
        .await;
    let coupon = json!({ "code": "SUMMER10", "offer_id": offer });
    api.create("/api/v2/coupons", coupon).await;
    for (body, expected) in [
        (
            json!({ "code": "summer10", "offer_id": offer }),
            "409 coupon_taken",
        ),
        (json!({ "offer_id": offer }), "400 invalid_field"),
        (
            json!({ "code": "10 %", "offer_id": offer }),
            "400 invalid_field",
        ),
        (
            json!({ "code": "a".repeat(65), "offer_id": offer }),
            "400 invalid_field",
        ),
        (json!({ "code": "A" }), "400 missing_coupon_target"),
        (json!({ "code": "A", "offer_id": "1" }), "404 not_found"),
        (
            json!({ "code": "A", "offer_id": "6789abcd1234ef5678901234" }),
            "404 not_found",
        ),
        (
            json!({ "code": "A", "link_id": "nothing" }),
            "404 not_found",
        ),
        (
            json!({ "code": "A", "contact_phone": "123" }),
            "400 invalid_phone",
        ),
        (
            json!({ "code": "A", "offer_id": offer, "status": "ended" }),
            "400 invalid_status",
        ),
        (
            json!({ "code": "A", "offer_id": offer, "valid_until": "soon" }),
            "400 invalid_field",
        ),
        (
            json!({
                "code": "A", "offer_id": offer,
                "valid_from": "2026-06-01T00:00:00Z", "valid_until": "2026-06-01T00:00:00Z",
            }),
            "400 invalid_field",
        ),
    ] {
        let answer = api.post("/api/v2/coupons", body.clone()).await;
        assert_eq!(status_and_code(answer), expected, "{body}");
    }
    let path = "/api/v2/coupons/1";
    let without = json!({ "offer_id": "" });
    let answer = api.call(Method::PATCH, path, without).await;
    assert_eq!(status_and_code(answer), "400 missing_coupon_target");
}
