//! `GET /api/v2/conversions`: an export of conversions with a cursor, from the oldest.

use domain::id::ConversionId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    db::{
        conversions::{Attribution, ConversionFilter, select_after},
        filters::{self, FilterTarget},
    },
    error::ApiError,
    fields::{QueryEnd, QueryStart},
    http::{ExportQuery, FormatQuery, NextPage, QueryParameters, RequestContext, Response},
    objects::conversion::{COLUMNS, CSV_COLUMNS, ConversionObject},
};

#[derive(Debug, Deserialize, JsonSchema)]
pub struct ConversionsQuery {
    /// The first day (UTC), as in 2026-03-01, or the first time, as in 2026-03-01T00:00:00Z.
    from: Option<QueryStart>,
    /// The last day, or the time after the last.
    to: Option<QueryEnd>,
    /// Only conversions of this event, as in sale.
    event: Option<String>,
    /// Only conversions with this attribution.
    attribution: Option<Attribution>,
    /// Only conversions of this transaction.
    txn_id: Option<String>,
    /// Only conversions of this coupon code, in upper or lower case.
    coupon: Option<String>,
    /// Only conversions that are credited to this offer.
    offer_id: Option<String>,
    /// Only conversions that are credited to this campaign.
    campaign_id: Option<String>,
    /// Only conversions that are credited to this message.
    message_id: Option<String>,
    /// Only conversions that are credited to this link.
    link_id: Option<String>,
}

impl QueryParameters for ConversionsQuery {}

#[derive(Debug, Serialize, JsonSchema)]
pub struct Conversions {
    conversions: Vec<ConversionObject>,
    #[serde(flatten)]
    next: NextPage,
}

impl Conversions {
    pub fn example() -> Value {
        json!({ "conversions": [ConversionObject::example()], "next_cursor": null, "has_more": false })
    }
}

pub async fn list_conversions(
    context: RequestContext<'_>,
    query: ConversionsQuery,
    export: ExportQuery<ConversionId>,
    format: FormatQuery,
) -> Result<Response, ApiError> {
    let filter = filter(context, query).await?;
    context.plan_by_values().await?;
    let rows = select_after(
        context.db,
        context.caller.account_id,
        COLUMNS,
        &filter,
        export.cursor(),
        export.limit_and_one(),
    )
    .await?;
    let mut conversions: Vec<_> = rows.iter().map(ConversionObject::from).collect();
    let next_cursor = export.split_next_cursor(&mut conversions, |c| c.conversion_id.clone());
    if let Some(csv) = format.csv() {
        let body = csv.write(&CSV_COLUMNS, &conversions)?;
        return Ok(Response::csv(body, next_cursor));
    }
    Response::ok(&Conversions {
        conversions,
        next: NextPage::new(next_cursor),
    })
}

async fn filter(
    context: RequestContext<'_>,
    query: ConversionsQuery,
) -> Result<ConversionFilter, ApiError> {
    let (db, account_id) = (context.db, context.caller.account_id);
    let link_id = query.link_id.as_deref();
    let link_keys = filters::require_links(db, account_id, "link_id", link_id).await?;
    let (offer, campaign) = (&query.offer_id, &query.campaign_id);
    filters::require(db, account_id, FilterTarget::Offer, "offer_id", offer).await?;
    filters::require(
        db,
        account_id,
        FilterTarget::Campaign,
        "campaign_id",
        campaign,
    )
    .await?;
    Ok(ConversionFilter {
        from: query.from.map(|time| time.0),
        to: query.to.map(|time| time.0),
        event: query.event,
        attribution: query.attribution,
        txn_id: query.txn_id,
        coupon: query.coupon.map(|code| code.to_ascii_uppercase()),
        offer_id: query.offer_id,
        campaign_id: query.campaign_id,
        message_id: query.message_id,
        link_keys,
    })
}
