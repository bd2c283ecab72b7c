//! The offers' rows.

use domain::id::{OfferId, random_base62};
use tokio_postgres::{
    Row,
    types::{Json, ToSql},
};

use super::{
    Kind,
    fields::{OfferFields, slug_of},
};
use crate::{
    error::ApiError,
    http::{ListQuery, PageRequest, RequestContext},
};

const COLUMNS: &str = "
    id, slug, name, url_template, external_platform, external_id, advertiser_id, affiliate_id,
    payout, payout_type, filter_bots, interstitial, postback_secret,
    previous_postback_secrets, postbacks, click_window_days, fallback_url, status, metadata, created_at, updated_at
";

pub async fn offer_list(
    context: RequestContext<'_>,
    kind: Kind,
    status: Option<&str>,
    page: PageRequest,
) -> Result<(Vec<Row>, i64), ApiError> {
    let listing = ListQuery {
        columns: COLUMNS,
        from: "
            FROM offers
            WHERE account_id = $1
              AND kind = $2
              AND CASE WHEN $3::text IS NULL THEN status <> 'archived' ELSE status = $3 END
        ",
        order_by: "created_at DESC, id DESC",
    };
    let account_id = context.caller.account_id.0;
    let parameters: [&(dyn ToSql + Sync); 3] = [&account_id, &kind.name(), &status];
    page.fetch(context, listing, &parameters).await
}

/// Whether others wait with changing the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lock {
    None,
    ForUpdate,
}

pub async fn offer_find(
    context: RequestContext<'_>,
    kind: Kind,
    id: OfferId,
    lock: Lock,
) -> Result<Row, ApiError> {
    let lock = match lock {
        Lock::None => "",
        Lock::ForUpdate => "FOR UPDATE",
    };
    let sql = format!(
        "SELECT {COLUMNS} FROM offers WHERE account_id = $1 AND kind = $2 AND id = $3 {lock}"
    );
    let statement = context.db.prepare_cached(&sql).await?;
    let account_id = context.caller.account_id.0;
    context
        .db
        .query_opt(&statement, &[&account_id, &kind.name(), &id.to_string()])
        .await?
        .ok_or(ApiError::NotFound(kind.resource()))
}

/// Tries that a slug made of a name gets, each with other letters behind it.
const SLUG_TRIES: usize = 5;

/// Inserts the offer, with a slug made of its name if it has none.
pub async fn offer_insert(
    context: RequestContext<'_>,
    kind: Kind,
    id: OfferId,
    fields: &mut OfferFields,
) -> Result<(), ApiError> {
    if fields.slug.is_some() {
        return match offer_try_insert(context, kind, id, fields).await? {
            true => Ok(()),
            false => Err(ApiError::SlugTaken),
        };
    }
    let base = slug_of(&fields.name).unwrap_or_else(|| id.to_string());
    let mut slug = base.clone();
    for _ in 0..SLUG_TRIES {
        fields.slug = Some(slug);
        if offer_try_insert(context, kind, id, fields).await? {
            return Ok(());
        }
        slug = format!("{base}-{}", random_base62(&mut rand::rng(), 4));
    }
    Err(ApiError::SlugTaken)
}

/// False if the slug is taken.
async fn offer_try_insert(
    context: RequestContext<'_>,
    kind: Kind,
    id: OfferId,
    fields: &OfferFields,
) -> Result<bool, ApiError> {
    let statement = context
        .db
        .prepare_cached(
            "INSERT INTO offers
                 (id, account_id, kind, slug, name, url_template, external_platform, external_id,
                  advertiser_id, affiliate_id, payout, payout_type, filter_bots, interstitial,
                  postback_secret, click_window_days, fallback_url, status, metadata,
                  previous_postback_secrets, postbacks)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,
                     $18, $19, $20, $21)
             ON CONFLICT (account_id, kind, slug) DO NOTHING",
        )
        .await?;
    let n_inserted = context
        .db
        .execute(
            &statement,
            &[
                &id.to_string(),
                &context.caller.account_id.0,
                &kind.name(),
                &fields.slug,
                &fields.name,
                &fields.template,
                &fields.external_platform,
                &fields.external_id,
                &fields.advertiser_id,
                &fields.affiliate_id,
                &fields.payout,
                &fields.payout_type,
                &fields.filter_bots,
                &fields.interstitial.as_ref().map(Json),
                &fields.postback_secret,
                &fields.click_window_days,
                &fields.fallback_url,
                &fields.status,
                &Json(&fields.metadata),
                &fields.previous_postback_secrets,
                &fields.postbacks,
            ],
        )
        .await?;
    Ok(n_inserted == 1)
}

pub async fn offer_update(
    context: RequestContext<'_>,
    id: OfferId,
    fields: &OfferFields,
) -> Result<(), ApiError> {
    let statement = context
        .db
        .prepare_cached(
            "UPDATE offers
             SET slug = $2,
                 name = $3,
                 url_template = $4,
                 external_platform = $5,
                 external_id = $6,
                 advertiser_id = $7,
                 affiliate_id = $8,
                 payout = $9,
                 payout_type = $10,
                 filter_bots = $11,
                 interstitial = $12,
                 postback_secret = $13,
                 click_window_days = $14,
                 fallback_url = $15,
                 status = $16,
                 metadata = $17,
                 previous_postback_secrets = $18,
                 postbacks = $19,
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
                &id.to_string(),
                &fields.slug,
                &fields.name,
                &fields.template,
                &fields.external_platform,
                &fields.external_id,
                &fields.advertiser_id,
                &fields.affiliate_id,
                &fields.payout,
                &fields.payout_type,
                &fields.filter_bots,
                &fields.interstitial.as_ref().map(Json),
                &fields.postback_secret,
                &fields.click_window_days,
                &fields.fallback_url,
                &fields.status,
                &Json(&fields.metadata),
                &fields.previous_postback_secrets,
                &fields.postbacks,
            ],
        )
        .await?;
    Ok(())
}

pub async fn offer_archive(
    context: RequestContext<'_>,
    kind: Kind,
    id: OfferId,
) -> Result<(), ApiError> {
    let statement = context
        .db
        .prepare_cached(
            "UPDATE offers
             SET status = 'archived', version = version + 1, updated_at = now()
             WHERE account_id = $1 AND kind = $2 AND id = $3",
        )
        .await?;
    let account_id = context.caller.account_id.0;
    let n_archived = context
        .db
        .execute(&statement, &[&account_id, &kind.name(), &id.to_string()])
        .await?;
    match n_archived {
        0 => Err(ApiError::NotFound(kind.resource())),
        _ => Ok(()),
    }
}
