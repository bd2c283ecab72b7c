//! The public templates of networks, trackers and shops with values as they send them.
//! `presets.toml` names the documents.

use rstest::rstest;

use super::*;

/// The macros of a template replaced by values, in order.
fn fill(template: &str, values: &[&str]) -> String {
    let mut values = values.iter();
    let filled: Vec<_> = template
        .split('&')
        .map(|pair| {
            let (name, _) = pair.split_once('=').unwrap();
            let value = values.next().expect("a value for each macro");
            format!("{name}={value}")
        })
        .collect();
    assert_eq!(values.next(), None, "{template}");
    filled.join("&")
}

/// The conversion of a query by a preset, which must name [`CLICK`].
fn by_preset(name: &str, text: &str) -> String {
    let mut parameters = query(text);
    parameters.add("preset", name);
    checked_line(&parameters)
}

fn checked_line(parameters: &PostbackParameters<'_>) -> String {
    let postback = Postback::new(parameters, MappingLayers::new(None, None));
    let named = postback.named_click(now());
    let expected = ClickId::parse(CLICK).ok();
    assert_eq!(named.map(|named| named.click_id), Ok(expected));
    line(&postback.details())
}

#[rstest]
#[case("tune", &[CLICK, "102f8c7a", "12.50", "USD"], "sale approved 12.5 USD txn=102f8c7a")]
#[case("hasoffers", &[CLICK, "102f8c7a", "12.50", "USD"], "sale approved 12.5 USD txn=102f8c7a")]
#[case(
    "everflow",
    &[CLICK, "56d75d3a4d6e", "4.2", "EUR", "Base"],
    "sale approved 4.2 EUR txn=56d75d3a4d6e"
)]
#[case(
    "everflow",
    &[CLICK, "56d75d3a4d6e", "4.2", "EUR", "First Deposit"],
    "first_deposit approved 4.2 EUR txn=56d75d3a4d6e"
)]
#[case("cake", &[CLICK, "A1B2C3", "3.0000"], "sale approved 3 USD txn=A1B2C3")]
#[case(
    "impact",
    &[CLICK, "1000.4636.158133", "7.10", "USD", "PENDING"],
    "sale pending 7.1 USD txn=1000.4636.158133"
)]
#[case(
    "impact",
    &[CLICK, "1000.4636.158133", "0.00", "USD", "REVERSED"],
    "sale reversed 0 USD txn=1000.4636.158133"
)]
#[case("affise", &[CLICK, "a-1", "3", "USD", "1", "1"], "sale approved 3 USD txn=a-1")]
#[case("affise", &[CLICK, "a-1", "3", "USD", "2", "1"], "sale pending 3 USD txn=a-1")]
#[case("affise", &[CLICK, "a-1", "3", "USD", "3", "1"], "sale rejected 3 USD txn=a-1")]
#[case("affise", &[CLICK, "a-1", "3", "USD", "5", "dep"], "dep pending 3 USD txn=a-1")]
#[case("maxbounty", &[CLICK, "887766", "25.00"], "sale approved 25 USD txn=887766")]
#[case("voluum", &[CLICK, "3.5", "tx-1", "USD", ""], "sale approved 3.5 USD txn=tx-1")]
#[case("voluum", &[CLICK, "3.5", "tx-1", "USD", "install"], "install approved 3.5 USD txn=tx-1")]
#[case(
    "redtrack",
    &[CLICK, "3.5", "Upsell", "USD", "ev-1", "approved"],
    "upsell approved 3.5 USD txn=ev-1"
)]
#[case("keitaro", &[CLICK, "10", "EUR", "lead", "2"], "sale pending 10 EUR txn=2")]
#[case("keitaro", &[CLICK, "10", "EUR", "sale", "2"], "sale approved 10 EUR txn=2")]
#[case("keitaro", &[CLICK, "10", "EUR", "rejected", "2"], "sale rejected 10 EUR txn=2")]
#[case("keitaro", &[CLICK, "10", "EUR", "rebill", "3"], "rebill approved 10 EUR txn=3")]
#[case("binom", &[CLICK, "5", "Hold", "usd"], "sale pending 5 USD")]
#[case("binom", &[CLICK, "5", "signup", "usd"], "signup approved 5 USD")]
#[case(
    "clickbank",
    &["SALE", "CWOGBZLN", "19.10", "USD", CLICK],
    "sale approved 19.1 USD txn=CWOGBZLN"
)]
#[case(
    "clickbank",
    &["RFND", "CWOGBZLN", "-19.10", "USD", CLICK],
    "refund approved 19.1 USD txn=CWOGBZLN"
)]
#[case(
    "clickbank",
    &["CGBK", "CWOGBZLN", "-19.10", "USD", CLICK],
    "chargeback approved 19.1 USD txn=CWOGBZLN"
)]
#[case(
    "clickbank",
    &["TEST_SALE", "CWOGBZLN", "19.10", "USD", CLICK],
    "sale approved 19.1 USD txn=CWOGBZLN ignored"
)]
#[case(
    "digistore24",
    &[CLICK, "77", "48.51", "EUR", "payment"],
    "sale approved 48.51 EUR txn=77"
)]
#[case(
    "digistore24",
    &[CLICK, "78", "-48.51", "EUR", "refund"],
    "refund approved 48.51 EUR txn=78"
)]
fn the_template_of_a_preset_is_read(
    #[case] name: &str,
    #[case] values: &[&str],
    #[case] expected: &str,
) {
    let preset = Preset::named(name).unwrap();
    assert_eq!(by_preset(name, &fill(&preset.template, values)), expected);
}

/// Queries in the names that platforms document for their own endpoints, and that senders
/// therefore have.
#[rstest]
// TUNE's /aff_lsr: transaction_id is the click.
#[case(
    "tune",
    "offer_id=26&transaction_id=CLICK&amount=9.99&adv_sub=A7",
    "sale approved 9.99 USD txn=A7"
)]
#[case(
    "tune",
    "aff_sub=CLICK&transaction_id=102f&payout=3",
    "sale approved 3 USD txn=102f"
)]
// Everflow's postback: transaction_id is the click, and amounts may have a comma.
#[case(
    "everflow",
    "nid=1&transaction_id=CLICK&amount=12,34&order_id=7",
    "sale approved 12.34 USD txn=7"
)]
#[case(
    "everflow",
    "nid=1&transaction_id=CLICK&event_id=0",
    "sale approved payout USD"
)]
#[case(
    "cake",
    "s2=CLICK&leadid=L1&cid=12&price=3.00",
    "sale approved 3 USD txn=L1"
)]
#[case(
    "impact",
    "SubId1=CLICK&ActionId=1&Payout=7.1&Status=LOCKED",
    "sale approved 7.1 USD txn=1"
)]
#[case(
    "affise",
    "clickid=CLICK&action_id=9&sum=3&status=5&goal=2",
    "2 pending 3 USD txn=9"
)]
#[case("voluum", "cid=CLICK", "sale approved payout USD")]
#[case("redtrack", "clickid=CLICK&sum=3&type=Purchase", "sale approved 3 USD")]
#[case("keitaro", "sub_id=CLICK&revenue=3", "sale approved 3 USD")]
#[case("binom", "cnv_id=CLICK&payout={payout}", "sale approved payout USD")]
#[case(
    "clickbank",
    "ctransaction=BILL&ctransreceipt=R-B1&ctid=CLICK",
    "rebill approved payout USD txn=R-B1"
)]
#[case(
    "digistore24",
    "event=on_payment&order_id=O1&transaction_id=77&amount_affiliate=48.51&currency=EUR&cid=CLICK",
    "sale approved 48.51 EUR txn=77"
)]
#[case(
    "digistore24",
    "event=on_refund&transaction_id=78&parent_transaction_id=77&cid=CLICK",
    "refund approved payout USD txn=77"
)]
#[case(
    "digistore24",
    "event=on_payment_missed&transaction_id=79&cid=CLICK",
    "sale approved payout USD txn=79 ignored"
)]
fn the_documented_names_of_a_platform_are_read(
    #[case] name: &str,
    #[case] text: &str,
    #[case] expected: &str,
) {
    let text = text.replace("CLICK", CLICK);
    assert_eq!(by_preset(name, &text), expected);
}

#[rstest]
#[case(
    "clickbank",
    r#"{"transactionType": "RFND", "receipt": "R1", "totalAccountAmount": -5.10,
        "currency": "USD", "trackingCodes": ["CLICK"]}"#,
    "refund approved 5.1 USD txn=R1"
)]
#[case(
    "shopify",
    r#"{"id": 820, "total_price": "403.00", "currency": "USD", "financial_status": "paid",
        "line_items": [{"id": 1, "price": "199.00"}, {"id": 2, "price": "204.00"}],
        "note_attributes": [{"name": "click_id", "value": "CLICK"}]}"#,
    "sale approved 403 USD txn=820"
)]
#[case(
    "stripe",
    r#"{"id": "evt_1", "type": "checkout.session.completed", "data": {"object": {
        "id": "cs_1", "amount_total": 25000, "currency": "usd", "payment_intent": "pi_1",
        "payment_status": "paid", "status": "complete", "client_reference_id": "CLICK"}}}"#,
    "sale approved 250 USD txn=pi_1"
)]
#[case(
    "stripe",
    r#"{"id": "evt_2", "type": "refund.created", "data": {"object": {
        "id": "re_1", "amount": 1000, "currency": "jpy", "payment_intent": "pi_1",
        "status": "succeeded", "metadata": {"click_id": "CLICK"}}}}"#,
    "refund approved 1000 JPY txn=pi_1"
)]
#[case(
    "stripe",
    r#"{"id": "evt_3", "type": "customer.updated", "data": {"object": {
        "id": "cus_1", "metadata": {"click_id": "CLICK"}}}}"#,
    "sale approved payout USD txn=cus_1 ignored"
)]
// Of a subscription only the invoices count, so that its first payment counts once.
#[case(
    "stripe",
    r#"{"id": "evt_4", "type": "checkout.session.completed", "data": {"object": {
        "id": "cs_2", "mode": "subscription", "amount_total": 900, "currency": "eur",
        "payment_intent": null, "invoice": "in_1", "payment_status": "paid",
        "client_reference_id": "CLICK"}}}"#,
    "sale approved 9 EUR txn=cs_2 ignored"
)]
#[case(
    "stripe",
    r#"{"id": "evt_5", "type": "invoice.paid", "data": {"object": {
        "id": "in_1", "billing_reason": "subscription_create", "amount_paid": 900,
        "currency": "eur", "status": "paid", "subscription_details": {"metadata":
        {"click_id": "CLICK"}}, "lines": {"data": [{"metadata": {"click_id": "CLICK"}}]}}}}"#,
    "sale approved 9 EUR txn=in_1"
)]
#[case(
    "stripe",
    r#"{"id": "evt_6", "type": "invoice.paid", "data": {"object": {
        "id": "in_2", "billing_reason": "subscription_cycle", "amount_paid": 900,
        "currency": "eur", "status": "paid", "parent": {"subscription_details": {"metadata":
        {"click_id": "CLICK"}}}, "lines": {"data": [{"metadata": {"click_id": "CLICK"}}]}}}}"#,
    "rebill approved 9 EUR txn=in_2"
)]
// The invoice of a checkout that has counted already.
#[case(
    "stripe",
    r#"{"id": "evt_7", "type": "invoice.paid", "data": {"object": {
        "id": "in_3", "billing_reason": "manual", "amount_paid": 900, "currency": "eur",
        "status": "paid", "metadata": {"click_id": "CLICK"}}}}"#,
    "sale approved 9 EUR txn=in_3 ignored"
)]
fn the_notifications_of_a_shop_are_read(
    #[case] name: &str,
    #[case] body: &str,
    #[case] expected: &str,
) {
    let body = body.replace("CLICK", CLICK);
    let mut parameters = json(&body);
    parameters.add("preset", name);
    assert_eq!(checked_line(&parameters), expected);
}

#[test]
fn a_refund_of_shopify_belongs_to_its_order() {
    let body = r#"{"id": 509, "order_id": 820, "note": "wrong size", "transactions": [
        {"id": 1, "amount": "41.94", "kind": "refund", "currency": "USD", "status": "success"}]}"#;
    let mut parameters = json(body);
    parameters.add("preset", "shopify");
    let details = interpret(&parameters, MappingLayers::new(None, None));
    assert_eq!(line(&details), "refund approved 41.94 USD txn=820");
}

#[test]
fn digistore24_gets_the_answer_that_it_expects() {
    let parameters = query("preset=digistore24");
    let postback = Postback::new(&parameters, MappingLayers::new(None, None));
    let response = postback.mapping().response().unwrap();
    assert_eq!((response.status, &*response.body), (200, "OK"));
}

#[test]
fn each_preset_is_valid_and_named_once() {
    for preset in Preset::all() {
        assert_eq!(preset.mapping.check(), Ok(()), "{}", preset.name);
        assert_eq!(Preset::named(&preset.name), Some(preset));
        assert!(preset.sources.iter().all(|url| url.starts_with("https://")));
        assert!(preset.mapping.preset.is_none());
    }
    assert_eq!(Preset::all().len(), 15);
}

#[test]
fn the_url_of_a_preset_keeps_its_macros() {
    let tune = Preset::named("TUNE").unwrap();
    let url = tune.url(
        "https://go.e.com/",
        &[("account_id", "5"), ("token", "a&b")],
    );
    let expected = "https://go.e.com/api/postbacks/tune?account_id=5&token=a%26b\
                    &click_id={aff_sub}&txn_id={transaction_id}&revenue={payout}\
                    &currency={currency}";
    assert_eq!(url, expected);
    let stripe = Preset::named("stripe").unwrap();
    let url = stripe.url("https://go.e.com", &[("account_id", "5")]);
    assert_eq!(url, "https://go.e.com/api/postbacks/stripe?account_id=5");
}
