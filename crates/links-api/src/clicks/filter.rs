//! Which clicks are meant.

use std::net::IpAddr;

use domain::{bot::BotReason, id::ClickId};
use ipnet::IpNet;
use jiff::Timestamp;
use postgres::pool::GenericClient as _;
use schemars::JsonSchema;
use serde::Deserialize;
use tokio_postgres::{Row, types::ToSql};

use crate::{
    db::links::find_keys,
    error::ApiError,
    fields::{Text, non_empty, timestamp},
    http::{Parameter, RequestContext},
};

pub const VERDICTS: [&str; 2] = ["bot", "human"];

/// Everything that is said must hold.
#[derive(Debug, Default, Deserialize, JsonSchema)]
pub struct ClickFilter {
    /// The first time, as in 2026-03-01T00:00:00Z.
    pub from: Option<Text>,
    /// The time after the last.
    pub to: Option<Text>,
    /// A short id, or lnk_...
    pub link_id: Option<Text>,
    pub list_id: Option<i64>,
    pub offer_id: Option<Text>,
    pub creative_id: Option<i64>,
    pub campaign_id: Option<Text>,
    pub message_id: Option<Text>,
    /// In E.164.
    pub contact_phone: Option<Text>,
    /// An address, or a network as in 203.0.113.0/24.
    pub ip: Option<Text>,
    /// A part of the user agent, in either case.
    pub user_agent: Option<Text>,
    /// ISO 3166-1 alpha-2.
    pub country: Option<Text>,
    /// An autonomous system.
    pub asn: Option<i64>,
    /// bot or human: what the clicks are now.
    pub verdict: Option<Text>,
    /// One of the reasons for which they are a bot's.
    pub reason: Option<Text>,
}

/// The same as parameters of a query.
pub fn parameters() -> Vec<Parameter> {
    let text = Parameter::text;
    vec![
        text("from", "The first time, as in 2026-03-01T00:00:00Z."),
        text("to", "The time after the last."),
        text("link_id", "A short id, or lnk_..."),
        Parameter::integer("list_id", "Only of this list."),
        text("offer_id", "Only of this offer."),
        Parameter::integer("creative_id", "Only of this creative."),
        text("campaign_id", "Only of this campaign."),
        text("message_id", "Only of this message."),
        text("contact_phone", "Only of this contact (E.164)."),
        text("ip", "An address, or a network as in 203.0.113.0/24."),
        text("user_agent", "A part of the user agent, in either case."),
        text("country", "ISO 3166-1 alpha-2."),
        Parameter::integer("asn", "An autonomous system."),
        Parameter::choice("verdict", "What the clicks are.", &VERDICTS),
        text("reason", "One of the reasons for which they are a bot's."),
    ]
}

/// A filter that can be asked for.
#[derive(Debug)]
pub struct Checked {
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    link_keys: Option<Vec<i64>>,
    list_id: Option<i64>,
    offer_id: Option<String>,
    creative_id: Option<i64>,
    campaign_id: Option<String>,
    message_id: Option<String>,
    contact_phone: Option<String>,
    network: Option<String>,
    user_agent: Option<String>,
    country: Option<String>,
    asn: Option<i64>,
    is_bot: Option<bool>,
    reason: Option<&'static str>,
}

impl ClickFilter {
    /// Of the query's parameters.
    pub fn read(context: RequestContext<'_>) -> Result<Self, ApiError> {
        let text = |name: &str| Ok::<_, ApiError>(context.text(name)?.map(Text::new));
        let number = |name: &str| context.integer(name, 0..=i64::MAX);
        Ok(Self {
            from: text("from")?,
            to: text("to")?,
            link_id: text("link_id")?,
            list_id: number("list_id")?,
            offer_id: text("offer_id")?,
            creative_id: number("creative_id")?,
            campaign_id: text("campaign_id")?,
            message_id: text("message_id")?,
            contact_phone: text("contact_phone")?,
            ip: text("ip")?,
            user_agent: text("user_agent")?,
            country: text("country")?,
            asn: number("asn")?,
            verdict: text("verdict")?,
            reason: text("reason")?,
        })
    }

    /// `place` is what stands before a field's name.
    pub async fn check(
        self,
        context: RequestContext<'_>,
        place: &str,
    ) -> Result<Checked, ApiError> {
        let field = |name: &str| format!("{place}{name}");
        let owned = |text: &Option<Text>| non_empty(text).map(str::to_owned);
        let network = non_empty(&self.ip).map(|text| {
            let address = text.parse::<IpAddr>().map(IpNet::from);
            let network = text.parse::<IpNet>().or(address);
            network
                .map(|network| network.trunc().to_string())
                .map_err(|_| {
                    ApiError::invalid_field(field("ip"), "it is neither an address nor a network")
                })
        });
        let is_bot = non_empty(&self.verdict).map(|verdict| match verdict {
            "bot" => Ok(true),
            "human" => Ok(false),
            _ => Err(ApiError::invalid_field(
                field("verdict"),
                "it is neither bot nor human",
            )),
        });
        let reason = non_empty(&self.reason).map(|reason| find_reason(reason, || field("reason")));
        let link_keys = match non_empty(&self.link_id) {
            None => None,
            Some(link_id) => Some(find_keys(context.db, context.caller.account_id, link_id).await?),
        };
        Ok(Checked {
            from: read_time(&self.from, || field("from"))?,
            to: read_time(&self.to, || field("to"))?,
            link_keys,
            list_id: self.list_id,
            offer_id: owned(&self.offer_id),
            creative_id: self.creative_id,
            campaign_id: owned(&self.campaign_id),
            message_id: owned(&self.message_id),
            contact_phone: owned(&self.contact_phone),
            network: network.transpose()?,
            user_agent: owned(&self.user_agent),
            country: owned(&self.country),
            asn: self.asn,
            is_bot: is_bot.transpose()?,
            reason: reason.transpose()?.map(BotReason::as_str),
        })
    }
}

pub fn find_reason(name: &str, field: impl Fn() -> String) -> Result<BotReason, ApiError> {
    let found = BotReason::ALL
        .into_iter()
        .find(|reason| reason.as_str() == name);
    found.ok_or_else(|| {
        let names = BotReason::ALL.map(BotReason::as_str).join(", ");
        ApiError::invalid_field(field(), format!("it is not one of {names}"))
    })
}

fn read_time(
    text: &Option<Text>,
    field: impl Fn() -> String,
) -> Result<Option<Timestamp>, ApiError> {
    let Some(text) = non_empty(text) else {
        return Ok(None);
    };
    let time = timestamp::parse(text);
    time.map(Some)
        .ok_or_else(|| ApiError::invalid_field(field(), timestamp::NOT_A_TIME))
}

impl Checked {
    /// Whether it would be all clicks there are.
    pub fn is_empty(&self) -> bool {
        self.from.is_none()
            && self.to.is_none()
            && self.link_keys.is_none()
            && self.list_id.is_none()
            && self.offer_id.is_none()
            && self.creative_id.is_none()
            && self.campaign_id.is_none()
            && self.message_id.is_none()
            && self.contact_phone.is_none()
            && self.network.is_none()
            && self.user_agent.is_none()
            && self.country.is_none()
            && self.asn.is_none()
            && self.is_bot.is_none()
            && self.reason.is_none()
    }

    /// The clicks behind a cursor in an order: at most `limit`.
    pub async fn fetch(
        &self,
        context: RequestContext<'_>,
        columns: &str,
        order: ClickOrder,
        cursor: Option<ClickId>,
        limit: i64,
    ) -> Result<Vec<Row>, ApiError> {
        // The bound by time alone is what the index of the account's clicks and the choice of
        // partitions need; the comparison with the cursor is exact within a millisecond.
        let (is_behind_cursor, direction) = match order {
            ClickOrder::OldestFirst => (
                "c.clicked_at >= $18 AND (c.clicked_at, c.click_id) > ($18, $19)",
                "ASC",
            ),
            ClickOrder::NewestFirst => (
                "c.clicked_at <= $18 AND (c.clicked_at, c.click_id) < ($18, $19)",
                "DESC",
            ),
        };
        let cursor_condition = match cursor {
            Some(_) => is_behind_cursor,
            None => "$18::timestamptz IS NULL AND $19::uuid IS NULL",
        };
        let sql = format!(
            "SELECT {columns}
             FROM clicks c
             WHERE c.account_id = $1
               AND c.clicked_at >= $2
               AND c.clicked_at < $3
               AND {CONDITIONS}
               AND {cursor_condition}
             ORDER BY c.clicked_at {direction}, c.click_id {direction}
             LIMIT $4"
        );
        context.plan_by_values().await?;
        let statement = context.db.prepare_cached(&sql).await?;
        let account_id = context.caller.account_id.0;
        let from = self.from.unwrap_or(Timestamp::UNIX_EPOCH);
        let to = self.to.unwrap_or_else(|| {
            // Later than any click can be.
            Timestamp::now() + jiff::SignedDuration::from_hours(48)
        });
        let cursor_id = cursor.map(|id| id.as_uuid());
        let cursor_time = cursor.map(|id| id.time());
        let parameters: [&(dyn ToSql + Sync); 4] = [&account_id, &from, &to, &limit];
        let cursor_parameters: [&(dyn ToSql + Sync); 2] = [&cursor_time, &cursor_id];
        let parameters: Vec<_> = parameters
            .into_iter()
            .chain(self.conditions())
            .chain(cursor_parameters)
            .collect();
        Ok(context.db.query(&statement, &parameters).await?)
    }

    /// Those of some clicks that still fit, from the oldest.
    pub async fn fetch_again(
        &self,
        context: RequestContext<'_>,
        columns: &str,
        ids: &[ClickId],
    ) -> Result<Vec<Row>, ApiError> {
        let sql = format!(
            "SELECT {columns}
             FROM unnest($2::uuid[], $3::timestamptz[]) AS found (click_id, clicked_at)
             JOIN clicks c ON c.clicked_at = found.clicked_at AND c.click_id = found.click_id
             WHERE c.account_id = $1
               AND {CONDITIONS}
             ORDER BY c.clicked_at, c.click_id
             LIMIT $4"
        );
        let statement = context.db.prepare_cached(&sql).await?;
        let account_id = context.caller.account_id.0;
        let uuids: Vec<_> = ids.iter().map(ClickId::as_uuid).collect();
        let times: Vec<_> = ids.iter().map(ClickId::time).collect();
        let limit = i64::try_from(ids.len()).unwrap_or(i64::MAX);
        let parameters: [&(dyn ToSql + Sync); 4] = [&account_id, &uuids, &times, &limit];
        let parameters: Vec<_> = parameters.into_iter().chain(self.conditions()).collect();
        Ok(context.db.query(&statement, &parameters).await?)
    }

    /// The parameters of [`CONDITIONS`].
    fn conditions(&self) -> [&(dyn ToSql + Sync); 13] {
        [
            &self.link_keys,
            &self.list_id,
            &self.offer_id,
            &self.creative_id,
            &self.campaign_id,
            &self.message_id,
            &self.contact_phone,
            &self.network,
            &self.user_agent,
            &self.country,
            &self.asn,
            &self.is_bot,
            &self.reason,
        ]
    }
}

/// The order in which clicks are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClickOrder {
    OldestFirst,
    NewestFirst,
}

/// What a filter asks of a click `c`, but for its time, by the parameters `$5` to `$17`.
const CONDITIONS: &str = "
    ($5::bigint[] IS NULL OR c.link_key = ANY ($5))
    AND ($6::bigint IS NULL OR c.list_id = $6)
    AND ($7::text IS NULL OR c.offer_id = $7)
    AND ($8::bigint IS NULL OR c.creative_id = $8)
    AND ($9::text IS NULL OR c.campaign_id = $9)
    AND ($10::text IS NULL OR c.message_id = $10)
    AND ($11::text IS NULL OR c.contact_phone = $11)
    AND ($12::text IS NULL OR c.ip <<= $12::inet)
    AND ($13::text IS NULL OR strpos(lower(c.user_agent), lower($13)) > 0)
    AND ($14::text IS NULL OR c.country = $14)
    AND ($15::bigint IS NULL OR c.asn = $15)
    AND ($16::boolean IS NULL OR c.is_bot = $16)
    AND ($17::text IS NULL OR $17 = ANY (c.bot_reasons))
";
