//! Domains: the hosts of short links and of the click tracker.
//!
//! Anybody can claim any host. It is the account's, and makes links, once the account has
//! proved that it controls the host, or an operator has approved it. Until then a domain is
//! `pending`: several accounts may claim one host, and the one that proves it holds it.

mod handlers;
mod object;
mod request;

use serde_json::json;

use crate::{
    audit::ObjectKind,
    auth::Scope,
    db::domains::{Ownership, SettableDomainStatus},
    enumeration::Enumeration as _,
    error::{ApiError, CodedField},
    http::{Content, Operation},
};
use handlers::{
    MAX_PENDING, check_domain, create_domain, delete_domain, get_domain, list_domains,
    set_domain_ownership, update_domain,
};
use object::{DomainObject, Domains};

pub fn operations() -> Vec<Operation> {
    client_operations()
        .into_iter()
        .map(|operation| operation.scope(Scope::Lists).tag("lists"))
        .chain([ownership_operation()])
        .collect()
}

fn client_operations() -> [Operation; 6] {
    let not_found = || ApiError::NotFound("domain");
    [
        Operation::get("/domains", list_domains)
            .summary("List domains")
            .description("By host.")
            .response::<Domains>(200, Domains::example()),
        Operation::post("/domains", create_domain)
            .audits_creation(ObjectKind::Domain, "/id")
            .summary("Register a domain")
            .description(
                "The domain is `pending` until the host shows the token of `proof`: in the TXT \
                 record `proof.dns`, or in the file `proof.http`, whose response must be 200 with \
                 the token alone. The first check follows within seconds, further ones every \
                 minute and then more and more seldom. A proved domain is checked daily: leave \
                 the record where it is. If it is missing for 7 days, the domain is pending \
                 again, its links keep working, and the host belongs to the next account that \
                 proves it. A host belongs to one account. Its DNS must point to the \
                 redirectors; a host that points there already is proved by the record.",
            )
            .request_examples([json!({ "host": "yourdomain.com", "kind": "short" })])
            .required_fields(["host", "kind"])
            .response::<DomainObject>(201, DomainObject::example())
            .errors([
                ApiError::MissingField(CodedField::Host),
                ApiError::InvalidHost,
                ApiError::InvalidKind,
                ApiError::HostTaken,
                ApiError::TooManyPendingDomains(MAX_PENDING),
            ]),
        Operation::get("/domains/{domain_id}", get_domain)
            .summary("Get a domain")
            .response::<DomainObject>(200, DomainObject::example())
            .errors([not_found()]),
        Operation::put("/domains/{domain_id}", update_domain)
            .audits_change(ObjectKind::Domain, "/id")
            .summary("Update a domain")
            .description("A disabled domain makes no new links. Its existing links keep working.")
            .request_examples([json!({ "status": "disabled" })])
            .response::<DomainObject>(200, DomainObject::example())
            .errors([
                ApiError::InvalidStatus(SettableDomainStatus::NAME_LIST),
                not_found(),
                ApiError::DomainPending,
            ]),
        Operation::post("/domains/{domain_id}/check", check_domain)
            .audits_change(ObjectKind::Domain, "/id")
            .summary("Check a domain now")
            .description(
                "The check runs within seconds: `proof.checked_at` and `proof.error` then have \
                 its result.",
            )
            .response::<DomainObject>(200, DomainObject::example())
            .errors([not_found()]),
        Operation::delete("/domains/{domain_id}", delete_domain)
            .audits_change(ObjectKind::Domain, "/id")
            .summary("Delete a domain")
            .description("Only a domain that no list and no link uses can be deleted.")
            .response_with_content(204, "Deleted.", Content::Empty)
            .errors([not_found(), ApiError::DomainInUse]),
    ]
}

fn ownership_operation() -> Operation {
    let problem = format!("it is not one of {}", Ownership::NAME_LIST);
    Operation::put("/domains/{domain_id}/ownership", set_domain_ownership)
        .audits_change(ObjectKind::Domain, "/id")
        .scope(Scope::Admin)
        .tag("accounts")
        .summary("Decide who owns a host")
        .description(
            "The domain can be any account's. `approved`: the account owns the host, whatever \
             the host shows. `refused`: it does not; the domain is pending and its links lead to \
             the 404 page. `checked`: the host must show its token, as without a decision; a \
             domain that is active stays active unless checks fail for 7 days.",
        )
        .request_examples([json!({ "ownership": "approved" })])
        .required_fields(["ownership"])
        .response::<DomainObject>(200, DomainObject::example())
        .errors([
            ApiError::invalid_field("ownership", problem),
            ApiError::NotFound("domain"),
            ApiError::HostTaken,
        ])
}
