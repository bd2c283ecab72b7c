//! Domains: the hosts of short links and of the click tracker.
//!
//! Anybody can claim any host. It is the account's, and makes links, once the account has
//! proved that it controls the host (`proof`), or an operator has said so. Until then a
//! domain is `pending`: several accounts may claim one host, and the one that proves it
//! holds it.

mod ownership;

use actix_web::http::Method;
use domain::host;
use postgres::pool::GenericClient;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio_postgres::{Row, types::ToSql};

use crate::{
    auth::Scope,
    db::ListQuery,
    domain_ownership,
    error::{ApiError, CodedField},
    fields::{Text, Timestamp, non_empty},
    http::{Content, Operation, PageRequest, Pagination, Parameter, RequestContext, Response},
    settings::DomainOwnership,
};

const PER_PAGE: u32 = 50;
const KINDS: [&str; 2] = ["short", "click"];
const STATUS: [&str; 2] = ["active", "disabled"];
const STATUS_NAMES: &str = "active, disabled";
const COLUMNS: &str = "
    id, host, kind, status, created_at, ownership, proof_token, proved_at, proved_by, checked_at,
    check_error
";
/// Domains of an account that wait for their proof: each of them is looked for.
const MAX_PENDING: i64 = 100;

pub fn operations() -> Vec<Operation> {
    let not_found = || ApiError::NotFound("domain");
    let one = "/domains/{domain_id}";
    vec![
        Operation::platform(Method::GET, "/domains", "list_domains", list_domains)
            .summary("List domains")
            .description("By host.")
            .with_paging(PER_PAGE)
            .parameter(Parameter::choice("kind", "Only these.", &KINDS))
            .response::<Domains>(
                200,
                json!({
                    "domains": [example()],
                    "pagination": { "page": 1, "per_page": 50, "total": 1, "total_pages": 1 },
                }),
            ),
        Operation::platform(Method::POST, "/domains", "create_domain", create_domain)
            .summary("Register a domain")
            .description(
                "The domain is `pending` until the host shows the token of `proof`: in the TXT \
                 record `proof.dns`, or in the file `proof.http`, which is answered with status \
                 200 and the token alone. It is looked for within seconds, then every minute and \
                 ever more seldom, and once proved it is looked for daily: leave the record where \
                 it is. If it is gone for 7 days the domain is pending again, its links go on \
                 working, and the host is whoever's that proves it. A host belongs to one \
                 account. Its DNS must lead to the redirectors; a host that leads there already \
                 is proved by the record.",
            )
            .request_body::<NewDomain>([json!({ "host": "yourdomain.com", "kind": "short" })])
            .required_fields(["host", "kind"])
            .response::<DomainObject>(201, example())
            .errors([
                ApiError::MissingField(CodedField::Host),
                ApiError::InvalidHost,
                ApiError::InvalidKind,
                ApiError::HostTaken,
                ApiError::TooManyPendingDomains(MAX_PENDING),
            ]),
        Operation::platform(Method::GET, one, "get_domain", get_domain)
            .summary("Get a domain")
            .response::<DomainObject>(200, example())
            .errors([not_found()]),
        Operation::platform(Method::PUT, one, "update_domain", update_domain)
            .summary("Change a domain")
            .description(
                "A disabled domain makes no new links. Those that were sent go on working.",
            )
            .request_body::<DomainChange>([json!({ "status": "disabled" })])
            .response::<DomainObject>(200, example())
            .errors([
                ApiError::InvalidStatus(STATUS_NAMES),
                not_found(),
                ApiError::DomainPending,
            ]),
        Operation::platform(
            Method::POST,
            "/domains/{domain_id}/check",
            "check_domain",
            check_domain,
        )
        .summary("Check a domain now")
        .description(
            "The proof is looked for within seconds: `proof.checked_at` and `proof.error` say \
                 what was found.",
        )
        .response::<DomainObject>(200, example())
        .errors([not_found()]),
        Operation::platform(Method::DELETE, one, "delete_domain", delete_domain)
            .summary("Delete a domain")
            .description("As long as no list and no link uses it.")
            .response_with_content(204, "Deleted.", Content::Empty)
            .errors([not_found(), ApiError::DomainInUse]),
    ]
    .into_iter()
    .map(|operation| operation.scope(Scope::Lists).tag("lists"))
    .chain([ownership::operation()])
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
    /// pending, active or disabled.
    status: String,
    created_at: Timestamp,
    proof: Proof,
}

/// Whether and how a host is known to be the account's.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "DomainProof")]
struct Proof {
    /// checked: by the token. approved or refused: by an operator, whatever the host shows.
    ownership: String,
    dns: TxtRecord,
    http: ProofFile,
    /// When the token was seen last.
    proved_at: Option<Timestamp>,
    /// dns or http.
    proved_by: Option<String>,
    checked_at: Option<Timestamp>,
    /// Why the last check has not found the token.
    error: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct TxtRecord {
    r#type: &'static str,
    name: String,
    value: String,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ProofFile {
    url: String,
    body: String,
}

impl Proof {
    fn read(row: &Row) -> Self {
        let (host, token): (String, String) = (row.get("host"), row.get("proof_token"));
        let time = |column: &str| row.get::<_, Option<jiff::Timestamp>>(column).map(Timestamp);
        Self {
            ownership: row.get("ownership"),
            dns: TxtRecord {
                r#type: "TXT",
                name: domain_ownership::txt_record_name(&host),
                value: token.clone(),
            },
            http: ProofFile {
                url: domain_ownership::file_url(&host, &token),
                body: token,
            },
            proved_at: time("proved_at"),
            proved_by: row.get("proved_by"),
            checked_at: time("checked_at"),
            error: row.get("check_error"),
        }
    }
}

impl DomainObject {
    fn read(row: &Row) -> Self {
        Self {
            id: row.get("id"),
            host: row.get("host"),
            kind: row.get("kind"),
            status: row.get("status"),
            created_at: Timestamp(row.get("created_at")),
            proof: Proof::read(row),
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
        "proof": {
            "ownership": "checked",
            "dns": {
                "type": "TXT",
                "name": "_waypost.yourdomain.com",
                "value": "0f8fad5bd9cb469fa16570867728950e",
            },
            "http": {
                "url": "http://yourdomain.com/.well-known/waypost/0f8fad5bd9cb469fa16570867728950e",
                "body": "0f8fad5bd9cb469fa16570867728950e",
            },
            "proved_at": "2026-03-10T08:16:00Z",
            "proved_by": "dns",
            "checked_at": "2026-03-10T08:16:00Z",
            "error": null,
        },
    })
}

async fn list_domains(context: RequestContext<'_>) -> Result<Response, ApiError> {
    let page = PageRequest::from_request(&context, PER_PAGE)?;
    let kind = context.choice("kind", &KINDS)?;
    let listing = ListQuery {
        columns: COLUMNS,
        from: "FROM domains WHERE account_id = $1 AND ($2::text IS NULL OR kind = $2)",
        order_by: "host",
    };
    let parameters: [&(dyn ToSql + Sync); 2] = [&context.caller.account_id.0, &kind];
    let (rows, total) = page.fetch(context, listing, &parameters).await?;
    Response::ok(&Domains {
        domains: rows.iter().map(DomainObject::read).collect(),
        pagination: page.pagination(total),
    })
}

async fn create_domain(context: RequestContext<'_>) -> Result<Response, ApiError> {
    let body: NewDomain = context.json()?;
    let host = non_empty(&body.host).ok_or(ApiError::MissingField(CodedField::Host))?;
    let host = public_host(host).ok_or(ApiError::InvalidHost)?;
    let kind = non_empty(&body.kind).filter(|kind| KINDS.contains(kind));
    let kind = kind.ok_or(ApiError::InvalidKind)?;
    if host == context.state.platform_click_host {
        return Err(ApiError::HostTaken);
    }
    let account_id = context.caller.account_id.0;
    let row = match context.state.domain_ownership {
        DomainOwnership::Proved => {
            require_room(context, account_id).await?;
            domain_insert(context, &host, kind, "pending", "checked").await?
        }
        DomainOwnership::Assumed => {
            domain_insert(context, &host, kind, "active", "approved").await?
        }
    };
    Response::created(&DomainObject::read(&row))
}

async fn require_room(context: RequestContext<'_>, account_id: i64) -> Result<(), ApiError> {
    let statement = context
        .db
        .prepare_cached(
            "SELECT count(*) AS n_pending
             FROM domains
             WHERE account_id = $1 AND status = 'pending'",
        )
        .await?;
    let row = context.db.query_one(&statement, &[&account_id]).await?;
    match row.get::<_, i64>("n_pending") < MAX_PENDING {
        true => Ok(()),
        false => Err(ApiError::TooManyPendingDomains(MAX_PENDING)),
    }
}

async fn domain_insert(
    context: RequestContext<'_>,
    host: &str,
    kind: &str,
    status: &'static str,
    ownership: &'static str,
) -> Result<Row, ApiError> {
    let sql = format!(
        "INSERT INTO domains (account_id, host, kind, status, ownership, check_at)
         VALUES ($1, $2, $3, $4, $5::text, CASE $5::text WHEN 'checked' THEN now() END)
         RETURNING {COLUMNS}"
    );
    let statement = context.db.prepare_cached(&sql).await?;
    let account_id = context.caller.account_id.0;
    let row = context
        .db
        .query_one(
            &statement,
            &[&account_id, &host, &kind, &status, &ownership],
        )
        .await?;
    Ok(row)
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

async fn domain_find(context: RequestContext<'_>) -> Result<Row, ApiError> {
    let id: i64 = context.path("domain_id", "domain")?;
    let sql = format!("SELECT {COLUMNS} FROM domains WHERE account_id = $1 AND id = $2");
    let statement = context.db.prepare_cached(&sql).await?;
    let account_id = context.caller.account_id.0;
    context
        .db
        .query_opt(&statement, &[&account_id, &id])
        .await?
        .ok_or(ApiError::NotFound("domain"))
}

async fn get_domain(context: RequestContext<'_>) -> Result<Response, ApiError> {
    Response::ok(&DomainObject::read(&domain_find(context).await?))
}

async fn update_domain(context: RequestContext<'_>) -> Result<Response, ApiError> {
    let body: DomainChange = context.json()?;
    let status = non_empty(&body.status);
    if status.is_some_and(|status| !STATUS.contains(&status)) {
        return Err(ApiError::InvalidStatus(STATUS_NAMES));
    }
    let found = domain_find(context).await?;
    let id: i64 = found.get("id");
    // In the statement as well: a check may end between the two.
    let sql = format!(
        "UPDATE domains
         SET status = coalesce($2::text, status)
         WHERE id = $1 AND ($2::text IS NULL OR status <> 'pending')
         RETURNING {COLUMNS}"
    );
    let statement = context.db.prepare_cached(&sql).await?;
    let row = context.db.query_opt(&statement, &[&id, &status]).await?;
    Response::ok(&DomainObject::read(&row.ok_or(ApiError::DomainPending)?))
}

async fn check_domain(context: RequestContext<'_>) -> Result<Response, ApiError> {
    let id: i64 = domain_find(context).await?.get("id");
    let sql = format!(
        "UPDATE domains
         SET check_at = CASE ownership WHEN 'checked' THEN now() END
         WHERE id = $1
         RETURNING {COLUMNS}"
    );
    let statement = context.db.prepare_cached(&sql).await?;
    let row = context.db.query_one(&statement, &[&id]).await?;
    Response::ok(&DomainObject::read(&row))
}

async fn delete_domain(context: RequestContext<'_>) -> Result<Response, ApiError> {
    let id: i64 = domain_find(context).await?.get("id");
    let statement = context
        .db
        .prepare_cached("DELETE FROM domains WHERE id = $1")
        .await?;
    context.db.execute(&statement, &[&id]).await?;
    Ok(Response::no_content())
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
