//! Sending lists.

mod fields;
pub mod sending;

use actix_web::http::Method;
use domain::{
    id::ListId, interstitial::InterstitialPage, macros::InvalidTemplate, record::RecordKey,
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use tokio_postgres::{
    Row,
    types::{Json, ToSql},
};

use crate::{
    auth::Scope,
    error::{ApiError, CodedField},
    http::{
        ListQuery, Operation, PageRequest, Pagination, Parameter, RequestContext, Response,
        Timestamp,
    },
};
use fields::{ListFields, ListRequest};

const PER_PAGE: u32 = 50;
const STATUS: [&str; 4] = ["active", "paused", "suspended", "deleted"];
const STATUS_NAMES: &str = "active, paused, suspended, deleted";

pub fn operations() -> Vec<Operation> {
    let not_found = || ApiError::NotFound("list");
    let one = "/lists/{list_id}";
    vec![
        Operation::platform(Method::GET, "/lists", "list_lists", list_lists)
            .summary("List sending lists")
            .description("The newest first; without `status`, all but deleted ones.")
            .with_paging(PER_PAGE)
            .parameter(Parameter::choice("status", "Only these.", &STATUS))
            .response::<Lists>(
                200,
                json!({
                    "lists": [example()],
                    "pagination": { "page": 1, "per_page": 50, "total": 1, "total_pages": 1 },
                }),
            ),
        Operation::platform(Method::POST, "/lists", "create_list", create_list)
            .summary("Create a sending list")
            .description(
                "Its links are on `short_domain`, its click tracker on `click_domain` or else on \
                 the platform's host.",
            )
            .request_body::<ListRequest>([json!({
                "phone_number": "+18005551234",
                "list_name": "Spring",
                "short_domain": "yourdomain.com",
                "click_domain": "ct.yourdomain.click",
            })])
            .required_fields(["phone_number", "list_name"])
            .response::<ListObject>(201, example())
            .errors(invalid_fields()),
        Operation::platform(Method::GET, one, "get_list", get_list)
            .summary("Get a sending list")
            .response::<ListObject>(200, example())
            .errors([not_found()]),
        Operation::platform(Method::PUT, one, "update_list", update_list)
            .summary("Change a sending list")
            .description(
                "Changes what is sent; an empty text takes a value away. Only an active list \
                 makes links.",
            )
            .request_body::<ListRequest>([
                json!({ "collapse_hops": true, "append_text": "Reply STOP to opt out." }),
            ])
            .response::<ListObject>(200, example())
            .errors(invalid_fields())
            .errors([not_found()]),
        Operation::platform(Method::DELETE, one, "delete_list", delete_list)
            .summary("Delete a sending list")
            .description("Its links go on working; its number is free again.")
            .response::<Deleted>(200, json!({ "success": true, "deleted": true }))
            .errors([not_found()]),
    ]
    .into_iter()
    .map(|operation| operation.scope(Scope::Lists).tag("lists"))
    .collect()
}

fn invalid_fields() -> [ApiError; 8] {
    [
        ApiError::MissingField(CodedField::PhoneNumber),
        ApiError::InvalidPhone("phone_number"),
        ApiError::MissingField(CodedField::ListName),
        ApiError::InvalidStatus(STATUS_NAMES),
        ApiError::InvalidTemplate(CodedField::FallbackUrl, InvalidTemplate::NotHttp),
        ApiError::DomainNotFound("short"),
        ApiError::DomainNotFound("click"),
        ApiError::PhoneTaken,
    ]
}

#[derive(Debug, Serialize, JsonSchema)]
struct Lists {
    lists: Vec<ListObject>,
    pagination: Pagination,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ListObject {
    id: i64,
    phone_number: String,
    list_name: String,
    brand_name: Option<String>,
    status: String,
    short_domain: Option<String>,
    click_domain: Option<String>,
    collapse_hops: bool,
    interstitial: Option<InterstitialPage>,
    fallback_url: Option<String>,
    prepend_text: Option<String>,
    append_text: Option<String>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Deleted {
    success: bool,
    deleted: bool,
}

impl ListObject {
    fn read(row: &Row) -> Self {
        let fields = ListFields::read(row);
        Self {
            id: row.get("id"),
            phone_number: fields.phone_number,
            list_name: fields.list_name,
            brand_name: fields.brand_name,
            status: fields.status,
            short_domain: fields.short_domain,
            click_domain: fields.click_domain,
            collapse_hops: fields.collapse_hops,
            interstitial: fields.interstitial,
            fallback_url: fields.fallback_url,
            prepend_text: fields.prepend_text,
            append_text: fields.append_text,
            created_at: Timestamp(row.get("created_at")),
            updated_at: Timestamp(row.get("updated_at")),
        }
    }
}

fn example() -> Value {
    json!({
        "id": 42,
        "phone_number": "+18005551234",
        "list_name": "Spring",
        "brand_name": "Your Brand",
        "status": "active",
        "short_domain": "yourdomain.com",
        "click_domain": "ct.yourdomain.click",
        "collapse_hops": false,
        "interstitial": null,
        "fallback_url": null,
        "prepend_text": null,
        "append_text": "Reply STOP to opt out.",
        "created_at": "2026-03-10T08:15:00Z",
        "updated_at": "2026-03-10T08:15:00Z",
    })
}

async fn list_lists(context: RequestContext<'_>) -> Result<Response, ApiError> {
    let page = PageRequest::from_request(&context, PER_PAGE)?;
    let status = context.choice("status", &STATUS)?;
    let from = format!(
        "{LIST_FROM}
         WHERE l.account_id = $1
           AND CASE WHEN $2::text IS NULL THEN l.status <> 'deleted' ELSE l.status = $2 END"
    );
    let listing = ListQuery {
        columns: LIST_COLUMNS,
        from: &from,
        order_by: "l.id DESC",
    };
    let parameters: [&(dyn ToSql + Sync); 2] = [&context.caller.account_id.0, &status];
    let (rows, total) = page.fetch(context, listing, &parameters).await?;
    Response::ok(&Lists {
        lists: rows.iter().map(ListObject::read).collect(),
        pagination: page.pagination(total),
    })
}

async fn create_list(context: RequestContext<'_>) -> Result<Response, ApiError> {
    let mut fields = ListFields::new();
    fields.apply(context.json::<ListRequest>()?)?;
    let (short, click) = domain_ids(context, &fields).await?;
    let statement = context
        .db
        .prepare_cached(
            "INSERT INTO lists
                 (account_id, phone_number, list_name, brand_name, status, short_domain_id,
                  click_domain_id, collapse_hops, interstitial, fallback_url, prepend_text,
                  append_text)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
             RETURNING id",
        )
        .await?;
    let row = context
        .db
        .query_one(
            &statement,
            &[
                &context.caller.account_id.0,
                &fields.phone_number,
                &fields.list_name,
                &fields.brand_name,
                &fields.status,
                &short,
                &click,
                &fields.collapse_hops,
                &fields.interstitial.as_ref().map(Json),
                &fields.fallback_url,
                &fields.prepend_text,
                &fields.append_text,
            ],
        )
        .await?;
    let row = list_find(context, ListId(row.get("id")), "").await?;
    Response::created(&ListObject::read(&row))
}

async fn get_list(context: RequestContext<'_>) -> Result<Response, ApiError> {
    let row = list_find(context, context.path("list_id", "list")?, "").await?;
    Response::ok(&ListObject::read(&row))
}

async fn update_list(context: RequestContext<'_>) -> Result<Response, ApiError> {
    let body: ListRequest = context.json()?;
    let id: ListId = context.path("list_id", "list")?;
    let row = list_find(context, id, "FOR UPDATE OF l").await?;
    let mut fields = ListFields::read(&row);
    fields.apply(body)?;
    let (short, click) = domain_ids(context, &fields).await?;
    let statement = context
        .db
        .prepare_cached(
            "UPDATE lists
             SET phone_number = $2,
                 list_name = $3,
                 brand_name = $4,
                 status = $5,
                 short_domain_id = $6,
                 click_domain_id = $7,
                 collapse_hops = $8,
                 interstitial = $9,
                 fallback_url = $10,
                 prepend_text = $11,
                 append_text = $12,
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
                &id.0,
                &fields.phone_number,
                &fields.list_name,
                &fields.brand_name,
                &fields.status,
                &short,
                &click,
                &fields.collapse_hops,
                &fields.interstitial.as_ref().map(Json),
                &fields.fallback_url,
                &fields.prepend_text,
                &fields.append_text,
            ],
        )
        .await?;
    context.outbox.record_changed([RecordKey::List(id)]).await?;
    Response::ok(&ListObject::read(&list_find(context, id, "").await?))
}

async fn delete_list(context: RequestContext<'_>) -> Result<Response, ApiError> {
    let id: ListId = context.path("list_id", "list")?;
    let statement = context
        .db
        .prepare_cached(
            "UPDATE lists
             SET status = 'deleted', version = version + 1, updated_at = now()
             WHERE account_id = $1 AND id = $2",
        )
        .await?;
    let account_id = context.caller.account_id.0;
    if context
        .db
        .execute(&statement, &[&account_id, &id.0])
        .await?
        == 0
    {
        return Err(ApiError::NotFound("list"));
    }
    context.outbox.record_changed([RecordKey::List(id)]).await?;
    Response::ok(&Deleted {
        success: true,
        deleted: true,
    })
}

const LIST_COLUMNS: &str = "
    l.id, l.phone_number, l.list_name, l.brand_name, l.status, s.host AS short_domain,
           c.host AS click_domain, l.collapse_hops, l.interstitial, l.fallback_url,
           l.prepend_text, l.append_text, l.created_at, l.updated_at
";
const LIST_FROM: &str = "
    FROM lists l
    LEFT JOIN domains s ON s.id = l.short_domain_id
    LEFT JOIN domains c ON c.id = l.click_domain_id
";

/// `lock` is empty or a locking clause.
async fn list_find(context: RequestContext<'_>, id: ListId, lock: &str) -> Result<Row, ApiError> {
    let sql =
        format!("SELECT {LIST_COLUMNS} {LIST_FROM} WHERE l.account_id = $1 AND l.id = $2 {lock}");
    let statement = context.db.prepare_cached(&sql).await?;
    let account_id = context.caller.account_id.0;
    context
        .db
        .query_opt(&statement, &[&account_id, &id.0])
        .await?
        .ok_or(ApiError::NotFound("list"))
}

/// The account's domains that the list names.
async fn domain_ids(
    context: RequestContext<'_>,
    fields: &ListFields,
) -> Result<(Option<i64>, Option<i64>), ApiError> {
    let short = domain_id(context, "short", &fields.short_domain).await?;
    let click = domain_id(context, "click", &fields.click_domain).await?;
    Ok((short, click))
}

async fn domain_id(
    context: RequestContext<'_>,
    kind: &'static str,
    host: &Option<String>,
) -> Result<Option<i64>, ApiError> {
    let Some(host) = host else {
        return Ok(None);
    };
    let statement = context
        .db
        .prepare_cached("SELECT id FROM domains WHERE account_id = $1 AND kind = $2 AND host = $3")
        .await?;
    let account_id = context.caller.account_id.0;
    let row = context
        .db
        .query_opt(&statement, &[&account_id, &kind, host])
        .await?
        .ok_or(ApiError::DomainNotFound(kind))?;
    Ok(Some(row.get("id")))
}
