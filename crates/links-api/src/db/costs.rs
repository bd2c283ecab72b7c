//! Costs: what an account pays for the traffic of a link, offer, list or campaign.

use domain::{
    cost::{CostModel, CostRange},
    id::AccountId,
};
use jiff::Timestamp;
use postgres::pool::GenericClient;
use rust_decimal::Decimal;
use tokio_postgres::Row;

use super::ListQuery;
use crate::{enumeration::enumeration, error::ApiError, fields::ids::CostId, http::PageRequest};

enumeration! {
    /// What a cost is of.
    pub enum CostTargetKind {
        Link = "link",
        Offer = "offer",
        List = "list",
        Campaign = "campaign",
    }
}

/// What a cost is of. The id of a link is the number of its row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CostTarget {
    pub kind: CostTargetKind,
    pub id: String,
}

/// A cost, without the id of its row.
#[derive(Debug, Clone)]
pub struct CostFields {
    pub target: CostTarget,
    pub range: CostRange,
    pub currency: String,
}

/// A cost as a list shows it.
#[derive(Debug)]
pub struct CostRow {
    pub id: CostId,
    pub fields: CostFields,
    /// The short id and the code of a link.
    pub short_id: Option<String>,
    pub code: Option<String>,
    pub updated_at: Timestamp,
}

impl From<&Row> for CostFields {
    fn from(row: &Row) -> Self {
        let model: &str = row.get("model");
        let days: i32 = row.get("days");
        Self {
            target: CostTarget {
                kind: row.get("target_kind"),
                id: row.get("target"),
            },
            range: CostRange {
                model: CostModel::parse(model).expect("the table has a constraint"),
                starts_at: row.get("starts_at"),
                ends_at: row.get("ends_at"),
                days: days.try_into().unwrap_or_default(),
                amount: row.get("amount"),
            },
            currency: row.get("currency"),
        }
    }
}

/// What became of costs that were stored.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct StoreOutcome {
    pub n_created: usize,
    pub n_updated: usize,
}

/// Inserts costs, or replaces the amounts of those that are there: of the same target, model,
/// time and currency. No two of them may be the same. Fails if the account would have more than
/// `max_costs`.
pub async fn upsert_all(
    client: &impl GenericClient,
    account_id: AccountId,
    costs: &[CostFields],
    max_costs: i64,
) -> Result<StoreOutcome, ApiError> {
    // Only one import of an account at a time can count its costs.
    let statement = client
        .prepare_cached("SELECT 1 FROM accounts WHERE id = $1 FOR NO KEY UPDATE")
        .await?;
    client.query_one(&statement, &[&account_id.0]).await?;
    let statement = client
        .prepare_cached(
            "INSERT INTO costs AS c
                 (account_id, target_kind, target, model, starts_at, ends_at, days, amount, currency)
             SELECT $1::bigint, n.*
             FROM unnest(
                 $2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[],
                 $7::integer[], $8::numeric[], $9::text[]
             ) AS n
             ON CONFLICT ON CONSTRAINT costs_identity_key DO UPDATE
             SET amount = excluded.amount, days = excluded.days, updated_at = now()
             WHERE (c.amount, c.days) IS DISTINCT FROM (excluded.amount, excluded.days)
             RETURNING xmax = 0 AS is_created",
        )
        .await?;
    let kinds: Vec<_> = costs.iter().map(|cost| cost.target.kind).collect();
    let ids: Vec<_> = costs.iter().map(|cost| cost.target.id.as_str()).collect();
    let models: Vec<_> = costs.iter().map(|c| c.range.model.as_str()).collect();
    let starts: Vec<_> = costs.iter().map(|cost| cost.range.starts_at).collect();
    let ends: Vec<_> = costs.iter().map(|cost| cost.range.ends_at).collect();
    let days: Vec<_> = costs
        .iter()
        .map(|cost| i32::try_from(cost.range.days).unwrap_or(i32::MAX))
        .collect();
    let amounts: Vec<Decimal> = costs.iter().map(|cost| cost.range.amount).collect();
    let currencies: Vec<_> = costs.iter().map(|cost| cost.currency.as_str()).collect();
    let rows = client
        .query(
            &statement,
            &[
                &account_id.0,
                &kinds,
                &ids,
                &models,
                &starts,
                &ends,
                &days,
                &amounts,
                &currencies,
            ],
        )
        .await?;
    let n_created = rows.iter().filter(|row| row.get("is_created")).count();
    let statement = client
        .prepare_cached("SELECT count(*) AS n_costs FROM costs WHERE account_id = $1")
        .await?;
    let row = client.query_one(&statement, &[&account_id.0]).await?;
    if row.get::<_, i64>("n_costs") > max_costs {
        return Err(ApiError::TooManyCosts(max_costs));
    }
    Ok(StoreOutcome {
        n_created,
        n_updated: rows.len() - n_created,
    })
}

/// A page of the account's costs, the latest first, and the number of all.
pub async fn select_page(
    client: &impl GenericClient,
    account_id: AccountId,
    kind: Option<CostTargetKind>,
    page: PageRequest,
) -> Result<(Vec<CostRow>, i64), ApiError> {
    let from =
        format!("{FROM} WHERE c.account_id = $1 AND ($2::text IS NULL OR c.target_kind = $2)");
    let list = ListQuery {
        columns: COLUMNS,
        from: &from,
        order_by: "c.starts_at DESC, c.cost_id DESC",
    };
    let (rows, total) = super::select_page(client, list, &[&account_id.0, &kind], page).await?;
    Ok((rows.iter().map(CostRow::from).collect(), total))
}

const COLUMNS: &str = "c.*, l.short_id, l.code";

const FROM: &str = "
    FROM costs c
    LEFT JOIN links l ON l.id = CASE WHEN c.target_kind = 'link' THEN c.target::bigint END
";

impl From<&Row> for CostRow {
    fn from(row: &Row) -> Self {
        Self {
            id: CostId(row.get("cost_id")),
            fields: CostFields::from(row),
            short_id: row.get("short_id"),
            code: row.get("code"),
            updated_at: row.get("updated_at"),
        }
    }
}

pub async fn find(
    client: &impl GenericClient,
    account_id: AccountId,
    id: CostId,
) -> Result<Option<CostRow>, ApiError> {
    let sql = format!("SELECT {COLUMNS} {FROM} WHERE c.account_id = $1 AND c.cost_id = $2");
    let statement = client.prepare_cached(&sql).await?;
    let row = client
        .query_opt(&statement, &[&account_id.0, &id.0])
        .await?;
    Ok(row.as_ref().map(CostRow::from))
}

/// Whether the account had such a cost.
pub async fn delete(
    client: &impl GenericClient,
    account_id: AccountId,
    id: CostId,
) -> Result<bool, ApiError> {
    let statement = client
        .prepare_cached("DELETE FROM costs WHERE account_id = $1 AND cost_id = $2")
        .await?;
    let n_deleted = client.execute(&statement, &[&account_id.0, &id.0]).await?;
    Ok(n_deleted > 0)
}

/// The account's costs of a period, in one currency or in all.
pub async fn select_of_period(
    client: &impl GenericClient,
    account_id: AccountId,
    (from, to): (Timestamp, Timestamp),
    currency: Option<&str>,
) -> Result<Vec<CostFields>, ApiError> {
    let statement = client
        .prepare_cached(
            "SELECT *
             FROM costs
             WHERE account_id = $1
               AND starts_at < $3
               AND ends_at > $2
               AND ($4::text IS NULL OR currency = $4)
             ORDER BY cost_id",
        )
        .await?;
    let rows = client
        .query(&statement, &[&account_id.0, &from, &to, &currency])
        .await?;
    Ok(rows.iter().map(CostFields::from).collect())
}
