//! Sending lists.

mod handlers;
mod object;
mod request;

use domain::macros::InvalidTemplate;
use serde_json::json;

use crate::{
    audit::ObjectKind,
    auth::Scope,
    db::lists::ListStatus,
    enumeration::Enumeration as _,
    error::{ApiError, CodedField},
    http::Operation,
};
use handlers::{DeletedList, create_list, delete_list, get_list, list_lists, update_list};
use object::{ListObject, Lists};

pub fn operations() -> Vec<Operation> {
    let not_found = || ApiError::NotFound("list");
    vec![
        Operation::get("/lists", list_lists)
            .summary("List sending lists")
            .description("The newest first; without `status`, all but deleted ones.")
            .response::<Lists>(200, Lists::example()),
        Operation::post("/lists", create_list)
            .audits_creation(ObjectKind::List, "/id")
            .summary("Create a sending list")
            .description(
                "Its links are on `short_domain`, its click tracker is on `click_domain` or else \
                 on the platform's host.",
            )
            .request_examples([json!({
                "phone_number": "+18005551234",
                "list_name": "Spring",
                "short_domain": "yourdomain.com",
                "click_domain": "ct.yourdomain.click",
            })])
            .required_fields(["phone_number", "list_name"])
            .response::<ListObject>(201, ListObject::example())
            .errors(field_errors()),
        Operation::get("/lists/{list_id}", get_list)
            .summary("Get a sending list")
            .response::<ListObject>(200, ListObject::example())
            .errors([not_found()]),
        Operation::put("/lists/{list_id}", update_list)
            .audits_change(ObjectKind::List, "/id")
            .summary("Update a sending list")
            .description(
                "Updates the given fields; an empty text clears a value. Only an active list \
                 can create links.",
            )
            .request_examples([
                json!({ "collapse_hops": true, "append_text": "Reply STOP to opt out." }),
            ])
            .response::<ListObject>(200, ListObject::example())
            .errors(field_errors())
            .errors([not_found()]),
        Operation::delete("/lists/{list_id}", delete_list)
            .audits_change(ObjectKind::List, "/id")
            .summary("Delete a sending list")
            .description("Its links still work, and its number can be used for another list.")
            .response::<DeletedList>(200, DeletedList::example())
            .errors([not_found()]),
    ]
    .into_iter()
    .map(|operation| operation.scope(Scope::Lists).tag("lists"))
    .collect()
}

fn field_errors() -> [ApiError; 8] {
    [
        ApiError::MissingField(CodedField::PhoneNumber),
        ApiError::InvalidSender,
        ApiError::MissingField(CodedField::ListName),
        ApiError::InvalidStatus(ListStatus::NAME_LIST),
        ApiError::InvalidTemplate(CodedField::FallbackUrl, InvalidTemplate::NotHttp),
        ApiError::DomainNotFound("short"),
        ApiError::DomainNotFound("click"),
        ApiError::PhoneTaken,
    ]
}
