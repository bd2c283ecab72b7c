//! Campaigns of the affiliate API: affiliate programs that links belong to.

use actix_web::http::Method;
use domain::{id::CampaignId, macros::Template, record::RecordKey};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio_postgres::{Row, types::ToSql};

use crate::{
    auth::Scope,
    body::Text,
    error::{ApiError, FieldError},
    http::{
        AffiliatePageMeta, Content, ListQuery, Operation, PageRequest, Parameter, RequestContext,
        Response, Timestamp,
    },
};

pub const PER_PAGE: u32 = 20;
const STATUS: [&str; 3] = ["draft", "active", "paused"];
const COLUMNS: &str = "
    id, name, description, landing_page_url, status, click_id_param, cookie_window_days,
    created_at
";

pub fn operations() -> Vec<Operation> {
    let not_found = || ApiError::NotFound("campaign");
    let invalid = || {
        let message = "it is required".to_owned();
        ApiError::Validation(vec![FieldError::new("landing_page_url", message)])
    };
    let one = "/campaigns/{campaign_id}";
    vec![
        Operation::affiliate(Method::GET, "/campaigns", "list_campaigns", list_campaigns)
            .summary("List campaigns")
            .description("The newest first.")
            .with_paging(PER_PAGE)
            .parameter(Parameter::choice("status", "Only these.", &STATUS))
            .response::<Campaigns>(
                200,
                json!({ "data": [example()], "meta": { "page": 1, "per_page": 20, "total": 1 } }),
            ),
        Operation::affiliate(
            Method::POST,
            "/campaigns",
            "create_campaign",
            create_campaign,
        )
        .summary("Create a campaign")
        .request_body::<CampaignRequest>([json!({
            "name": "Spring",
            "landing_page_url": "https://example.com/spring",
        })])
        .required_fields(["name", "landing_page_url"])
        .response::<CampaignObject>(201, example())
        .errors([invalid()]),
        Operation::affiliate(Method::GET, one, "get_campaign", get_campaign)
            .summary("Get a campaign")
            .response::<CampaignObject>(200, example())
            .errors([not_found()]),
        Operation::affiliate(Method::PATCH, one, "update_campaign", update_campaign)
            .summary("Change a campaign")
            .description(
                "Changes what is sent; its links have it within a second. Links of a campaign \
                 that is not active lead to the 404 page.",
            )
            .request_body::<CampaignRequest>([json!({ "status": "paused" })])
            .response::<CampaignObject>(200, example())
            .errors([invalid(), not_found()]),
        Operation::affiliate(Method::DELETE, one, "delete_campaign", delete_campaign)
            .summary("Delete a campaign")
            .description("As long as it has no links.")
            .response_with_content(204, "Deleted.", Content::Empty)
            .errors([not_found(), ApiError::CampaignInUse]),
    ]
    .into_iter()
    .map(|operation| operation.scope(Scope::Campaigns).tag("campaigns"))
    .collect()
}

#[derive(Debug, Deserialize, JsonSchema)]
struct CampaignRequest {
    /// At most 255 characters. Required.
    #[schemars(length(max = 255))]
    name: Option<Text>,
    /// At most 2,000 characters.
    description: Option<Text>,
    /// An http(s) URL, with macros or without. Required.
    #[schemars(extend("format" = "uri"))]
    landing_page_url: Option<Text>,
    /// draft, active or paused; active where it is not sent.
    #[schemars(extend("enum" = ["draft", "active", "paused", "", null]))]
    status: Option<Text>,
    /// The query parameter that brings the click id to the landing page,
    /// `afk_cid` where it is not sent.
    click_id_param: Option<Text>,
    /// 1 to 3650, 30 where it is not sent.
    cookie_window_days: Option<i64>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Campaigns {
    data: Vec<CampaignObject>,
    meta: AffiliatePageMeta,
}

#[derive(Debug, Serialize, JsonSchema)]
struct CampaignObject {
    id: CampaignId,
    name: String,
    description: Option<String>,
    landing_page_url: String,
    status: String,
    click_id_param: String,
    cookie_window_days: i32,
    created_at: Timestamp,
}

impl CampaignObject {
    fn read(row: &Row) -> Result<Self, ApiError> {
        Ok(Self {
            id: CampaignId::parse(row.get("id")).map_err(ApiError::internal)?,
            name: row.get("name"),
            description: row.get("description"),
            landing_page_url: row.get("landing_page_url"),
            status: row.get("status"),
            click_id_param: row.get("click_id_param"),
            cookie_window_days: row.get("cookie_window_days"),
            created_at: Timestamp(row.get("created_at")),
        })
    }

    /// All that is wrong with what was sent is told together.
    fn apply(&mut self, sent: CampaignRequest) -> Result<(), ApiError> {
        let mut wrong = Vec::new();
        let mut refuse = |field: &str, message: &str| wrong.push(FieldError::new(field, message));
        let text = |sent: &Option<Text>| sent.as_ref().map(|text| text.as_str().to_owned());
        if let Some(name) = text(&sent.name) {
            self.name = name;
        }
        if self.name.trim().is_empty() {
            refuse("name", "it is required");
        } else if self.name.chars().count() > 255 {
            refuse("name", "it exceeds 255 characters");
        }
        if let Some(description) = text(&sent.description) {
            if description.chars().count() > 2_000 {
                refuse("description", "it exceeds 2,000 characters");
            }
            self.description = Some(description).filter(|text| !text.is_empty());
        }
        if let Some(url) = text(&sent.landing_page_url) {
            self.landing_page_url = url.trim().to_owned();
        }
        if self.landing_page_url.is_empty() {
            refuse("landing_page_url", "it is required");
        } else if let Err(reason) = Template::parse(&self.landing_page_url) {
            refuse("landing_page_url", &reason.to_string());
        }
        if let Some(status) = text(&sent.status).filter(|status| !status.is_empty()) {
            if !STATUS.contains(&status.as_str()) {
                refuse("status", "it is not draft, active or paused");
            }
            self.status = status;
        }
        if let Some(name) = text(&sent.click_id_param).filter(|name| !name.is_empty()) {
            let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
            if name.len() > 64 || !name.bytes().all(allowed) {
                refuse(
                    "click_id_param",
                    "it is not 1 to 64 of A-Z, a-z, 0-9, _, - and .",
                );
            }
            self.click_id_param = name;
        }
        if let Some(days) = sent.cookie_window_days {
            match i32::try_from(days)
                .ok()
                .filter(|days| (1..=3650).contains(days))
            {
                Some(days) => self.cookie_window_days = days,
                None => refuse("cookie_window_days", "it is not from 1 to 3650"),
            }
        }
        if wrong.is_empty() {
            Ok(())
        } else {
            Err(ApiError::Validation(wrong))
        }
    }
}

fn example() -> Value {
    json!({
        "id": "camp_abc123",
        "name": "Spring",
        "description": null,
        "landing_page_url": "https://example.com/spring",
        "status": "active",
        "click_id_param": "afk_cid",
        "cookie_window_days": 30,
        "created_at": "2026-03-10T08:15:00Z",
    })
}

async fn list_campaigns(context: RequestContext<'_>) -> Result<Response, ApiError> {
    let page = PageRequest::from_request(&context, PER_PAGE)?;
    let status = context.choice("status", &STATUS)?;
    let listing = ListQuery {
        columns: COLUMNS,
        from: "FROM campaigns WHERE account_id = $1 AND ($2::text IS NULL OR status = $2)",
        order_by: "created_at DESC, id DESC",
    };
    let parameters: [&(dyn ToSql + Sync); 2] = [&context.caller.account_id.0, &status];
    let (rows, total) = page.fetch(context, listing, &parameters).await?;
    let data = rows.iter().map(CampaignObject::read);
    Response::ok(&Campaigns {
        data: data.collect::<Result<_, _>>()?,
        meta: AffiliatePageMeta::new(page, total),
    })
}

async fn create_campaign(context: RequestContext<'_>) -> Result<Response, ApiError> {
    let mut campaign = CampaignObject {
        id: CampaignId::generate(&mut rand::rng()),
        name: String::new(),
        description: None,
        landing_page_url: String::new(),
        status: "active".to_owned(),
        click_id_param: "afk_cid".to_owned(),
        cookie_window_days: 30,
        created_at: Timestamp(jiff::Timestamp::UNIX_EPOCH),
    };
    campaign.apply(context.json()?)?;
    let sql = format!(
        "INSERT INTO campaigns
             (id, account_id, name, description, landing_page_url, status, click_id_param,
              cookie_window_days)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         RETURNING {COLUMNS}"
    );
    let statement = context.db.prepare_cached(&sql).await?;
    let row = context
        .db
        .query_one(
            &statement,
            &[
                &campaign.id.as_str(),
                &context.caller.account_id.0,
                &campaign.name,
                &campaign.description,
                &campaign.landing_page_url,
                &campaign.status,
                &campaign.click_id_param,
                &campaign.cookie_window_days,
            ],
        )
        .await?;
    Response::created(&CampaignObject::read(&row)?)
}

/// `lock` is empty or a locking clause.
async fn campaign_find(
    context: RequestContext<'_>,
    lock: &str,
) -> Result<CampaignObject, ApiError> {
    let id: CampaignId = context.path("campaign_id", "campaign")?;
    let sql = format!("SELECT {COLUMNS} FROM campaigns WHERE account_id = $1 AND id = $2 {lock}");
    let statement = context.db.prepare_cached(&sql).await?;
    let account_id = context.caller.account_id.0;
    let row = context
        .db
        .query_opt(&statement, &[&account_id, &id.as_str()])
        .await?
        .ok_or(ApiError::NotFound("campaign"))?;
    CampaignObject::read(&row)
}

async fn get_campaign(context: RequestContext<'_>) -> Result<Response, ApiError> {
    Response::ok(&campaign_find(context, "").await?)
}

async fn update_campaign(context: RequestContext<'_>) -> Result<Response, ApiError> {
    let body: CampaignRequest = context.json()?;
    let mut campaign = campaign_find(context, "FOR UPDATE").await?;
    campaign.apply(body)?;
    let statement = context
        .db
        .prepare_cached(
            "UPDATE campaigns
             SET name = $2,
                 description = $3,
                 landing_page_url = $4,
                 status = $5,
                 click_id_param = $6,
                 cookie_window_days = $7,
                 version = version + 1,
                 updated_at = now()
             WHERE id = $1",
        )
        .await?;
    context
        .db
        .execute(
            &statement,
            &[
                &campaign.id.as_str(),
                &campaign.name,
                &campaign.description,
                &campaign.landing_page_url,
                &campaign.status,
                &campaign.click_id_param,
                &campaign.cookie_window_days,
            ],
        )
        .await?;
    context
        .outbox
        .record_changed([RecordKey::Campaign(campaign.id.clone())])
        .await?;
    Response::ok(&campaign)
}

async fn delete_campaign(context: RequestContext<'_>) -> Result<Response, ApiError> {
    let campaign = campaign_find(context, "").await?;
    let statement = context
        .db
        .prepare_cached("DELETE FROM campaigns WHERE id = $1")
        .await?;
    context
        .db
        .execute(&statement, &[&campaign.id.as_str()])
        .await?;
    context
        .outbox
        .record_changed([RecordKey::Campaign(campaign.id)])
        .await?;
    Ok(Response::no_content())
}
