//! Mistakes in what a body contains.

use insta::assert_snapshot;

use super::Api;

#[tokio::test]
async fn entries_of_arrays() {
    let api = Api::start("nested").await;
    let post = async |path, body| api.answer_to("POST", path, body).await;
    assert_snapshot!(
        post("/api/v2/creatives", r#"{"name": "Promo", "message": "{{link1}}"}"#).await,
        @r##"400 {"code":"missing_offer_links","error":"The offer_links array is required and must not be empty. Send an object for each placeholder, such as {\"key\": \"link1\", \"offer_id\": \"6789abcd1234ef5678901234\"}."}"##
    );
    assert_snapshot!(
        post("/api/v2/creatives", r#"{"name": "Promo", "message": "{{link1}}", "offer_links": {"key": "link1"}}"#).await,
        @r##"400 {"code":"invalid_field","error":"The field offer_links is not valid: it is an object, and an array is wanted, such as [{\"name\": \"value\"}]."}"##
    );
    assert_snapshot!(
        post("/api/v2/creatives/1/render", r#"{"listId": 42, "messages": [{"messageId": "m", "contactPhone": "+18005550100", "variables": {"first_name": 5}}]}"#).await,
        @r##"400 {"code":"invalid_field","error":"The field messages[0].variables.first_name is not valid: it is the number 5, and a text such as \"abc\" is wanted."}"##
    );
    assert_snapshot!(
        post("/api/v2/creatives/1/render", r#"{"listId": 42, "messages": [{"messageId": "m", "contactPhone": true}]}"#).await,
        @r##"400 {"code":"invalid_field","error":"The field messages[0].contactPhone is not valid: it is true, and a phone number such as \"+18005551234\" is wanted."}"##
    );
    assert_snapshot!(
        post("/api/v2/clicks/reclassify", r#"{"verdict": "bot", "filter": {"country": "usa"}}"#).await,
        @r##"400 {"code":"invalid_field","error":"The field filter.country is not valid: it is the text \"usa\", not a country by ISO 3166-1 alpha-2, as in US."}"##
    );
}
