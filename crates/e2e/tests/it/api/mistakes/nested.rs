//! Mistakes in what a body contains.

use insta::assert_snapshot;

use super::Api;

#[tokio::test]
async fn entries_of_arrays() {
    let api = Api::start("nested").await;
    let post = async |path, body| api.answer_to("POST", path, body).await;
    println!("ANSWER {}", post("/api/v2/creatives", r#"{"name": "Promo", "message": "{{link1}}"}"#).await);
    println!("ANSWER {}", post("/api/v2/creatives", r#"{"name": "Promo", "message": "{{link1}}", "offer_links": {"key": "link1"}}"#).await);
    println!("ANSWER {}", post("/api/v2/creatives/1/render", r#"{"listId": 42, "messages": [{"messageId": "m", "contactPhone": "+18005550100", "variables": {"first_name": 5}}]}"#).await);
    println!("ANSWER {}", post("/api/v2/creatives/1/render", r#"{"listId": 42, "messages": [{"messageId": "m", "contactPhone": true}]}"#).await);
    println!("ANSWER {}", post("/api/v2/clicks/reclassify", r#"{"verdict": "bot", "filter": {"country": "usa"}}"#).await);
}
