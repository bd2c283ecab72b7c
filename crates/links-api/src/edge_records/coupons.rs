//! Coupons, as redirectors read them.

use domain::{
    coupon::CouponCode,
    id::{AccountId, CouponId, OfferId, ShortId},
    record::{CouponLink, CouponRecord, CouponStatus},
};
use postgres::pool::GenericClient;

use crate::error::ApiError;

pub async fn find(
    client: &impl GenericClient,
    account_id: AccountId,
    code: &CouponCode,
) -> Result<Option<CouponRecord>, ApiError> {
    let statement = client
        .prepare_cached(
            "SELECT c.id, c.offer_id, c.contact_phone, c.status, c.valid_from, c.valid_until,
                    c.version, l.short_id, d.host AS short_host
             FROM coupons c
             LEFT JOIN links l ON l.id = c.link_key
             LEFT JOIN domains d ON d.id = l.domain_id
             WHERE c.account_id = $1 AND c.code = $2",
        )
        .await?;
    let row = client
        .query_opt(&statement, &[&account_id.0, &code.as_str()])
        .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let offer_id: Option<&str> = row.get("offer_id");
    let short_id: Option<&str> = row.get("short_id");
    let link = short_id.map(ShortId::parse).transpose();
    let link = link.map_err(ApiError::internal)?.map(|link_id| CouponLink {
        short_host: row.get("short_host"),
        link_id,
    });
    Ok(Some(CouponRecord {
        coupon_id: CouponId(row.get("id")),
        account_id,
        code: code.clone(),
        offer_id: offer_id
            .map(OfferId::parse)
            .transpose()
            .map_err(ApiError::internal)?,
        link,
        contact_phone: row.get("contact_phone"),
        status: match row.get("status") {
            "active" => CouponStatus::Active,
            _ => CouponStatus::Paused,
        },
        valid_from: row.get("valid_from"),
        valid_until: row.get("valid_until"),
        version: row.get("version"),
    }))
}
