//! `POST /api/links` and `POST /api/links/bulk`.

use std::collections::HashMap;

use actix_web::http::Method;
use domain::{
    id::{CampaignId, ShortId},
    macros::Template,
    record::DefaultParameters,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::object::{AffiliateLink, example};
use crate::{
    db::domains::ShortDomain,
    error::{ApiError, FieldError},
    fields::{Text, non_empty, parse_slug},
    http::{Operation, RequestContext, Response},
    links::mint::{Extras, Minted, NewLink, mint},
};

const MAX_LINKS: usize = 500;

pub fn operations() -> [Operation; 2] {
    let one = json!({
        "campaign_id": "camp_abc123",
        "sub_id_1": "email-footer",
        "sub_id_2": "welcome-series",
        "landing_page_url": "https://example.com/spring?ref=email",
    });
    let several = json!({ "links": [
        { "campaign_id": "camp_abc123", "sub_id_1": "twitter", "sub_id_2": "bio" },
        { "campaign_id": "camp_abc123", "sub_id_1": "instagram", "sub_id_2": "story" },
        { "campaign_id": "camp_def456", "sub_id_1": "blog", "sub_id_2": "sidebar" },
    ]});
    let errors = || {
        let missing = FieldError::new("campaign_id", "it is required");
        [
            ApiError::Validation(vec![missing]),
            ApiError::NotFound("campaign"),
            ApiError::CampaignNotActive,
            ApiError::NoShortDomain,
            ApiError::SlugTaken,
            ApiError::IdCollision,
        ]
    };
    [
        Operation::affiliate(Method::POST, "/links", "create_affiliate_link", create_link)
            .summary("Create a campaign link")
            .description(
                "It goes to its own landing page or else to the campaign's, with the click id \
                 appended. It is on the account's oldest active domains.",
            )
            .request_body::<AffiliateLinkRequest>([one])
            .required_fields(["campaign_id"])
            .response::<AffiliateLink>(201, example())
            .errors(errors()),
        Operation::affiliate(
            Method::POST,
            "/links/bulk",
            "create_affiliate_links",
            create_links,
        )
        .summary("Create up to 500 campaign links")
        .description("All or none, in the order of the request.")
        .request_body::<BulkRequest>([several])
        .required_fields(["links"])
        .response::<BulkAnswer>(201, json!({ "created": 1, "links": [example()] }))
        .errors(errors()),
    ]
}

#[derive(Debug, Deserialize, JsonSchema)]
struct AffiliateLinkRequest {
    /// Required.
    campaign_id: Option<Text>,
    /// The value of `{sub1}`, at most 255 characters; and so on.
    sub_id_1: Option<Text>,
    sub_id_2: Option<Text>,
    sub_id_3: Option<Text>,
    /// An http(s) URL, with macros or without.
    #[schemars(extend("format" = "uri"))]
    landing_page_url: Option<Text>,
    /// The short link's own path: 3 to 64 of A-Z, a-z, 0-9, _ and -.
    slug: Option<Text>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "AffiliateBulkRequest")]
struct BulkRequest {
    #[schemars(length(min = 1, max = 500))]
    links: Option<Vec<AffiliateLinkRequest>>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "AffiliateBulkAnswer")]
struct BulkAnswer {
    created: usize,
    links: Vec<AffiliateLink>,
}

async fn create_link(context: RequestContext<'_>) -> Result<Response, ApiError> {
    let wanted = check_all(vec![context.json()?], |_| String::new())?;
    let (mut objects, minted) = create_all(context, wanted).await?;
    let object = objects.pop().expect("a link for the request");
    Ok(Response::created(&object)?.with_new_links(minted))
}

async fn create_links(context: RequestContext<'_>) -> Result<Response, ApiError> {
    let links = context.json::<BulkRequest>()?.links.unwrap_or_default();
    match links.len() {
        0 => return Err(ApiError::MissingLinks),
        1..=MAX_LINKS => {}
        _ => return Err(ApiError::TooManyLinks(MAX_LINKS)),
    }
    let wanted = check_all(links, |index| format!("links[{index}]."))?;
    let (links, minted) = create_all(context, wanted).await?;
    let answer = BulkAnswer {
        created: links.len(),
        links,
    };
    Ok(Response::created(&answer)?.with_new_links(minted))
}

/// A request whose form is right.
struct Wanted {
    campaign_id: String,
    subs: [Option<String>; 3],
    landing_page_url: Option<String>,
    slug: Option<ShortId>,
}

/// All that is wrong with all of them, or the requests; `place` is put before
/// the names of an entry's fields.
fn check_all(
    requests: Vec<AffiliateLinkRequest>,
    place: impl Fn(usize) -> String,
) -> Result<Vec<Wanted>, ApiError> {
    let mut wrong = Vec::new();
    let mut wanted = Vec::with_capacity(requests.len());
    for (index, request) in requests.into_iter().enumerate() {
        let mut refuse = |field: &str, message: String| {
            wrong.push(FieldError::new(format!("{}{field}", place(index)), message));
        };
        let owned = |text: &Option<Text>| non_empty(text).map(str::to_owned);
        let campaign_id = owned(&request.campaign_id);
        if campaign_id.is_none() {
            refuse("campaign_id", "it is required".into());
        }
        let subs = [&request.sub_id_1, &request.sub_id_2, &request.sub_id_3].map(owned);
        for (sub, name) in subs.iter().zip(["sub_id_1", "sub_id_2", "sub_id_3"]) {
            if sub.as_ref().is_some_and(|sub| sub.chars().count() > 255) {
                refuse(name, "it exceeds 255 characters".into());
            }
        }
        let landing_page_url = owned(&request.landing_page_url).map(|url| url.trim().to_owned());
        if let Some(Err(reason)) = landing_page_url.as_deref().map(Template::parse) {
            refuse("landing_page_url", reason.to_string());
        }
        let slug = parse_slug(&request.slug).unwrap_or_else(|_| {
            refuse(
                "slug",
                "it is not 3 to 64 of A-Z, a-z, 0-9, _ and -, or reserved".into(),
            );
            None
        });
        wanted.push(Wanted {
            campaign_id: campaign_id.unwrap_or_default(),
            subs,
            landing_page_url,
            slug,
        });
    }
    if wrong.is_empty() {
        Ok(wanted)
    } else {
        Err(ApiError::Validation(wrong))
    }
}

/// All links or an error: what was inserted goes with the transaction.
async fn create_all(
    context: RequestContext<'_>,
    wanted: Vec<Wanted>,
) -> Result<(Vec<AffiliateLink>, Vec<domain::record::LinkRecord>), ApiError> {
    let mut campaigns = HashMap::new();
    for Wanted { campaign_id, .. } in &wanted {
        if !campaigns.contains_key(campaign_id) {
            let campaign = campaign_find_active(context, campaign_id).await?;
            campaigns.insert(campaign_id.clone(), campaign);
        }
    }
    let place = place(context).await?;
    let new_links = wanted.iter().map(|wanted| {
        let [sub1, sub2, sub3] = wanted.subs.clone();
        NewLink {
            domain: place.short_domain.clone(),
            slug: wanted.slug.clone(),
            tracker_host: None,
            in_message: None,
            campaign: Some((
                place.click_host.clone(),
                campaigns[&wanted.campaign_id].id.clone(),
            )),
            list_id: None,
            offer_id: None,
            destination: wanted.landing_page_url.clone(),
            default_parameters: DefaultParameters {
                subs: [sub1, sub2, sub3, None, None],
                ..DefaultParameters::default()
            },
            extras: Extras::default(),
        }
    });
    let minted = mint(context, new_links.collect()).await?;
    let mut objects = Vec::with_capacity(minted.len());
    let mut records = Vec::with_capacity(minted.len());
    for (minted, wanted) in minted.into_iter().zip(&wanted) {
        let Minted { record, created_at } = minted?;
        let page = &campaigns[&wanted.campaign_id].landing_page_url;
        objects.push(AffiliateLink::new(&record, page, created_at));
        records.push(record);
    }
    Ok((objects, records))
}

struct Campaign {
    id: CampaignId,
    landing_page_url: String,
}

async fn campaign_find_active(context: RequestContext<'_>, id: &str) -> Result<Campaign, ApiError> {
    let not_found = || ApiError::NotFound("campaign");
    let id = CampaignId::parse(id).map_err(|_| not_found())?;
    // Shared: it is not deleted before its links are there.
    let statement = context
        .db
        .prepare_cached(
            "SELECT landing_page_url, status
             FROM campaigns
             WHERE account_id = $1 AND id = $2
             FOR SHARE",
        )
        .await?;
    let account_id = context.caller.account_id.0;
    let row = context
        .db
        .query_opt(&statement, &[&account_id, &id.as_str()])
        .await?
        .ok_or_else(not_found)?;
    if row.get::<_, &str>("status") != "active" {
        return Err(ApiError::CampaignNotActive);
    }
    Ok(Campaign {
        id,
        landing_page_url: row.get("landing_page_url"),
    })
}

/// The hosts of an account's campaign links.
struct Place {
    short_domain: ShortDomain,
    click_host: String,
}

/// The oldest active domain of each kind. Only the click tracker has the
/// platform's host to fall back to.
async fn place(context: RequestContext<'_>) -> Result<Place, ApiError> {
    let statement = context
        .db
        .prepare_cached(
            "SELECT DISTINCT ON (kind) kind, id, host
             FROM domains
             WHERE account_id = $1 AND status = 'active'
             ORDER BY kind, id",
        )
        .await?;
    let rows = context
        .db
        .query(&statement, &[&context.caller.account_id.0])
        .await?;
    let of_kind = |kind: &str| rows.iter().find(|row| row.get::<_, &str>("kind") == kind);
    let short = of_kind("short").ok_or(ApiError::NoShortDomain)?;
    let click = of_kind("click").map(|row| row.get("host"));
    Ok(Place {
        short_domain: ShortDomain {
            id: short.get("id"),
            host: short.get("host"),
        },
        click_host: click.unwrap_or_else(|| context.state.platform_click_host.clone()),
    })
}
