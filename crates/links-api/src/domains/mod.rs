//! Domains: the hosts of short links and of the click tracker.

use actix_web::http::Method;
use domain::host;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio_postgres::{Row, types::ToSql};

use crate::{
    api::{Answer, Call, Content, Listing, Operation, Page, Pagination, Parameter, Timestamp},
    auth::Scope,
    body::{Text, given},
    error::{ApiError, Field},
};

const PER_PAGE: u32 = 50;
const KINDS: [&str; 2] = ["short", "click"];
const STATUS: [&str; 2] = ["active", "disabled"];
const STATUS_NAMES: &str = "active, disabled";
const COLUMNS: &str = "id, host, kind, status, created_at";

pub fn operations() -> Vec<Operation> {
    let not_found = || ApiError::NotFound("domain");
    let one = "/domains/{domain_id}";
    vec![
        Operation::platform(Method::GET, "/domains", "list_domains", list_domains)
            .says("List domains", "By host.")
            .paged(PER_PAGE)
            .takes(Parameter::choice("kind", "Only these.", &KINDS))
            .answers::<Domains>(
                200,
                json!({
                    "domains": [example()],
                    "pagination": { "page": 1, "per_page": 50, "total": 1, "total_pages": 1 },
                }),
            ),
        Operation::platform(Method::POST, "/domains", "create_domain", create_domain)
            .says(
                "Register a domain",
                "A host belongs to one account. Its DNS must lead to the redirectors.",
            )
            .reads::<NewDomain>([json!({ "host": "yourdomain.com", "kind": "short" })])
            .requires(["host", "kind"])
            .answers::<DomainObject>(201, example())
            .fails([
                ApiError::Missing(Field::Host),
                ApiError::InvalidHost,
                ApiError::InvalidKind,
                ApiError::HostTaken,
            ]),
        Operation::platform(Method::GET, one, "get_domain", get_domain)
            .says("Get a domain", "")
            .answers::<DomainObject>(200, example())
            .fails([not_found()]),
        Operation::platform(Method::PUT, one, "update_domain", update_domain)
            .says(
                "Change a domain",
                "A disabled domain makes no new links. Those that were sent go on working.",
            )
            .reads::<DomainChange>([json!({ "status": "disabled" })])
            .answers::<DomainObject>(200, example())
            .fails([ApiError::InvalidStatus(STATUS_NAMES), not_found()]),
        Operation::platform(Method::DELETE, one, "delete_domain", delete_domain)
            .says("Delete a domain", "As long as no list and no link uses it.")
            .answers_with(204, "Deleted.", Content::Empty)
            .fails([not_found(), ApiError::DomainInUse]),
    ]
    .into_iter()
    .map(|operation| operation.needs(Scope::Lists, "lists"))
    .collect()
}

#[derive(Debug, Deserialize, JsonSchema)]
struct NewDomain {
    /// Required. Without scheme and path.
    host: Option<Text>,
    /// short or click. Required.
    #[schemars(extend("enum" = ["short", "click", "", null]))]
    kind: Option<Text>,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct DomainChange {
    /// active or disabled.
    #[schemars(extend("enum" = ["active", "disabled", "", null]))]
    status: Option<Text>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Domains {
    domains: Vec<DomainObject>,
    pagination: Pagination,
}

#[derive(Debug, Serialize, JsonSchema)]
struct DomainObject {
    id: i64,
    host: String,
    kind: String,
    status: String,
    created_at: Timestamp,
}

impl DomainObject {
    fn read(row: &Row) -> Self {
        Self {
            id: row.get("id"),
            host: row.get("host"),
            kind: row.get("kind"),
            status: row.get("status"),
            created_at: Timestamp(row.get("created_at")),
        }
    }
}

fn example() -> Value {
    json!({
        "id": 7,
        "host": "yourdomain.com",
        "kind": "short",
        "status": "active",
        "created_at": "2026-03-10T08:15:00Z",
    })
}

async fn list_domains(call: Call<'_>) -> Result<Answer, ApiError> {
    let page = Page::read(&call, PER_PAGE)?;
    let kind = call.choice("kind", &KINDS)?;
    let listing = Listing {
        columns: COLUMNS,
        from: "FROM domains WHERE account_id = $1 AND ($2::text IS NULL OR kind = $2)",
        order_by: "host",
    };
    let parameters: [&(dyn ToSql + Sync); 2] = [&call.caller.account_id.0, &kind];
    let (rows, total) = page.fetch(call, listing, &parameters).await?;
    Answer::ok(&Domains {
        domains: rows.iter().map(DomainObject::read).collect(),
        pagination: page.pagination(total),
    })
}

async fn create_domain(call: Call<'_>) -> Result<Answer, ApiError> {
    let body: NewDomain = call.json()?;
    let host = given(&body.host).ok_or(ApiError::Missing(Field::Host))?;
    let host = public_host(host).ok_or(ApiError::InvalidHost)?;
    let kind = given(&body.kind).filter(|kind| KINDS.contains(kind));
    let kind = kind.ok_or(ApiError::InvalidKind)?;
    if host == call.services.platform_click_host {
        return Err(ApiError::HostTaken);
    }
    let sql = format!(
        "INSERT INTO domains (account_id, host, kind) VALUES ($1, $2, $3) RETURNING {COLUMNS}"
    );
    let statement = call.db.prepare_cached(&sql).await?;
    let account_id = call.caller.account_id.0;
    let row = call
        .db
        .query_one(&statement, &[&account_id, &host, &kind])
        .await?;
    Answer::created(&DomainObject::read(&row))
}

/// A name with a dot, in the spelling that is stored; letters beyond ASCII
/// become punycode. Not an address, and no port, path or user.
fn public_host(text: &str) -> Option<String> {
    let text = text.trim();
    if text.contains(['/', '\\', ':', '@', '?', '#', '%', '[']) {
        return None;
    }
    let url = url::Url::parse(&format!("https://{text}/")).ok()?;
    let name = url.domain()?;
    let name = host::normalise(name)?;
    (name.contains('.') && !name.ends_with('-')).then_some(name)
}

async fn domain_find(call: Call<'_>) -> Result<Row, ApiError> {
    let id: i64 = call.path("domain_id", "domain")?;
    let sql = format!("SELECT {COLUMNS} FROM domains WHERE account_id = $1 AND id = $2");
    let statement = call.db.prepare_cached(&sql).await?;
    let account_id = call.caller.account_id.0;
    call.db
        .query_opt(&statement, &[&account_id, &id])
        .await?
        .ok_or(ApiError::NotFound("domain"))
}

async fn get_domain(call: Call<'_>) -> Result<Answer, ApiError> {
    Answer::ok(&DomainObject::read(&domain_find(call).await?))
}

async fn update_domain(call: Call<'_>) -> Result<Answer, ApiError> {
    let body: DomainChange = call.json()?;
    let status = given(&body.status);
    if status.is_some_and(|status| !STATUS.contains(&status)) {
        return Err(ApiError::InvalidStatus(STATUS_NAMES));
    }
    let id: i64 = domain_find(call).await?.get("id");
    let sql = format!(
        "UPDATE domains SET status = coalesce($2, status) WHERE id = $1 RETURNING {COLUMNS}"
    );
    let statement = call.db.prepare_cached(&sql).await?;
    let row = call.db.query_one(&statement, &[&id, &status]).await?;
    Answer::ok(&DomainObject::read(&row))
}

async fn delete_domain(call: Call<'_>) -> Result<Answer, ApiError> {
    let id: i64 = domain_find(call).await?.get("id");
    let statement = call
        .db
        .prepare_cached("DELETE FROM domains WHERE id = $1")
        .await?;
    call.db.execute(&statement, &[&id]).await?;
    Ok(Answer::empty())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("yourdomain.com", Some("yourdomain.com"))]
    #[case(" YourDomain.COM. ", Some("yourdomain.com"))]
    #[case("bücher.example", Some("xn--bcher-kva.example"))]
    #[case("a_b.example", Some("a_b.example"))]
    #[case("localhost", None)]
    #[case("127.0.0.1", None)]
    #[case("0x7f.1", None)]
    #[case("[::1]", None)]
    #[case("https://e.com", None)]
    #[case("e.com/path", None)]
    #[case("e.com:8080", None)]
    #[case("user@e.com", None)]
    #[case("e..com", None)]
    #[case("e .com", None)]
    #[case("", None)]
    fn a_host_is_a_public_name(#[case] text: &str, #[case] expected: Option<&str>) {
        assert_eq!(public_host(text).as_deref(), expected);
    }
}
