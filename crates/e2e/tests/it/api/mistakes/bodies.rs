//! Mistakes in bodies.

use insta::assert_snapshot;

use super::Api;

#[tokio::test]
async fn what_is_no_json_object() {
    let api = Api::start("bodies").await;
    let post = async |path, body| api.answer_to("POST", path, body).await;
    println!("ANSWER {}", post("/api/v2/links/shorten", "").await);
    println!("ANSWER {}", post("/api/v2/links/shorten", r#"{"url": "https://e.com",}"#).await);
    println!("ANSWER {}", post("/api/v2/links/shorten", r#"{"url": "https://e.com"#).await);
    println!("ANSWER {}", post("/api/v2/links/shorten", "[]").await);
    println!("ANSWER {}", post("/api/v2/links/shorten", r#"{"url": "https://a.com", "url": "https://b.com"}"#).await);
}

#[tokio::test]
async fn values_of_links() {
    let api = Api::start("bodies").await;
    let post = async |path, body| api.answer_to("POST", path, body).await;
    println!("ANSWER {}", post("/api/v2/links/shorten", r#"{"listId": 42}"#).await);
    println!("ANSWER {}", post("/api/v2/links/shorten", r#"{"url": "https://e.com"}"#).await);
    println!("ANSWER {}", post("/api/v2/links/shorten", r#"{"url": "example.com/page", "listId": 42}"#).await);
    println!("ANSWER {}", post("/api/v2/links/shorten", r#"{"url": "https://e.com", "listId": "42"}"#).await);
    println!("ANSWER {}", post("/api/v2/links/shorten", r#"{"url": "https://e.com", "phoneNumber": "18005551234"}"#).await);
    println!("ANSWER {}", post("/api/v2/links/shorten", r#"{"url": "https://e.com", "domain": "bodies.example", "slug": "a b"}"#).await);
    println!("ANSWER {}", post("/api/v2/links/shorten", r#"{"url": "https://e.com", "domain": "bodies.example", "expiresAt": "tomorrow"}"#).await);
    println!("ANSWER {}", post("/api/v2/links/shorten", r#"{"url": "https://e.com", "domain": "bodies.example", "metadata": "x"}"#).await);
}

#[tokio::test]
async fn values_of_other_objects() {
    let api = Api::start("bodies").await;
    let post = async |path, body| api.answer_to("POST", path, body).await;
    println!("ANSWER {}", post("/api/v2/offers", r#"{"tracking_url": "https://e.com"}"#).await);
    println!("ANSWER {}", post("/api/v2/offers", r#"{"name": "Offer", "trackingURL": "https://e.com", "nam": "x"}"#).await);
    println!("ANSWER {}", post("/api/v2/offers", r#"{"name": "Offer", "tracking_url": "https://e.com", "payout": "free"}"#).await);
    println!("ANSWER {}", post("/api/v2/offers", r#"{"name": "Offer", "tracking_url": "https://e.com", "filter_bots": "no"}"#).await);
    println!("ANSWER {}", post("/api/v2/domains", r#"{"host": "new.example", "kind": "long"}"#).await);
    println!("ANSWER {}", post("/api/v2/domains", r#"{"host": "localhost", "kind": "short"}"#).await);
    println!("ANSWER {}", post("/api/campaigns", r#"{"name": "Spring"}"#).await);
}
