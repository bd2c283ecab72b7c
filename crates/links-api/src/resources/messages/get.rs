//! `GET /api/v2/messages/{message_id}`: whether it was clicked and has led to conversions.

use domain::message_click_key::message_key_of_message;

use super::object::{MessageFacts, MessageObject};
use crate::{
    db::{clicks, conversions, link_totals, messages},
    error::ApiError,
    fields::ids::MessageId,
    http::{RequestContext, Response},
    objects::{
        click::{self, ClickObject},
        conversion::{self, ConversionObject},
    },
};

const MAX_MESSAGE_CLICKS: i64 = 100;
const MAX_CONVERSIONS: i64 = 1_000;

pub async fn get_message(context: RequestContext<'_>, id: MessageId) -> Result<Response, ApiError> {
    let (client, account_id) = (context.db, context.caller.account_id);
    let MessageId(message_id) = id;
    let links = link_totals::select_links_of_message(client, account_id, &message_id).await?;
    let message = messages::find(client, account_id, &message_id).await?;
    if message.is_none() && links.is_empty() {
        return Err(ApiError::NotFound("message"));
    }
    let totals = link_totals::sum_conversions_of_message(client, account_id, &message_id).await?;
    let key = message_key_of_message(&message_id);
    let columns = click::columns();
    let limit = MAX_MESSAGE_CLICKS;
    let clicks = clicks::select_message_clicks(client, account_id, &columns, &key, limit).await?;
    let columns = conversion::columns();
    let limit = MAX_CONVERSIONS;
    let conversions =
        conversions::select_of_message(client, account_id, &columns, &key, limit).await?;
    Response::ok(&MessageObject::from(MessageFacts {
        message_id,
        message,
        links,
        totals,
        message_clicks: clicks.iter().map(ClickObject::from).collect(),
        credited_conversions: conversions.iter().map(ConversionObject::from).collect(),
    }))
}
