//! The table `coupons`.

use domain::{
    coupon::CouponCode,
    id::{AccountId, CouponId, LinkCode},
    record::RecordKey,
};
use jiff::Timestamp;
use postgres::pool::GenericClient;
use tokio_postgres::{Row, types::ToSql};

use super::{ListQuery, RowLock, insert_row, update_row};
use crate::{enumeration::enumeration, error::ApiError, http::PageRequest};

enumeration! {
    /// A paused coupon takes no sales, but refunds of earlier ones.
    pub enum CouponStatus {
        Active = "active",
        Paused = "paused",
    }
}

#[derive(Debug)]
pub struct CouponRow {
    pub id: CouponId,
    pub fields: CouponFields,
    pub link: Option<CouponLinkName>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// The link of a coupon, as clients name it.
#[derive(Debug)]
pub struct CouponLinkName {
    /// The short id, or the `lnk_...` of a campaign link.
    pub link_id: String,
    pub short_domain: String,
}

/// The columns that clients can update.
#[derive(Debug)]
pub struct CouponFields {
    /// The code in upper case, by which it is looked up.
    pub code: String,
    pub offer_id: Option<String>,
    pub link_key: Option<i64>,
    pub contact_phone: Option<String>,
    pub status: CouponStatus,
    pub valid_from: Option<Timestamp>,
    pub valid_until: Option<Timestamp>,
}

impl Default for CouponFields {
    fn default() -> Self {
        Self {
            code: String::new(),
            offer_id: None,
            link_key: None,
            contact_phone: None,
            status: CouponStatus::Active,
            valid_from: None,
            valid_until: None,
        }
    }
}

/// The columns of [`CouponFields`]; the values are those of [`values`].
const FIELD_COLUMNS: &str =
    "code, offer_id, link_key, contact_phone, status, valid_from, valid_until";

fn values(fields: &CouponFields) -> [&(dyn ToSql + Sync); 7] {
    [
        &fields.code,
        &fields.offer_id,
        &fields.link_key,
        &fields.contact_phone,
        &fields.status,
        &fields.valid_from,
        &fields.valid_until,
    ]
}

const COLUMNS: &str = "
    c.id, c.code, c.offer_id, c.link_key, c.contact_phone, c.status, c.valid_from, c.valid_until,
    c.created_at, c.updated_at, l.short_id, l.code AS link_code, d.host AS short_domain
";
const FROM: &str = "
    FROM coupons c
    LEFT JOIN links l ON l.id = c.link_key
    LEFT JOIN domains d ON d.id = l.domain_id
";

impl CouponRow {
    fn from_row(row: &Row) -> Result<Self, ApiError> {
        let short_id: Option<String> = row.get("short_id");
        let link_code: Option<&str> = row.get("link_code");
        let link_code = link_code.map(LinkCode::parse).transpose();
        let link_code = link_code.map_err(ApiError::internal)?;
        Ok(Self {
            id: CouponId(row.get("id")),
            fields: CouponFields {
                code: row.get("code"),
                offer_id: row.get("offer_id"),
                link_key: row.get("link_key"),
                contact_phone: row.get("contact_phone"),
                status: row.get("status"),
                valid_from: row.get("valid_from"),
                valid_until: row.get("valid_until"),
            },
            link: short_id.map(|short_id| CouponLinkName {
                link_id: link_code.map_or(short_id, |code| code.link_id()),
                short_domain: row.get("short_domain"),
            }),
            created_at: row.get("created_at"),
            updated_at: row.get("updated_at"),
        })
    }
}

/// A page of the account's coupons, and the number of all.
pub async fn select_page(
    client: &impl GenericClient,
    account_id: AccountId,
    status: Option<CouponStatus>,
    page: PageRequest,
) -> Result<(Vec<CouponRow>, i64), ApiError> {
    let from = format!(
        "{FROM}
         WHERE c.account_id = $1 AND ($2::text IS NULL OR c.status = $2)"
    );
    let query = ListQuery {
        columns: COLUMNS,
        from: &from,
        order_by: "c.id DESC",
    };
    let parameters: [&(dyn ToSql + Sync); 2] = [&account_id.0, &status];
    let (rows, total) = super::select_page(client, query, &parameters, page).await?;
    let coupons = rows.iter().map(CouponRow::from_row);
    Ok((coupons.collect::<Result<_, _>>()?, total))
}

pub async fn find(
    client: &impl GenericClient,
    account_id: AccountId,
    id: CouponId,
    lock: RowLock,
) -> Result<Option<CouponRow>, ApiError> {
    let lock = lock.clause_of("c");
    let sql = format!("SELECT {COLUMNS} {FROM} WHERE c.account_id = $1 AND c.id = $2 {lock}");
    let statement = client.prepare_cached(&sql).await?;
    let row = client
        .query_opt(&statement, &[&account_id.0, &id.0])
        .await?;
    row.as_ref().map(CouponRow::from_row).transpose()
}

/// Fails with [`ApiError::CouponTaken`] if the account has a coupon of this code.
pub async fn insert(
    client: &impl GenericClient,
    account_id: AccountId,
    fields: &CouponFields,
) -> Result<CouponId, ApiError> {
    let values = values(fields);
    let keys: [(&str, &(dyn ToSql + Sync)); 1] = [("account_id", &account_id.0)];
    let row = insert_row(client, "coupons", FIELD_COLUMNS, &values, &keys).await?;
    Ok(CouponId(row.get("id")))
}

/// Fails with [`ApiError::CouponTaken`] if the account has another coupon of this code.
pub async fn update(
    client: &impl GenericClient,
    id: CouponId,
    fields: &CouponFields,
) -> Result<(), ApiError> {
    let values = values(fields);
    update_row(client, "coupons", FIELD_COLUMNS, &values, &id.0).await?;
    Ok(())
}

pub async fn delete(client: &impl GenericClient, id: CouponId) -> Result<(), ApiError> {
    let statement = client
        .prepare_cached("DELETE FROM coupons WHERE id = $1")
        .await?;
    client.execute(&statement, &[&id.0]).await?;
    Ok(())
}

/// Removes the number of a contact from the account's coupons. Returns the records that have
/// changed.
pub async fn erase_contact(
    client: &impl GenericClient,
    account_id: AccountId,
    phone: &str,
) -> Result<Vec<RecordKey>, ApiError> {
    let statement = client
        .prepare_cached(
            "UPDATE coupons
             SET contact_phone = NULL, version = version + 1, updated_at = now()
             WHERE account_id = $1 AND contact_phone = $2
             RETURNING code",
        )
        .await?;
    let rows = client.query(&statement, &[&account_id.0, &phone]).await?;
    let keys = rows
        .iter()
        .filter_map(|row| record_key(account_id, row.get("code")));
    Ok(keys.collect())
}

/// The name of a coupon's record.
pub fn record_key(account_id: AccountId, code: &str) -> Option<RecordKey> {
    let code = CouponCode::parse(code)?;
    Some(RecordKey::Coupon { account_id, code })
}
