//! Mistakes in headers and paths.

use insta::assert_snapshot;

use super::Api;

#[tokio::test]
async fn keys() {
    let api = Api::start("keys").await;
    assert_snapshot!(
        api.answer_with(&[], "GET", "/api/v2/links", "").await,
        @r##"401 {"code":"unauthorized","error":"API key is missing or invalid.","reason":"No key was sent. Send it in the header X-Api-Key, or as Authorization: Bearer KEY."}"##
    );
    assert_snapshot!(
        api.answer_with(&[("Authorization", "Basic dXNlcjpwYXNz")], "GET", "/api/v2/links", "").await,
        @r##"401 {"code":"unauthorized","error":"API key is missing or invalid.","reason":"No key was sent. Send it in the header X-Api-Key, or as Authorization: Bearer KEY."}"##
    );
    assert_snapshot!(
        api.answer_with(&[("X-Api-Key", "trk_00000000000000000000000000000000")], "GET", "/api/v2/links", "").await,
        @r##"401 {"code":"unauthorized","error":"API key is missing or invalid.","reason":"There is no such key."}"##
    );
}

#[tokio::test]
async fn paths_and_types() {
    let api = Api::start("keys").await;
    let key = api.tenant.key.as_str();
    assert_snapshot!(
        api.answer_to("PUT", "/api/v2/links", "{}").await,
        @r##"405 {"code":"method_not_allowed","error":"This path does not support this method. It supports POST, GET, HEAD."}"##
    );
    assert_snapshot!(
        api.answer_to("GET", "/api/v2/link", "").await,
        @r##"404 {"code":"not_found","error":"There is nothing at this path. The paths are at /docs/ and in /openapi.json."}"##
    );
    assert_snapshot!(
        api.answer_to("GET", "/api/v2/offers/123", "").await,
        @r##"404 {"code":"not_found","error":"There is no such offer: \"123\" has not the form of an id, as in 6789abcd1234ef5678901234."}"##
    );
    assert_snapshot!(
        api.answer_to("GET", "/api/v2/contacts/12025550100/journey", "").await,
        @r##"400 {"code":"invalid_phone","error":"The phone field is not a valid E.164 phone number. One is written as +18005551234. It is the text \"12025550100\"."}"##
    );
    let headers = [
        ("X-Api-Key", key),
        ("Content-Type", "application/x-www-form-urlencoded"),
    ];
    assert_snapshot!(
        api.answer_with(&headers, "POST", "/api/v2/links/shorten", "url=https://e.com&listId=42").await,
        @r##"400 {"code":"invalid_json","error":"The body is not valid JSON: it is a form. Send JSON, such as {\"name\": \"value\"}, with the header Content-Type: application/json."}"##
    );
    let headers = [("X-Api-Key", key), ("Content-Type", "text/xml")];
    assert_snapshot!(
        api.answer_with(&headers, "POST", "/api/v2/conversions/import", "<rows/>").await,
        @r##"415 {"code":"unsupported_media_type","error":"The body is neither JSON nor CSV nor newline-delimited JSON. Say which it is in the header Content-Type: application/json, text/csv or application/x-ndjson."}"##
    );
}
