//! Mistakes in headers and paths.

use insta::assert_snapshot;

use super::Api;

#[tokio::test]
async fn keys() {
    let api = Api::start("keys").await;
    println!("ANSWER {}", api.answer_with(&[], "GET", "/api/v2/links", "").await);
    println!("ANSWER {}", api.answer_with(&[("Authorization", "Basic dXNlcjpwYXNz")], "GET", "/api/v2/links", "").await);
    println!("ANSWER {}", api.answer_with(&[("X-Api-Key", "trk_00000000000000000000000000000000")], "GET", "/api/v2/links", "").await);
}

#[tokio::test]
async fn paths_and_types() {
    let api = Api::start("keys").await;
    let key = api.tenant.key.as_str();
    println!("ANSWER {}", api.answer_to("PUT", "/api/v2/links", "{}").await);
    println!("ANSWER {}", api.answer_to("GET", "/api/v2/link", "").await);
    println!("ANSWER {}", api.answer_to("GET", "/api/v2/offers/123", "").await);
    println!("ANSWER {}", api.answer_to("GET", "/api/v2/contacts/12025550100/journey", "").await);
    let headers = [("X-Api-Key", key), ("Content-Type", "application/x-www-form-urlencoded")];
    println!("ANSWER {}", api.answer_with(&headers, "POST", "/api/v2/links/shorten", "url=https://e.com&listId=42").await);
    let headers = [("X-Api-Key", key), ("Content-Type", "text/xml")];
    println!("ANSWER {}", api.answer_with(&headers, "POST", "/api/v2/conversions/import", "<rows/>").await);
}
