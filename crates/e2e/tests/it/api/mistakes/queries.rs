//! Mistakes in queries.

use insta::assert_snapshot;

use super::Api;

#[tokio::test]
async fn unknown_names_and_values_of_pages() {
    let api = Api::start("queries").await;
    let get = async |path| api.answer_to("GET", path, "").await;
    println!("ANSWER {}", get("/api/v2/links?offer=x").await);
    println!("ANSWER {}", get("/api/v2/lists?per_page=500").await);
    println!("ANSWER {}", get("/api/v2/links?page=0").await);
    println!("ANSWER {}", get("/api/v2/links?page=two").await);
    println!("ANSWER {}", get("/api/v2/clicks?limit=0").await);
    println!("ANSWER {}", get("/api/v2/clicks?cursor=abc").await);
}

#[tokio::test]
async fn values_that_no_filter_can_have() {
    let api = Api::start("queries").await;
    let get = async |path| api.answer_to("GET", path, "").await;
    println!("ANSWER {}", get("/api/v2/links?status=on").await);
    println!("ANSWER {}", get("/api/v2/links?offerId=x").await);
    println!("ANSWER {}", get("/api/v2/clicks?offer_id=6789abcd1234ef5678901234").await);
    println!("ANSWER {}", get("/api/v2/links?contactPhone=12025550100").await);
    println!("ANSWER {}", get("/api/v2/reports/performance?country=usa").await);
    println!("ANSWER {}", get("/api/v2/reports/performance?link_id=nowhere").await);
    println!("ANSWER {}", get("/api/v2/reports/performance?list_id=abc").await);
    println!("ANSWER {}", get("/api/v2/clicks?reason=robot").await);
    println!("ANSWER {}", get("/api/v2/clicks?ip=1.2.3").await);
}

#[tokio::test]
async fn dates_zones_currencies_and_formats() {
    let api = Api::start("queries").await;
    let get = async |path| api.answer_to("GET", path, "").await;
    println!("ANSWER {}", get("/api/v2/reports/performance?from=01/03/2026").await);
    println!("ANSWER {}", get("/api/v2/reports/performance?from=2026-03-02&to=2026-03-01").await);
    println!("ANSWER {}", get("/api/v2/clicks?from=yesterday").await);
    println!("ANSWER {}", get("/api/v2/reports/performance?currency=DOLLAR").await);
    println!("ANSWER {}", get("/api/v2/reports/performance?tz=Berlin").await);
    println!("ANSWER {}", get("/api/v2/reports/performance?group_by=offers").await);
    println!("ANSWER {}", get("/api/v2/conversions?format=xlsx").await);
}
