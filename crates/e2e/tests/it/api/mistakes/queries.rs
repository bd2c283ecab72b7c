//! Mistakes in queries.

use insta::assert_snapshot;

use super::Api;

#[tokio::test]
async fn unknown_names_and_values_of_pages() {
    let api = Api::start("queries").await;
    let get = async |path| api.answer_to("GET", path, "").await;
    assert_snapshot!(
        get("/api/v2/links?offer=x").await,
        @r##"400 {"code":"unknown_parameter","error":"The query parameter offer is not known here. Did you mean offerId? Known are page, per_page, cursor, status, offerId, listId, messageId, contactPhone, domain."}"##
    );
    assert_snapshot!(
        get("/api/v2/lists?per_page=500").await,
        @r##"400 {"code":"invalid_field","error":"The field per_page is not valid: it is the text \"500\", not an integer from 1 to 100."}"##
    );
    assert_snapshot!(
        get("/api/v2/links?page=0").await,
        @r##"400 {"code":"invalid_field","error":"The field page is not valid: it is the text \"0\", not an integer from 1 to 1000000."}"##
    );
    assert_snapshot!(
        get("/api/v2/links?page=two").await,
        @r##"400 {"code":"invalid_field","error":"The field page is not valid: it is the text \"two\", not an integer from 1 to 1000000."}"##
    );
    assert_snapshot!(
        get("/api/v2/clicks?limit=0").await,
        @r##"400 {"code":"invalid_field","error":"The field limit is not valid: it is the text \"0\", not an integer from 1 to 10000."}"##
    );
    assert_snapshot!(
        get("/api/v2/clicks?cursor=abc").await,
        @r##"400 {"code":"invalid_field","error":"The field cursor is not valid: it is the text \"abc\", not a value of `next_cursor`."}"##
    );
}

#[tokio::test]
async fn values_that_no_filter_can_have() {
    let api = Api::start("queries").await;
    let get = async |path| api.answer_to("GET", path, "").await;
    assert_snapshot!(
        get("/api/v2/links?status=on").await,
        @r##"400 {"code":"invalid_field","error":"The field status is not valid: it is the text \"on\", not one of active, deactivated."}"##
    );
    assert_snapshot!(
        get("/api/v2/links?offerId=x").await,
        @r##"400 {"code":"invalid_field","error":"The field offerId is not valid: it is the text \"x\", not the id of one of your offers, which GET /api/v2/offers and /api/v2/partnership-offers list."}"##
    );
    assert_snapshot!(
        get("/api/v2/clicks?offer_id=6789abcd1234ef5678901234").await,
        @r##"400 {"code":"invalid_field","error":"The field offer_id is not valid: it is the text \"6789abcd1234ef5678901234\", not the id of one of your offers, which GET /api/v2/offers and /api/v2/partnership-offers list."}"##
    );
    assert_snapshot!(
        get("/api/v2/links?contactPhone=12025550100").await,
        @r##"400 {"code":"invalid_phone","error":"The contactPhone field is not a valid E.164 phone number. One is written as +18005551234. It is the text \"12025550100\"."}"##
    );
    assert_snapshot!(
        get("/api/v2/reports/performance?country=usa").await,
        @r##"400 {"code":"invalid_field","error":"The field country is not valid: it is the text \"usa\", not a country by ISO 3166-1 alpha-2, as in US."}"##
    );
    assert_snapshot!(
        get("/api/v2/reports/performance?link_id=nowhere").await,
        @r##"400 {"code":"invalid_field","error":"The field link_id is not valid: it is the text \"nowhere\", not the id of one of your links, which GET /api/v2/links and /api/links list."}"##
    );
    assert_snapshot!(
        get("/api/v2/reports/performance?list_id=abc").await,
        @r##"400 {"code":"invalid_field","error":"The field list_id is not valid: it is the text \"abc\", not an id, which is an integer such as 42."}"##
    );
    assert_snapshot!(
        get("/api/v2/clicks?reason=robot").await,
        @r##"400 {"code":"invalid_field","error":"The field reason is not valid: it is the text \"robot\", not one of ua_bot, ua_missing, link_preview, head_method, prefetch, datacenter_ip, bad_country, burst."}"##
    );
    assert_snapshot!(
        get("/api/v2/clicks?ip=1.2.3").await,
        @r##"400 {"code":"invalid_field","error":"The field ip is not valid: it is the text \"1.2.3\", neither an address as in 203.0.113.7 nor a network as in 203.0.113.0/24."}"##
    );
}

#[tokio::test]
async fn dates_zones_currencies_and_formats() {
    let api = Api::start("queries").await;
    let get = async |path| api.answer_to("GET", path, "").await;
    assert_snapshot!(
        get("/api/v2/reports/performance?from=01/03/2026").await,
        @r##"400 {"code":"invalid_field","error":"The field from is not valid: it is the text \"01/03/2026\", neither a day as in 2026-03-01 nor a time as in 2026-03-01T00:00:00Z, of the years 1 to 9999."}"##
    );
    assert_snapshot!(
        get("/api/v2/reports/performance?from=2026-03-02&to=2026-03-01").await,
        @r##"400 {"code":"invalid_field","error":"The field from is not valid: it is the text \"2026-03-02\", not before the time that `to` names."}"##
    );
    assert_snapshot!(
        get("/api/v2/clicks?from=yesterday").await,
        @r##"400 {"code":"invalid_field","error":"The field from is not valid: it is the text \"yesterday\", neither a day as in 2026-03-01 nor a time as in 2026-03-01T00:00:00Z, of the years 1 to 9999."}"##
    );
    assert_snapshot!(
        get("/api/v2/reports/performance?currency=DOLLAR").await,
        @r##"400 {"code":"invalid_field","error":"The field currency is not valid: it is the text \"DOLLAR\", not a code as in USD."}"##
    );
    assert_snapshot!(
        get("/api/v2/reports/performance?tz=Berlin").await,
        @r##"400 {"code":"invalid_field","error":"The field tz is not valid: it is the text \"Berlin\", not a time zone as in America/New_York."}"##
    );
    assert_snapshot!(
        get("/api/v2/reports/performance?group_by=offers").await,
        @r##"400 {"code":"invalid_field","error":"The field group_by is not valid: it is the text \"offers\", not one of date, hour, hour_of_day, weekday, message, creative, offer, list, link, campaign, country, device, event, sub1, sub2, sub3, sub4, sub5, source, os, browser, language, region, city, network, bot_reason, bot_rule."}"##
    );
    assert_snapshot!(
        get("/api/v2/conversions?format=xlsx").await,
        @r##"400 {"code":"invalid_field","error":"The field format is not valid: it is the text \"xlsx\", not one of json, csv."}"##
    );
}
