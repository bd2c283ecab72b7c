//! Parsing a destination template, and expanding it for a click.

use std::hint::black_box;

use criterion::Criterion;
use domain::{
    id::{AccountId, ClickId, LinkKey, ListId, OfferId, ShortId},
    macros::{ClickContext, Template, VisitorFacts},
    query::ClickQuery,
    record::{DefaultParameters, LinkRecord, LinkStatus},
};

use crate::BROWSER_USER_AGENT;

const TEMPLATE: &str = "https://example.com/lp/{link_id}?clickid={click_id}&s1={sub1}&s2={sub2}\
    &src={source}&ip={ip}&ua={user_agent}&country={country_code}";
const QUERY: &str = "sub1=campaign_a&sub2=user%20123&source=sms&utm_medium=text";

pub fn bench(criterion: &mut Criterion) {
    criterion.bench_function("macros/parse a template", |bencher| {
        bencher.iter(|| Template::parse(black_box(TEMPLATE)));
    });

    let template = Template::parse(TEMPLATE).expect("the template is valid");
    let link = link();
    let query = ClickQuery::parse(QUERY);
    let context = ClickContext {
        click_id: ClickId::parse("01a11d5c-1e7b-7123-8123-456789abcdef").expect("it is a UUIDv7"),
        link: &link,
        offer: None,
        query: &query,
        visitor: VisitorFacts {
            ip: [203, 0, 113, 9].into(),
            user_agent: Some(BROWSER_USER_AGENT),
            referrer: None,
            country: Some("US"),
            device: None,
        },
    };
    criterion.bench_function("macros/expand a template", |bencher| {
        bencher.iter(|| template.expand(|name| black_box(&context).value(name)));
    });
    criterion.bench_function("macros/expand a template, forward the query", |bencher| {
        bencher.iter(|| template.expand_with_query(QUERY, |name| black_box(&context).value(name)));
    });
}

fn link() -> LinkRecord {
    LinkRecord {
        link_key: LinkKey(1),
        account_id: AccountId(7),
        short_host: "yourdomain.com".to_owned(),
        link_id: ShortId::parse("Ab3kX9q").expect("it is a short id"),
        tracker: None,
        code: None,
        list_id: Some(ListId(42)),
        offer_id: Some(OfferId::parse("6789abcd1234ef5678901234").expect("it is an offer id")),
        campaign_id: None,
        destination: Some(TEMPLATE.to_owned()),
        message_id: Some("msg-1".to_owned()),
        contact_phone: Some("+18005551234".to_owned()),
        creative_id: None,
        default_parameters: DefaultParameters::default(),
        forward_query: true,
        click_cost: None,
        status: LinkStatus::Active,
        expires_at: None,
        version: 0,
    }
}
