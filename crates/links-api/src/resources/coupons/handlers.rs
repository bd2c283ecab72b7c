//! The handlers of coupons.

use domain::id::CouponId;
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    object::{CouponObject, Coupons},
    request::CouponRequest,
};
use crate::{
    db::{
        RowLock,
        coupons::{self, CouponFields, CouponRow, CouponStatus, record_key},
    },
    error::ApiError,
    http::{ListPage, PageQuery, QueryParameters, RequestContext, Response, success_body},
};

#[derive(Debug, Deserialize, JsonSchema)]
pub struct CouponsQuery {
    /// Only coupons of this status.
    status: Option<CouponStatus>,
}

impl QueryParameters for CouponsQuery {}

success_body! {
    #[schemars(rename = "CouponDeleted")]
    pub struct DeletedCoupon { deleted }
}

pub async fn list_coupons(
    context: RequestContext<'_>,
    page: PageQuery<50>,
    query: CouponsQuery,
) -> Result<Response, ApiError> {
    let page = page.page();
    let account_id = context.caller.account_id;
    let (rows, total) = coupons::select_page(context.db, account_id, query.status, page).await?;
    Response::ok(&Coupons {
        coupons: rows.into_iter().map(CouponObject::from).collect(),
        page: ListPage::new(page, total),
    })
}

pub async fn create_coupon(
    context: RequestContext<'_>,
    body: CouponRequest,
) -> Result<Response, ApiError> {
    let mut fields = CouponFields::default();
    body.apply(context, &mut fields).await?;
    let id = coupons::insert(context.db, context.caller.account_id, &fields).await?;
    // Redirectors may know that there is no such code.
    announce(context, [&fields.code]).await?;
    let coupon = find(context, id, RowLock::None).await?;
    Response::created(&CouponObject::from(coupon))
}

pub async fn get_coupon(context: RequestContext<'_>, id: CouponId) -> Result<Response, ApiError> {
    let coupon = find(context, id, RowLock::None).await?;
    Response::ok(&CouponObject::from(coupon))
}

pub async fn update_coupon(
    context: RequestContext<'_>,
    body: CouponRequest,
    id: CouponId,
) -> Result<Response, ApiError> {
    let mut fields = find(context, id, RowLock::Update).await?.fields;
    let old_code = fields.code.clone();
    body.apply(context, &mut fields).await?;
    coupons::update(context.db, id, &fields).await?;
    announce(context, [&old_code, &fields.code]).await?;
    let coupon = find(context, id, RowLock::None).await?;
    Response::ok(&CouponObject::from(coupon))
}

pub async fn delete_coupon(
    context: RequestContext<'_>,
    id: CouponId,
) -> Result<Response, ApiError> {
    let coupon = find(context, id, RowLock::Update).await?;
    coupons::delete(context.db, id).await?;
    announce(context, [&coupon.fields.code]).await?;
    Response::ok(&DeletedCoupon::new())
}

/// Announces the records of these codes as changed.
async fn announce<const N: usize>(
    context: RequestContext<'_>,
    codes: [&String; N],
) -> Result<(), ApiError> {
    let account_id = context.caller.account_id;
    let keys = codes
        .into_iter()
        .filter_map(|code| record_key(account_id, code));
    context.outbox.record_changed(keys).await
}

async fn find(
    context: RequestContext<'_>,
    id: CouponId,
    lock: RowLock,
) -> Result<CouponRow, ApiError> {
    let coupon = coupons::find(context.db, context.caller.account_id, id, lock).await?;
    coupon.ok_or(ApiError::NotFound("coupon"))
}
