//! Coupons: codes that customers type instead of clicking a link.

mod handlers;
mod object;
mod request;

use serde_json::json;

use crate::{
    audit::ObjectKind, auth::Scope, db::coupons::CouponStatus, enumeration::Enumeration as _,
    error::ApiError, http::Operation,
};
use handlers::{
    DeletedCoupon, create_coupon, delete_coupon, get_coupon, list_coupons, update_coupon,
};
use object::{CouponObject, Coupons};

pub fn operations() -> Vec<Operation> {
    let not_found = || ApiError::NotFound("coupon");
    vec![
        Operation::get("/coupons", list_coupons)
            .summary("List coupons")
            .description("The newest first.")
            .response::<Coupons>(200, Coupons::example()),
        Operation::post("/coupons", create_coupon)
            .audits_creation(ObjectKind::Coupon, "/id")
            .summary("Create a coupon")
            .description(
                "A sale that a shop reports at `/conv/coupon?code=...` counts for the coupon's \
                 offer, link and contact, without a click. A coupon has at least one of them.",
            )
            .request_examples([
                json!({ "code": "SUMMER10", "offer_id": "6789abcd1234ef5678901234" }),
                json!({ "code": "ADA-2026", "link_id": "Ab3kX9q" }),
            ])
            .required_fields(["code"])
            .response::<CouponObject>(201, CouponObject::example())
            .errors(field_errors()),
        Operation::get("/coupons/{coupon_id}", get_coupon)
            .summary("Get a coupon")
            .response::<CouponObject>(200, CouponObject::example())
            .errors([not_found()]),
        Operation::patch("/coupons/{coupon_id}", update_coupon)
            .audits_change(ObjectKind::Coupon, "/id")
            .summary("Update a coupon")
            .description(
                "Updates the given fields; an empty text clears a value. Conversions that are \
                 stored already stay as they are.",
            )
            .request_examples([json!({ "valid_until": "2026-09-01T00:00:00Z" })])
            .response::<CouponObject>(200, CouponObject::example())
            .errors(field_errors())
            .errors([not_found()]),
        Operation::delete("/coupons/{coupon_id}", delete_coupon)
            .audits_change(ObjectKind::Coupon, "/id")
            .summary("Delete a coupon")
            .description(
                "Its conversions stay. Refunds of them are refused from then on: pause a coupon \
                 that has had sales.",
            )
            .response::<DeletedCoupon>(200, DeletedCoupon::example())
            .errors([not_found()]),
    ]
    .into_iter()
    .map(|operation| operation.scope(Scope::Offers).tag("coupons"))
    .collect()
}

fn field_errors() -> [ApiError; 7] {
    [
        ApiError::invalid_field("code", "it is not 1 to 64 of A-Z, a-z, 0-9, _, - and ."),
        ApiError::InvalidPhone("contact_phone"),
        ApiError::InvalidStatus(CouponStatus::NAME_LIST),
        ApiError::MissingCouponTarget,
        ApiError::AmbiguousLinkId,
        ApiError::CouponTaken,
        ApiError::NotFound("link"),
    ]
}
