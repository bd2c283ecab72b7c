//! Tests of templates from text to URL: a table for every macro and rule.

mod properties;

use std::{borrow::Cow, sync::LazyLock};

use rstest::rstest;

use super::*;
use crate::{device::Device, id::*, query::ClickQuery, record::*};

const CLICK_ID: &str = "01a11d5c-1e7b-7123-8123-456789abcdef";

static DEVICE: LazyLock<Device> = LazyLock::new(|| Device {
    class: Some("phone"),
    os: Some("iOS".to_owned()),
    browser: None,
});

fn link() -> LinkRecord {
    LinkRecord {
        link_key: LinkKey(1),
        account_id: AccountId(7),
        short_host: "yourdomain.com".into(),
        link_id: ShortId::parse("Ab3kX9q").unwrap(),
        tracker: None,
        code: None,
        list_id: Some(ListId(42)),
        offer_id: Some(OfferId::parse("6789abcd1234ef5678901234").unwrap()),
        campaign_id: None,
        destination: None,
        message_id: Some("msg 1".into()),
        contact_phone: Some("+18005551234".into()),
        creative_id: Some(CreativeId(101)),
        default_parameters: DefaultParameters::default(),
        forward_query: false,
        click_cost: None,
        status: LinkStatus::Active,
        expires_at: None,
        version: 0,
    }
}

fn offer(link: &LinkRecord) -> OfferRecord {
    OfferRecord {
        offer_id: link.offer_id.unwrap(),
        account_id: link.account_id,
        destination: String::new(),
        external_id: Some("12345".into()),
        affiliate_id: Some("aff&1".into()),
        fallback_url: None,
        filter_bots: None,
        postback_digest: None,
        postback_digests: Vec::new(),
        postbacks: None,
        postback_keys: Vec::new(),
        postback_mapping: None,
        interstitial: None,
        status: OfferStatus::Active,
        version: 0,
    }
}

/// The template expanded for a click on [`link`] with this query.
fn expanded(template: &str, query: &str) -> String {
    expanded_for(&link(), template, query)
}

fn expanded_for(link: &LinkRecord, template: &str, query: &str) -> String {
    let offer = offer(link);
    let query = ClickQuery::parse(query);
    let context = ClickContext {
        click_id: ClickId::parse(CLICK_ID).unwrap(),
        link,
        offer: Some(&offer),
        query: &query,
        visitor: VisitorFacts {
            ip: "2001:db8::1".parse().unwrap(),
            user_agent: Some("Mozilla/5.0 (a; b) é"),
            referrer: Some("https://x.example/?a=b"),
            country: Some("US"),
            device: Some(&DEVICE),
        },
    };
    let template = Template::parse(template).unwrap();
    template.expand(|name| context.value(name))
}

#[rstest]
#[case("{click_id}", CLICK_ID)]
#[case("{transaction_id}", CLICK_ID)]
#[case("{affiliate_id}", "aff%261")]
#[case("{offer_id}", "6789abcd1234ef5678901234")]
#[case("{account_id}", "7")]
#[case("{creative}", "101")]
#[case("{ip}", "2001%3Adb8%3A%3A1")]
#[case("{user_agent}", "Mozilla%2F5.0%20%28a%3B%20b%29%20%C3%A9")]
#[case("{datetime}", "2026-10-08T21%3A12%3A18.811Z")]
#[case("{timestamp}", "1791493938")]
#[case("{country_code}", "US")]
#[case("{link_id}", "Ab3kX9q")]
#[case("{message_id}", "msg%201")]
#[case("{list_id}", "42")]
#[case("{device}{os}", "phoneiOS")]
#[case("[{browser}]", "[]")] // the macro is known and has no value
#[case("{referrer}", "https%3A%2F%2Fx.example%2F%3Fa%3Db")]
#[case("{sub1}{sub5}{source}{cost}", "")]
#[case("{{sendId}}{{messageId}}", "msg%201msg%201")]
#[case("{{contact.phone}}", "%2B18005551234")]
#[case("{{offerId}}", "6789abcd1234ef5678901234")]
#[case("{{externalId}}", "12345")]
#[case("{{country_code}}", "US")] // every name exists in double braces too
#[case("{unknown}{{unknown}}", "{unknown}{{unknown}}")]
fn every_macro_has_its_value(#[case] source: &str, #[case] value: &str) {
    // The template has a macro of the click, so that nothing is appended.
    let template = format!("https://example.com/lp?c={{{{click_id}}}}&x={source}");
    let expected = format!("https://example.com/lp?c={CLICK_ID}&x={value}");
    assert_eq!(expanded(&template, ""), expected);
}

/// Values from the query.
#[rstest]
fn a_query_value_is_encoded_wherever_it_stands(
    #[values("sub1", "sub2", "sub3", "sub4", "sub5", "source", "creative", "cost")] name: &str,
    #[values(
        ("&", "%26"), ("=", "%3D"), ("%", "%25"), ("#", "%23"), (" ", "%20"), ("é", "%C3%A9"),
        ("{click_id}", "%7Bclick_id%7D"), ("\r\n", "%0D%0A"), ("+", "%2B"), ("/", "%2F"),
        ("?", "%3F"), ("\u{202e}", "%E2%80%AE"), ("🎉", "%F0%9F%8E%89"), ("\0", "%EF%BF%BD"),
    )]
    value: (&str, &str),
) {
    let (raw, encoded) = value;
    let query_value: String = url::form_urlencoded::byte_serialize(raw.as_bytes()).collect();
    let template = format!("https://example.com/{{{name}}}/p?a={{{name}}}&b=1#f={{{name}}}");
    let expected = format!("https://example.com/{encoded}/p?a={encoded}&b=1#f={encoded}");
    assert_eq!(
        expanded(&template, &format!("{name}={query_value}")),
        expected
    );
}

/// Values from the system, each with every character that needs encoding.
#[rstest]
fn a_system_value_is_encoded_wherever_it_stands(
    #[values(
        "click_id",
        "transaction_id",
        "affiliate_id",
        "offer_id",
        "account_id",
        "ip",
        "user_agent",
        "datetime",
        "country_code"
    )]
    name: &str,
) {
    let template = format!("https://example.com/{{{name}}}?a={{{name}}}#{{{name}}}");
    let template = Template::parse(&template).unwrap();
    let url = template.expand(|_| Some("&=%# é{click_id}\r\n".into()));
    let value = "%26%3D%25%23%20%C3%A9%7Bclick_id%7D%0D%0A";
    assert_eq!(
        url,
        format!("https://example.com/{value}?a={value}#{value}")
    );
}

#[test]
fn a_template_takes_its_values_from_query_and_system() {
    let template =
        "https://example.com/lp?clickid={click_id}&aff={affiliate_id}&s1={sub1}&s2={sub2}";
    assert_eq!(
        expanded(template, "sub1=campaign_a&sub2=user_123&source=sms"),
        format!("https://example.com/lp?clickid={CLICK_ID}&aff=aff%261&s1=campaign_a&s2=user_123"),
    );
}

#[rstest]
// Templates without a macro of the click get the parameters.
#[case("https://e.com", "", "https://e.com?click_id=ID")]
#[case(
    "https://e.com/lp",
    "sub1=a&sub3=c&source=s",
    "https://e.com/lp?click_id=ID&sub1=a&sub3=c&source=s"
)]
#[case(
    "https://e.com/lp?x=1",
    "sub1=a",
    "https://e.com/lp?x=1&click_id=ID&sub1=a"
)]
#[case("https://e.com/lp?", "", "https://e.com/lp?click_id=ID")]
#[case("https://e.com/lp?x=1&", "", "https://e.com/lp?x=1&click_id=ID")]
#[case(
    "https://e.com/lp#top",
    "sub1=a",
    "https://e.com/lp?click_id=ID&sub1=a#top"
)]
#[case("https://e.com/lp?x=1#a?b", "", "https://e.com/lp?x=1&click_id=ID#a?b")]
#[case(
    "https://e.com/?m={{sendId}}",
    "",
    "https://e.com/?m=msg%201&click_id=ID"
)]
#[case(
    "https://e.com/?s={{sub1}}",
    "sub1=a",
    "https://e.com/?s=a&click_id=ID&sub1=a"
)]
#[case(
    "https://e.com/?x={unknown}",
    "",
    "https://e.com/?x={unknown}&click_id=ID"
)]
// cost and creative are not appended.
#[case(
    "https://e.com/",
    "cost=1&creative=2&other=3",
    "https://e.com/?click_id=ID"
)]
// A parameter that the template has is never overwritten.
#[case(
    "https://e.com/?sub1=mine",
    "sub1=a&sub2=b",
    "https://e.com/?sub1=mine&click_id=ID&sub2=b"
)]
#[case("https://e.com/?click_id", "", "https://e.com/?click_id")]
#[case(
    "https://e.com/?s%75b1=mine",
    "sub1=a",
    "https://e.com/?s%75b1=mine&click_id=ID"
)]
// Templates with a macro of the click get no parameters.
#[case("https://e.com/?t={transaction_id}", "sub1=a", "https://e.com/?t=ID")]
#[case("https://e.com/?t={{click_id}}", "sub1=a", "https://e.com/?t=ID")]
#[case("https://e.com/{sub2}", "sub1=a&sub2=b", "https://e.com/b")]
#[case("https://e.com/#{sub1}", "sub1=a&sub2=b", "https://e.com/#a")]
fn parameters_are_appended_without_a_macro_of_the_click(
    #[case] template: &str,
    #[case] query: &str,
    #[case] expected: &str,
) {
    assert_eq!(expanded(template, query), expected.replace("ID", CLICK_ID));
}

#[test]
fn the_query_overrides_default_parameters_and_never_system_values() {
    let mut link = link();
    link.default_parameters = DefaultParameters {
        subs: [
            Some("default1".into()),
            Some("default2".into()),
            None,
            None,
            None,
        ],
        source: Some("default".into()),
        creative: Some("default".into()),
        cost: Some("0.1".into()),
    };
    let template = "https://e.com/?{sub1},{sub2},{source},{creative},{cost},{ip},{offer_id}";
    let query = "sub1=sent&sub2=&ip=1.2.3.4&offer_id=forged&creative=sent";
    assert_eq!(
        expanded_for(&link, template, query),
        "https://e.com/?sent,default2,default,sent,0.1,2001%3Adb8%3A%3A1,6789abcd1234ef5678901234",
    );
}

#[rstest]
#[case("https://e.com/{sub1}/x", ".", "https://e.com/%252E/x")]
#[case("https://e.com/{sub1}/x", "..", "https://e.com/%252E%252E/x")]
#[case("https://e.com/{sub1}{sub1}", ".", "https://e.com/%252E%252E")]
#[case(
    "https://e.com/a/{sub1}?q={sub1}",
    "..",
    "https://e.com/a/%252E%252E?q=.."
)]
#[case("https://e.com/{sub1}/x", "...", "https://e.com/.../x")]
#[case("https://e.com/{sub1}/x", "%252e", "https://e.com/%252e/x")]
fn a_value_cannot_remove_path_segments(
    #[case] template: &str,
    #[case] sub1: &str,
    #[case] expected: &str,
) {
    assert_eq!(expanded(template, &format!("sub1={sub1}")), expected);
}

#[rstest]
#[case(
    "https://Example.COM:443/a b/é?q=ü\"<>|",
    "https://example.com/a%20b/%C3%A9?q=%C3%BC%22%3C%3E%7C&click_id=ID"
)]
#[case("HTTP://bücher.example/", "http://xn--bcher-kva.example/?click_id=ID")]
#[case(
    "https://e.com:8443/%2F?a=%26",
    "https://e.com:8443/%2F?a=%26&click_id=ID"
)]
#[case("https://e.com\\x\\y", "https://e.com/x/y?click_id=ID")]
#[case("  https://e.com/  ", "https://e.com/?click_id=ID")]
#[case("https://[2001:db8::1]/", "https://[2001:db8::1]/?click_id=ID")]
fn the_text_of_a_template_becomes_a_url(#[case] template: &str, #[case] expected: &str) {
    assert_eq!(expanded(template, ""), expected.replace("ID", CLICK_ID));
}

#[rstest]
#[case("", InvalidTemplate::NotHttp)]
#[case("example.com/x", InvalidTemplate::NotHttp)]
#[case("javascript:alert(1)", InvalidTemplate::NotHttp)]
#[case("data:text/html,x", InvalidTemplate::NotHttp)]
#[case("ftp://e.com/", InvalidTemplate::NotHttp)]
#[case("{sub1}://e.com/", InvalidTemplate::NotHttp)]
#[case("https:/e.com/", InvalidTemplate::NotHttp)]
#[case("https://{sub1}/", InvalidTemplate::MacroInHost)]
#[case("https://e{sub1}.com/", InvalidTemplate::MacroInHost)]
#[case("https://e.com:{sub1}/", InvalidTemplate::MacroInHost)]
#[case("https://e.com{sub1}", InvalidTemplate::MacroInHost)]
#[case("https://user@e.com/", InvalidTemplate::UserInfo)]
#[case("https://e.com@evil.example/", InvalidTemplate::UserInfo)]
#[case("https://e.com/\r\nSet-Cookie: a", InvalidTemplate::ControlCharacter)]
#[case("https://e.com/a/../{sub1}", InvalidTemplate::DotSegment)]
#[case("https://e.com/%2e/{sub1}", InvalidTemplate::DotSegment)]
#[case("https:///x", InvalidTemplate::NotAUrl(url::ParseError::EmptyHost))]
#[case(
    "https://e.com:99999/",
    InvalidTemplate::NotAUrl(url::ParseError::InvalidPort)
)]
fn a_text_that_is_no_template_is_refused(#[case] text: &str, #[case] error: InvalidTemplate) {
    assert_eq!(Template::parse(text), Err(error));
}

#[test]
fn length_and_macros_are_limited() {
    let template_of_len = |len: usize| format!("https://e.com/{}", "x".repeat(len - 14));
    assert!(Template::parse(&template_of_len(MAX_TEMPLATE_BYTES)).is_ok());
    assert_eq!(
        Template::parse(&template_of_len(MAX_TEMPLATE_BYTES + 1)),
        Err(InvalidTemplate::TooLong)
    );
    let template_with_macros = |n: usize| format!("https://e.com/{}", "{ip}".repeat(n));
    assert!(Template::parse(&template_with_macros(MAX_MACROS)).is_ok());
    assert_eq!(
        Template::parse(&template_with_macros(MAX_MACROS + 1)),
        Err(InvalidTemplate::TooManyMacros)
    );
}

#[test]
fn known_macros_are_filled_and_the_others_stay() {
    let value = |name| match name {
        Macro::OfferId => Some(Cow::Borrowed("6789abcd1234ef5678901234")),
        _ => None,
    };
    let template = "https://example.com/offer?aff_sub={{sendId}}";
    assert_eq!(fill_known_macros(template, value), template);
    assert_eq!(
        fill_known_macros(
            "https://e.com/?o={{offerId}}&c={click_id}&u={unknown}",
            value
        ),
        "https://e.com/?o=6789abcd1234ef5678901234&c={click_id}&u={unknown}",
    );
}

#[rstest]
#[case("https://e.com/", "a=1&b=2", "https://e.com/?a=1&b=2")]
#[case("https://e.com/?x=1#f", "a=1", "https://e.com/?x=1&a=1#f")]
#[case("https://e.com/?a=mine", "a=1&b=2", "https://e.com/?a=mine&b=2")]
#[case("https://e.com/?", "a=1&a=2", "https://e.com/?a=1")]
#[case("https://e.com/?s={sub1}&t={t}", "s=1&t=2", "https://e.com/?s=1&t=2")]
#[case(
    "https://e.com/?s={sub1}",
    "sub1=v&utm=x",
    "https://e.com/?s=v&sub1=v&utm=x"
)]
#[case(
    "https://e.com/",
    "a=%26b%3D%23&%C3%A9=1+2",
    "https://e.com/?a=%26b%3D%23&%C3%A9=1%202"
)]
#[case(
    "https://e.com/",
    "{click_id}={sub1}",
    "https://e.com/?%7Bclick_id%7D=%7Bsub1%7D"
)]
#[case("https://e.com/", "", "https://e.com/")]
fn a_query_is_forwarded_behind_that_of_the_template(
    #[case] template: &str,
    #[case] query: &str,
    #[case] expected: &str,
) {
    let template = Template::parse(template).unwrap();
    let sub1 = |name| (name == Macro::Sub(0)).then_some(Cow::Borrowed("v"));
    let without_sub1 = |_: Macro| None;
    let url = if query.contains("sub1=v") {
        template.expand_with_query(query, sub1)
    } else {
        template.expand_with_query(query, without_sub1)
    };
    assert_eq!(url, expected);
}

#[test]
fn a_forwarded_query_cannot_forge_the_click_id() {
    let template = Template::parse("https://e.com/").unwrap();
    let click_id = |name| (name == Macro::ClickId).then_some(Cow::Borrowed("ours"));
    assert_eq!(
        template.expand_with_query("click_id=forged&sub3=x&a=1", click_id),
        "https://e.com/?click_id=ours&a=1"
    );
}

#[test]
fn a_link_that_points_directly_at_its_url_gets_no_parameters() {
    let value = |_: Macro| Some(Cow::Borrowed("v"));
    let template = |text: &str| Template::parse(text).unwrap().without_appending();
    assert_eq!(
        template("https://e.com/?a=1").expand(value),
        "https://e.com/?a=1"
    );
    assert_eq!(
        template("https://e.com/{sub1}").expand_with_query("sub1=x&a=1", value),
        "https://e.com/v?sub1=x&a=1"
    );
}
