//! What is read of a postback, with and without a mapping.

use rstest::rstest;

use super::*;
use crate::conversion::{DuplicateMode, EventType};

#[rstest]
#[case("", "sale approved payout USD")]
#[case(
    "revenue=12.50&currency=eur&txn_id=A 1&event=Lead",
    "lead approved 12.5 EUR txn=A 1"
)]
// A macro that the network did not replace is no value.
#[case("txn_id={transaction_id}", "sale approved payout USD")]
#[case("txn_id=%7B%7Btxid%7D%7D&revenue={payout}", "sale approved payout USD")]
#[case(
    "txn_id=[txid]&revenue=null&currency={cur}",
    "sale approved payout USD"
)]
#[case("txn_id=0&event={goal}&status=undefined", "sale approved payout USD")]
#[case("txn_id=-&revenue=0", "sale approved 0 USD")]
#[case("txn_id={x}&order_id=77", "sale approved payout USD txn=77")]
// The status is no ornament.
#[case("status=rejected&revenue=3", "sale rejected 3 USD")]
#[case("status=Declined", "sale rejected payout USD")]
#[case("status=pending", "sale pending payout USD")]
#[case("status=hold&event=lead", "lead pending payout USD")]
#[case("status=approved", "sale approved payout USD")]
#[case("status=reversed&txn_id=1", "sale reversed payout USD txn=1")]
#[case("status=refunded&revenue=5&txn_id=1", "refund approved 5 USD txn=1")]
#[case("status=3", "sale pending payout USD")]
#[case("status=0", "sale pending payout USD")]
#[case("status=lead", "lead approved payout USD")]
#[case("status=sale&event=deposit", "deposit approved payout USD")]
#[case("event=declined", "sale rejected payout USD")]
#[case("event=refund&status=reversed", "refund approved payout USD")]
// Names that everybody knows.
#[case("amount=3&order_id=77", "sale approved 3 USD txn=77")]
#[case("payout=3", "sale approved 3 USD")]
#[case("sum=3&cur=EUR", "sale approved 3 EUR")]
#[case("sale_amount=100&payout=3", "sale approved 3 USD")]
#[case("revenue=1&payout=3&AMOUNT=4", "sale approved 1 USD")]
#[case("transaction_id=t&order_id=o", "sale approved payout USD txn=t")]
#[case("tid=77", "sale approved payout USD txn=77")]
#[case("tid=01a11d5c-1e7b-7123-8123-456789abcdef", "sale approved payout USD")]
// Events.
#[case("event=Base", "sale approved payout USD")]
#[case("event=purchase", "sale approved payout USD")]
#[case("event=deposit", "deposit approved payout USD")]
#[case("event=on_payment", "sale approved payout USD")]
#[case("event=RFND&txn_id=1", "refund approved payout USD txn=1")]
#[case("event=Ä", "sale approved payout USD")]
#[case(
    "event=refund&refund_id=r-1&revenue=2&txn_id=1",
    "refund approved 2 USD txn=1 refund=r-1"
)]
// Amounts and currencies are never a reason to refuse a conversion.
#[case("revenue=-5&txn_id=1", "refund approved 5 USD txn=1")]
#[case(
    "revenue=-5&event=chargeback&txn_id=1",
    "chargeback approved 5 USD txn=1"
)]
#[case("revenue=-5&status=reversed&txn_id=1", "sale reversed 5 USD txn=1")]
#[case("revenue=-0", "sale approved 0 USD")]
#[case(
    "revenue=33.333333333333336",
    "sale approved 33.33 USD !amount_rounded"
)]
#[case("revenue=.5", "sale approved 0.5 USD")]
#[case("revenue=$12.50", "sale approved 12.5 USD")]
#[case("revenue=12.50 EUR", "sale approved 12.5 EUR")]
#[case("revenue=12.50 EUR&currency=GBP", "sale approved 12.5 GBP")]
#[case("revenue=37,00", "sale approved 37 USD")]
#[case("revenue=1,234.50", "sale approved 1234.5 USD")]
#[case("revenue=1.234,50", "sale approved 1234.5 USD")]
#[case("revenue=2500000000&currency=IDR", "sale approved 2500000000 IDR")]
#[case("revenue=1,234", "sale approved payout USD !amount_unreadable")]
#[case("revenue=1,234&currency=JPY", "sale approved 1234 JPY")]
#[case("revenue=abc", "sale approved payout USD !amount_unreadable")]
#[case("revenue=1e400", "sale approved payout USD !amount_unreadable")]
#[case("revenue=5&currency=dollars", "sale approved 5 USD !currency_unknown")]
#[case("revenue=5&currency=ABC", "sale approved 5 USD !currency_unknown")]
#[case("revenue=5&currency=€", "sale approved 5 EUR")]
#[case("revenue=5&currency=usdt", "sale approved 5 USDT")]
// The separators of a page of HTML.
#[case("txn_id=1&amp;revenue=3&amp;currency=EUR", "sale approved 3 EUR txn=1")]
#[case("order[id]=77&order[total]=5", "sale approved 5 USD txn=77")]
fn a_query_is_read_without_a_mapping(#[case] text: &str, #[case] expected: &str) {
    assert_eq!(read(text), expected);
}

#[rstest]
#[case(r#"{"revenue": 12.50, "txn_id": "1"}"#, "sale approved 12.5 USD txn=1")]
#[case(r#"{"revenue": 1e3}"#, "sale approved 1000 USD")]
#[case(
    r#"{"order": {"id": 7, "amount": "3,50", "currency": "EUR"}}"#,
    "sale approved 3.5 EUR txn=7"
)]
#[case(r#"{"data": {"click_id": "x", "payout": 3}}"#, "sale approved 3 USD")]
// A name that is there twice is nobody's.
#[case(
    r#"{"items": [{"price": 1}, {"price": 2}]}"#,
    "sale approved payout USD"
)]
#[case(r#"{"payout": 9, "items": [{"payout": 1}]}"#, "sale approved 9 USD")]
fn nested_json_is_read(#[case] body: &str, #[case] expected: &str) {
    let details = interpret(&json(body), MappingLayers::new(None, None));
    assert_eq!(line(&details), expected);
}

#[test]
fn the_query_comes_before_the_body() {
    let mut parameters = query("txn_id=1");
    let body = br#"{"txn_id": "2", "revenue": 3}"#;
    parameters.add_body("application/json", body).unwrap();
    let details = interpret(&parameters, MappingLayers::new(None, None));
    assert_eq!(line(&details), "sale approved 3 USD txn=1");
}

#[test]
fn a_transaction_with_control_characters_is_kept_as_a_digest() {
    let text = read("txn_id=x%00");
    assert!(
        text.starts_with("sale approved payout USD txn=sha256:"),
        "{text}"
    );
    assert!(text.ends_with(" !txn_id_shortened"), "{text}");
}

#[test]
fn a_transaction_that_is_too_long_is_kept_as_a_digest() {
    let read = |length: usize| {
        let text = format!("txn_id={}", "x".repeat(length));
        interpret(&query(&text), MappingLayers::new(None, None))
    };
    assert_eq!(read(255).flags, []);
    let long = read(256);
    assert_eq!(long.flags, [ConversionFlag::TxnIdShortened]);
    let txn_id = long.txn_id.unwrap();
    assert!(
        txn_id.starts_with("sha256:") && txn_id.len() == 71,
        "{txn_id}"
    );
    assert_ne!(read(257).txn_id, Some(txn_id));
}

const ACCOUNT: &str = r#"{
    "preset": "affise",
    "parameters": { "summe": "revenue", "wer": "click_id", "note": "event" },
    "statuses": { "3": "pending", "9": "refund", "*": "rejected" },
    "events": { "reg": { "event": "signup", "pays": false }, "ping": { "ignore": true } },
    "absent_amount": "zero",
    "duplicates": "update",
    "duplicates_by_event": { "deposit": "new" },
    "require_txn_id": true,
    "response": { "body": "1" }
}"#;
const OFFER: &str = r#"{
    "parameters": { "brutto": "revenue" },
    "statuses": { "3": "approved" },
    "events": { "*": { "event": "lead" } },
    "default_event": "install",
    "duplicates_by_event": { "deposit": "add" }
}"#;

#[rstest]
#[case("summe=3", "sale approved 3 USD", "install approved 3 USD")]
#[case("summe=3&brutto=4", "sale approved 3 USD", "install approved 4 USD")]
#[case(
    "summe=3&revenue=5&brutto=4",
    "sale approved 5 USD",
    "install approved 5 USD"
)]
#[case("status=3", "sale pending nothing", "install approved nothing")]
#[case("status=2", "sale pending nothing", "install pending nothing")]
#[case(
    "status=9&txn_id=1",
    "refund approved payout USD txn=1",
    "refund approved payout USD txn=1"
)]
#[case("status=77", "sale rejected nothing", "install rejected nothing")]
#[case(
    "note=REG&summe=3",
    "signup approved nothing",
    "signup approved nothing"
)]
#[case(
    "event=ping",
    "sale approved nothing ignored",
    "install approved nothing ignored"
)]
#[case(
    "event=deposit&summe=1",
    "deposit approved 1 USD",
    "lead approved 1 USD"
)]
#[case("event=Base&summe=1", "sale approved 1 USD", "sale approved 1 USD")]
#[case("goal=1&sum=2", "sale approved 2 USD", "sale approved 2 USD")]
fn the_offer_prevails_over_the_account_and_that_over_the_preset(
    #[case] text: &str,
    #[case] by_account: &str,
    #[case] by_offer: &str,
) {
    let (account, offer) = (mapping(ACCOUNT), mapping(OFFER));
    let parameters = query(text);
    let layers = MappingLayers::new(None, Some(&account));
    assert_eq!(line(&interpret(&parameters, layers)), by_account);
    let layers = MappingLayers::new(Some(&offer), Some(&account));
    assert_eq!(line(&interpret(&parameters, layers)), by_offer);
}

#[test]
fn the_settings_of_the_layers_are_found() {
    let (account, offer) = (mapping(ACCOUNT), mapping(OFFER));
    let layers = MappingLayers::new(Some(&offer), Some(&account));
    let deposit = EventType::from_name("deposit").unwrap();
    assert_eq!(layers.duplicate_mode(deposit), DuplicateMode::Add);
    assert_eq!(
        layers.duplicate_mode(EventType::Sale),
        DuplicateMode::Update
    );
    assert!(layers.requires_txn_id());
    let response = layers.response().unwrap();
    assert_eq!((response.status, &*response.body), (200, "1"));
    let none = MappingLayers::new(None, None);
    assert_eq!(none.duplicate_mode(deposit), DuplicateMode::Ignore);
    assert!(!none.requires_txn_id() && none.response().is_none());
    let none = none.with_default_currency(Some("EUR"));
    let details = interpret(&query("revenue=1&currency=ABC"), none);
    assert_eq!(line(&details), "sale approved 1 EUR !currency_unknown");
}

#[test]
fn the_preset_of_the_request_replaces_that_of_the_account() {
    let account = mapping(r#"{ "preset": "affise" }"#);
    let layers = MappingLayers::new(None, Some(&account));
    let read = |text: &str| line(&interpret(&query(text), layers));
    assert_eq!(read("status=3"), "sale rejected payout USD");
    assert_eq!(
        read("status=lead&preset=keitaro"),
        "sale pending payout USD"
    );
    assert_eq!(read("status=3&preset=nobody"), "sale rejected payout USD");
}

#[test]
fn what_was_understood_and_what_was_ignored_is_told() {
    let text = "click_id=01a11d5c1e7b71238123456789abcdef&amount=3&txn_id={x}&foo=bar&empty=\
                &token=secret&status=what&payout=4";
    let details = interpret(&query(text), MappingLayers::new(None, None));
    let understood: Vec<_> = details
        .understood
        .iter()
        .map(|parameter| {
            let value = parameter.value.as_deref().unwrap_or("-");
            format!("{} {} {value}", parameter.name, parameter.field.as_str())
        })
        .collect();
    let expected = [
        "click_id click_id 01a11d5c1e7b71238123456789abcdef",
        "token token -",
        "payout revenue 4",
    ];
    assert_eq!(understood, expected);
    assert_eq!(details.ignored, ["amount", "txn_id", "foo", "status"]);
}

#[test]
fn parameters_are_kept_within_limits_and_read_again() {
    let fillers: Vec<_> = (0..100).map(|n| format!("x{n:03}=y")).collect();
    let text = format!(
        "{}&token=secret&transaction_id={CLICK}&status=3&sum=5&action_id=a",
        fillers.join("&")
    );
    let parameters = query(&text);
    let kept = Postback::new(&parameters, MappingLayers::new(None, None)).kept_parameters();
    assert_eq!(kept.len(), 50);
    assert!(!kept.contains_key("token"));
    let account = mapping(ACCOUNT);
    let read_again = PostbackParameters::from(&kept);
    let postback = Postback::new(&read_again, MappingLayers::new(None, Some(&account)));
    assert_eq!(postback.click_id(now()), ClickId::parse(CLICK).ok());
    assert_eq!(line(&postback.details()), "sale pending 5 USD txn=a");

    let long = format!("a={}&sum=5", "x".repeat(5000));
    let parameters = query(&long);
    let kept = Postback::new(&parameters, MappingLayers::new(None, None)).kept_parameters();
    assert_eq!(kept.keys().collect::<Vec<_>>(), ["sum"]);
}
