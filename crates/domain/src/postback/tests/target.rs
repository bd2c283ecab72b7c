//! Which link, click or offer a postback names.

use rstest::rstest;

use super::*;

fn named(text: &str, mapping: MappingLayers<'_>) -> String {
    let parameters = query(text);
    let postback = Postback::new(&parameters, mapping);
    match postback.named_click(now()) {
        Err(error) => error.status_and_code().1.to_owned(),
        Ok(NamedClick { link, click_id }) => {
            let link = link.map(|link| match link {
                LinkRef::Short(id) => format!("link {id}"),
                LinkRef::Code(code) => format!("code {code}"),
            });
            let click = click_id.map(|id| format!("click {id}").replace(CLICK, "CLICK"));
            let parts: Vec<_> = link.into_iter().chain(click).collect();
            parts.join(" ")
        }
    }
}

#[rstest]
#[case("", "missing_link_id")]
#[case("link_id=&revenue=1", "missing_link_id")]
#[case("click_id={click_id}", "missing_link_id")]
#[case("link_id=../etc", "link_not_found")]
#[case("link_id=Ab3kX9q", "link Ab3kX9q")]
#[case("link_id=lnk_x7kQ2mNp", "code x7kQ2mNp")]
#[case("click_id=01a11d5c-1e7b-7123-8123-456789abcdef", "click CLICK")]
#[case("click_id=01A11D5C-1E7B-7123-8123-456789ABCDEF", "click CLICK")]
#[case("click_id=01a11d5c1e7b71238123456789abcdef", "click CLICK")]
#[case("cid=01a11d5c1e7b71238123456789abcdef", "click CLICK")]
#[case("subid=01a11d5c-1e7b-7123-8123-456789abcdef", "click CLICK")]
#[case("tid=01a11d5c-1e7b-7123-8123-456789abcdef", "click CLICK")]
#[case("s2=01a11d5c-1e7b-7123-8123-456789abcdef", "click CLICK")]
#[case("cid=88&s2=01a11d5c-1e7b-7123-8123-456789abcdef", "click CLICK")]
#[case(
    "transaction_id=01a11d5c-1e7b-7123-8123-456789abcdef&order_id=7",
    "click CLICK"
)]
#[case(
    "link_id=Ab3kX9q&transaction_id=01a11d5c-1e7b-7123-8123-456789abcdef",
    "link Ab3kX9q"
)]
// A link that was sent as the click.
#[case("click_id=Ab3kX9q", "link Ab3kX9q")]
#[case("click_id=lnk_x7kQ2mNp", "code x7kQ2mNp")]
#[case("subid=Ab3kX9q", "link Ab3kX9q")]
#[case("link_id=Ab3kX9q&click_id=summer", "link Ab3kX9q")]
#[case("link_id=Ab3kX9q&subid=summer", "link Ab3kX9q")]
#[case(
    "link_id=Ab3kX9q&click_id=01a11d5c-1e7b-7123-8123-456789abcdef",
    "link Ab3kX9q click CLICK"
)]
// Ids of other versions and other times are no clicks of ours.
#[case("click_id=a1b2c3d4-e5f6-4890-abcd-ef1234567890", "invalid_click_id")]
#[case("click_id=ffffffff-ffff-7fff-8fff-ffffffffffff", "invalid_click_id")]
#[case("click_id=not a click", "invalid_click_id")]
fn a_link_or_a_click_is_found(#[case] text: &str, #[case] expected: &str) {
    assert_eq!(named(text, MappingLayers::new(None, None)), expected);
}

#[test]
fn the_mapping_of_the_account_names_the_click() {
    let account = mapping(r#"{ "parameters": { "wer": "click_id", "wo": "link_id" } }"#);
    let layers = MappingLayers::new(None, Some(&account));
    assert_eq!(named(&format!("wer={CLICK}"), layers), "click CLICK");
    assert_eq!(named("wo=Ab3kX9q", layers), "link Ab3kX9q");
}

#[rstest]
#[case("txn_id=1", "missing_offer_id")]
#[case("offer_id=1&txn_id=1", "1")]
#[case("offer_id=a%00b&txn_id=1", "offer_not_found")]
#[case("offer_id=6789abcd1234ef5678901234", "6789abcd1234ef5678901234")]
fn a_postback_for_an_offer_names_it(#[case] text: &str, #[case] expected: &str) {
    let parameters = query(text);
    let postback = Postback::new(&parameters, MappingLayers::new(None, None));
    let named = match postback.offer_name() {
        Ok(id) => id.to_string(),
        Err(error) => error.status_and_code().1.to_owned(),
    };
    assert_eq!(named, expected);
}

#[rstest]
#[case("offer_id=12&postback_secret=s&txn_id=1", true)]
#[case(
    "offer_id=12&postback_secret=s&txn_id=01a11d5c-1e7b-7123-8123-456789abcdef",
    true
)]
#[case("offer_id=12&txn_id=1", false)]
#[case("offer_id={offer_id}&postback_secret=s&txn_id=1", false)]
#[case("offer_id=12&postback_secret=s&link_id=Ab3kX9q", false)]
#[case(
    "offer_id=12&postback_secret=s&cid=01a11d5c-1e7b-7123-8123-456789abcdef",
    false
)]
fn an_offer_counts_with_its_secret_if_no_link_or_click_is_named(
    #[case] text: &str,
    #[case] expected: bool,
) {
    let parameters = query(text);
    let postback = Postback::new(&parameters, MappingLayers::new(None, None));
    assert_eq!(postback.is_for_offer(), expected);
}

#[test]
fn a_transaction_beside_an_offer_is_no_click() {
    let text = format!("offer_id=6789abcd1234ef5678901234&txn_id={CLICK}");
    assert_eq!(read(&text), format!("sale approved payout USD txn={CLICK}"));
    assert_eq!(read(&format!("txn_id={CLICK}")), "sale approved payout USD");
}

#[test]
fn a_message_is_named_by_a_short_text() {
    let message = |text: &str| {
        let parameters = query(text);
        Postback::new(&parameters, MappingLayers::new(None, None)).message_id()
    };
    assert_eq!(message("message_id=m-1"), Ok(Some("m-1".into())));
    assert_eq!(message("message_id={message}"), Ok(None));
    let long = format!("message_id={}", "x".repeat(256));
    assert_eq!(message(&long), Err(PostbackError::InvalidMessageId));
}
