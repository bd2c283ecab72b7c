//! Mistakes in bodies.

use insta::assert_snapshot;

use super::Api;

#[tokio::test]
async fn what_is_no_json_object() {
    let api = Api::start("bodies").await;
    let post = async |path, body| api.answer_to("POST", path, body).await;
    assert_snapshot!(
        post("/api/v2/links/shorten", "").await,
        @r##"400 {"code":"invalid_json","error":"The body is not valid JSON: it is empty. Send an object, such as {\"name\": \"value\"}."}"##
    );
    assert_snapshot!(
        post("/api/v2/links/shorten", r#"{"url": "https://e.com",}"#).await,
        @r##"400 {"code":"invalid_json","error":"The body is not valid JSON: something is wrong at line 1, column 25, where it says `}`."}"##
    );
    assert_snapshot!(
        post("/api/v2/links/shorten", r#"{"url": "https://e.com"#).await,
        @r##"400 {"code":"invalid_json","error":"The body is not valid JSON: it ends before the last object, array or text does. A closing }, ] or \" is missing."}"##
    );
    assert_snapshot!(
        post("/api/v2/links/shorten", "[]").await,
        @r##"400 {"code":"invalid_field","error":"The field body is not valid: it is an array, and an object is wanted, such as {\"name\": \"value\"}."}"##
    );
    assert_snapshot!(
        post("/api/v2/links/shorten", r#"{"url": "https://a.com", "url": "https://b.com"}"#).await,
        @r##"400 {"code":"invalid_json","error":"The body is not valid JSON: the name `url` is there twice in one object at line 1 column 48."}"##
    );
}

#[tokio::test]
async fn values_of_links() {
    let api = Api::start("bodies").await;
    let post = async |path, body| api.answer_to("POST", path, body).await;
    assert_snapshot!(
        post("/api/v2/links/shorten", r#"{"listId": 42}"#).await,
        @r##"400 {"code":"missing_url_or_offer","error":"Neither url nor offerId was provided. Send one of them, such as \"url\": \"https://example.com/page\"."}"##
    );
    assert_snapshot!(
        post("/api/v2/links/shorten", r#"{"url": "https://e.com"}"#).await,
        @r##"400 {"code":"missing_list_identifier","error":"Neither listId nor phoneNumber was provided. Send one of them, such as \"listId\": 42."}"##
    );
    assert_snapshot!(
        post("/api/v2/links/shorten", r#"{"url": "example.com/page", "listId": 42}"#).await,
        @r##"400 {"code":"invalid_url","error":"The url field cannot be used: the URL does not start with http:// or https://. It is the text \"example.com/page\"."}"##
    );
    assert_snapshot!(
        post("/api/v2/links/shorten", r#"{"url": "https://e.com", "listId": "42"}"#).await,
        @r##"400 {"code":"invalid_field","error":"The field listId is not valid: it is the text \"42\", and an integer such as 42 is wanted."}"##
    );
    assert_snapshot!(
        post("/api/v2/links/shorten", r#"{"url": "https://e.com", "phoneNumber": "18005551234"}"#).await,
        @r##"400 {"code":"invalid_phone","error":"The phoneNumber field is not a valid E.164 phone number. One is written as +18005551234. It is the text \"18005551234\"."}"##
    );
    assert_snapshot!(
        post("/api/v2/links/shorten", r#"{"url": "https://e.com", "domain": "bodies.example", "slug": "a b"}"#).await,
        @r##"400 {"code":"invalid_slug","error":"The slug is not 3 to 64 characters of A-Z, a-z, 0-9, _ and -, as in spring-sale, or it is reserved. It is the text \"a b\"."}"##
    );
    assert_snapshot!(
        post("/api/v2/links/shorten", r#"{"url": "https://e.com", "domain": "bodies.example", "expiresAt": "tomorrow"}"#).await,
        @r##"400 {"code":"invalid_field","error":"The field expiresAt is not valid: it is the text \"tomorrow\", not a time as in 2026-03-01T00:00:00Z, of the years 1 to 9999."}"##
    );
    assert_snapshot!(
        post("/api/v2/links/shorten", r#"{"url": "https://e.com", "domain": "bodies.example", "metadata": "x"}"#).await,
        @r##"400 {"code":"invalid_field","error":"The field metadata is not valid: it is the text \"x\", and an object is wanted, such as {\"name\": \"value\"}."}"##
    );
}

#[tokio::test]
async fn values_of_other_objects() {
    let api = Api::start("bodies").await;
    let post = async |path, body| api.answer_to("POST", path, body).await;
    assert_snapshot!(
        post("/api/v2/offers", r#"{"tracking_url": "https://e.com"}"#).await,
        @r##"400 {"code":"missing_name","error":"The name field is required. Send a text, such as \"name\": \"Summer sale\"."}"##
    );
    assert_snapshot!(
        post("/api/v2/offers", r#"{"name": "Offer", "trackingURL": "https://e.com", "nam": "x"}"#).await,
        @r##"400 {"code":"unknown_field","error":"The field nam is not known here. Did you mean name?"}"##
    );
    assert_snapshot!(
        post("/api/v2/offers", r#"{"name": "Offer", "tracking_url": "https://e.com", "payout": "free"}"#).await,
        @r##"400 {"code":"invalid_payout","error":"The payout is not a decimal number of 0 or more with at most 4 decimals, as in 12.50. It is the text \"free\"."}"##
    );
    assert_snapshot!(
        post("/api/v2/offers", r#"{"name": "Offer", "tracking_url": "https://e.com", "filter_bots": "no"}"#).await,
        @r##"400 {"code":"invalid_field","error":"The field filter_bots is not valid: it is the text \"no\", and true or false or an empty text is wanted."}"##
    );
    assert_snapshot!(
        post("/api/v2/domains", r#"{"host": "new.example", "kind": "long"}"#).await,
        @r##"400 {"code":"invalid_kind","error":"The kind is not short or click. It is the text \"long\"."}"##
    );
    assert_snapshot!(
        post("/api/v2/domains", r#"{"host": "localhost", "kind": "short"}"#).await,
        @r##"400 {"code":"invalid_host","error":"The host is not the name of a public host, as in go.example.com. It is the text \"localhost\"."}"##
    );
    assert_snapshot!(
        post("/api/campaigns", r#"{"name": "Spring"}"#).await,
        @r##"422 {"detail":"The request is not valid: landing_page_url: it is required, such as \"https://example.com/spring\".","error_code":"VALIDATION_ERROR","fields":[{"field":"landing_page_url","message":"it is required, such as \"https://example.com/spring\""}],"status":422}"##
    );
}
