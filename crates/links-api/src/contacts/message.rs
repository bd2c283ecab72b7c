//! `GET /api/v2/messages/{message_id}`: was it clicked, did it convert, what
//! revenue.

use actix_web::http::Method;
use domain::{message_click_key::message_key_of_message, money};
use postgres::pool::GenericClient as _;
use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use crate::{
    auth::Scope,
    clicks::ClickObject,
    error::ApiError,
    fields::Timestamp,
    http::{Operation, RequestContext, Response},
    objects::conversion::{COLUMNS, ConversionObject},
};

/// Of each message.
const MAX_CONVERSIONS: i64 = 1_000;

pub fn operation() -> Operation {
    Operation::platform(
        Method::GET,
        "/messages/{message_id}",
        "get_message",
        get_message,
    )
    .scope(Scope::ReportsRead)
    .tag("contacts")
    .summary("What became of a message")
    .description(
        "Its send, its links with their clicks, its message clicks, its conversions and \
             their revenue. A message that was not rendered here is known by its links.",
    )
    .response::<MessageObject>(
        200,
        json!({
            "message_id": "m-1",
            "creative_id": 101,
            "list_id": 42,
            "contact_phone": "+18005550100",
            "sent_at": "2026-03-10T08:00:00Z",
            "is_clicked": true,
            "is_converted": true,
            "clicks": 3,
            "unique_clicks": 1,
            "bot_clicks": 1,
            "conversions": 1,
            "revenue": { "USD": "12.50" },
            "links": [{
                "link_id": "Ab3kX9q",
                "short_url": "https://yourdomain.com/Ab3kX9q",
                "placeholder": "link1",
                "offer_id": "6789abcd1234ef5678901234",
                "clicks": 3,
                "unique_clicks": 1,
                "bot_clicks": 1,
            }],
            "message_clicks": [ClickObject::example()],
            "credited_conversions": [ConversionObject::example()],
        }),
    )
    .errors([ApiError::NotFound("message")])
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Message")]
struct MessageObject {
    message_id: String,
    creative_id: Option<i64>,
    list_id: Option<i64>,
    contact_phone: Option<String>,
    /// Null for a message that was not rendered here.
    sent_at: Option<Timestamp>,
    /// By somebody who is not a bot.
    is_clicked: bool,
    is_converted: bool,
    clicks: i64,
    unique_clicks: i64,
    bot_clicks: i64,
    /// Without refunds and chargebacks.
    conversions: i64,
    /// By currency.
    revenue: std::collections::BTreeMap<String, String>,
    links: Vec<MessageLink>,
    message_clicks: Vec<ClickObject>,
    /// The first 1,000.
    credited_conversions: Vec<ConversionObject>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct MessageLink {
    link_id: String,
    short_url: String,
    placeholder: Option<String>,
    offer_id: Option<String>,
    clicks: i64,
    unique_clicks: i64,
    bot_clicks: i64,
}

async fn get_message(context: RequestContext<'_>) -> Result<Response, ApiError> {
    let message_id: String = context.path("message_id", "message")?;
    if message_id.contains('\0') {
        return Err(ApiError::NotFound("message"));
    }
    let links = links(context, &message_id).await?;
    let statement = context
        .db
        .prepare_cached(
            "SELECT creative_id, list_id, sent_at, nullif(contact_phone, '') AS contact_phone
             FROM messages
             WHERE account_id = $1 AND message_id = $2",
        )
        .await?;
    let account_id = context.caller.account_id.0;
    let sent = context
        .db
        .query_opt(&statement, &[&account_id, &message_id])
        .await?;
    if sent.is_none() && links.is_empty() {
        return Err(ApiError::NotFound("message"));
    }
    let sum = |count: fn(&MessageLink) -> i64| links.iter().map(count).sum();
    let (conversions, revenue) = totals(context, &message_id).await?;
    let message_clicks = message_clicks(context, &message_id).await?;
    let sent_at: Option<jiff::Timestamp> = sent.as_ref().map(|row| row.get("sent_at"));
    Response::ok(&MessageObject {
        creative_id: sent.as_ref().map(|row| row.get("creative_id")),
        list_id: sent.as_ref().map(|row| row.get("list_id")),
        contact_phone: sent.as_ref().and_then(|row| row.get("contact_phone")),
        sent_at: sent_at.map(Timestamp),
        is_clicked: sum(|link| link.unique_clicks) > 0,
        is_converted: conversions > 0,
        clicks: sum(|link| link.clicks),
        unique_clicks: sum(|link| link.unique_clicks),
        bot_clicks: sum(|link| link.bot_clicks),
        conversions,
        revenue,
        message_clicks,
        credited_conversions: conversions_of(context, &message_id).await?,
        message_id,
        links,
    })
}

async fn links(
    context: RequestContext<'_>,
    message_id: &str,
) -> Result<Vec<MessageLink>, ApiError> {
    let statement = context
        .db
        .prepare_cached(
            "SELECT l.short_id, 'https://' || d.host || '/' || l.short_id AS short_url,
                    l.placeholder, l.offer_id,
                    coalesce(sum(t.clicks), 0)::bigint AS clicks,
                    coalesce(sum(t.unique_clicks), 0)::bigint AS unique_clicks,
                    coalesce(sum(t.bot_clicks), 0)::bigint AS bot_clicks
             FROM links l
             JOIN domains d ON d.id = l.domain_id
             LEFT JOIN link_totals t ON t.account_id = l.account_id AND t.link_key = l.id
             WHERE l.account_id = $1 AND l.message_id = $2
             GROUP BY l.id, d.host
             ORDER BY l.id",
        )
        .await?;
    let account_id = context.caller.account_id.0;
    let rows = context
        .db
        .query(&statement, &[&account_id, &message_id])
        .await?;
    let link = |row: &tokio_postgres::Row| MessageLink {
        link_id: row.get("short_id"),
        short_url: row.get("short_url"),
        placeholder: row.get("placeholder"),
        offer_id: row.get("offer_id"),
        clicks: row.get("clicks"),
        unique_clicks: row.get("unique_clicks"),
        bot_clicks: row.get("bot_clicks"),
    };
    Ok(rows.iter().map(link).collect())
}

async fn message_clicks(
    context: RequestContext<'_>,
    message_id: &str,
) -> Result<Vec<ClickObject>, ApiError> {
    let sql = format!(
        "SELECT {}
         FROM message_clicks m
         JOIN clicks c ON c.clicked_at = m.clicked_at AND c.click_id = m.click_id
         WHERE m.account_id = $1 AND m.message_key = $2
         ORDER BY m.clicked_at, m.click_id
         LIMIT 100",
        crate::clicks::columns()
    );
    let statement = context.db.prepare_cached(&sql).await?;
    let account_id = context.caller.account_id.0;
    let key = message_key_of_message(message_id);
    let rows = context.db.query(&statement, &[&account_id, &key]).await?;
    Ok(rows.iter().map(ClickObject::read).collect())
}

/// Conversions, and revenue by currency.
async fn totals(
    context: RequestContext<'_>,
    message_id: &str,
) -> Result<(i64, std::collections::BTreeMap<String, String>), ApiError> {
    let statement = context
        .db
        .prepare_cached(
            "SELECT t.currency::text AS currency, sum(t.conversions)::bigint AS conversions,
                    sum(t.revenue) AS revenue
             FROM links l
             JOIN link_totals t ON t.account_id = l.account_id AND t.link_key = l.id
             WHERE l.account_id = $1 AND l.message_id = $2 AND t.currency <> ''
             GROUP BY t.currency",
        )
        .await?;
    let account_id = context.caller.account_id.0;
    let rows = context
        .db
        .query(&statement, &[&account_id, &message_id])
        .await?;
    let conversions = rows
        .iter()
        .map(|row| row.get::<_, i64>("conversions"))
        .sum();
    let revenue = rows.iter().map(|row| {
        let revenue: Decimal = row.get("revenue");
        (row.get("currency"), money::format(revenue))
    });
    Ok((conversions, revenue.collect()))
}

async fn conversions_of(
    context: RequestContext<'_>,
    message_id: &str,
) -> Result<Vec<ConversionObject>, ApiError> {
    let sql = format!(
        "SELECT {COLUMNS}
         FROM conversions c
         WHERE c.account_id = $1 AND c.message_key = $2 AND c.attribution = 'click'
         ORDER BY c.converted_at, c.conversion_id
         LIMIT {MAX_CONVERSIONS}"
    );
    let statement = context.db.prepare_cached(&sql).await?;
    let account_id = context.caller.account_id.0;
    let key = message_key_of_message(message_id);
    let rows = context.db.query(&statement, &[&account_id, &key]).await?;
    Ok(rows.iter().map(ConversionObject::from).collect())
}
