//! Filling links and variables into the text of a message.

use std::collections::BTreeMap;

use domain::{
    message::{self, MessagePiece},
    sms::{self, Encoding},
};
use schemars::JsonSchema;
use serde::Serialize;

use super::message::Message;
use crate::{
    db::{
        domains::ShortDomain,
        lists::{self, ActiveList},
    },
    error::ApiError,
    fields::ListSelector,
    http::RequestContext,
};

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RenderedMessage {
    message_id: String,
    contact_phone: String,
    text: String,
    /// In septets or UTF-16 units, as the encoding has them.
    length: usize,
    encoding: Encoding,
    segments: usize,
    /// URLs by the names of placeholders.
    links: BTreeMap<String, String>,
}

/// The list that a request names, and the domain of its links.
pub async fn find_list(
    context: RequestContext<'_>,
    selector: &ListSelector,
) -> Result<(ActiveList, ShortDomain), ApiError> {
    let list = lists::find_active(context.db, context.caller.account_id, selector).await?;
    let list = list.ok_or(ApiError::ListNotFound)?;
    let domain = list.short_domain()?.clone();
    Ok((list, domain))
}

/// Checks that every variable has a value or a default, before links are created. `index` is that of the
/// message in the request.
pub fn require_variables(
    pieces: &[MessagePiece<'_>],
    message: &Message,
    list: &ActiveList,
    index: usize,
) -> Result<(), ApiError> {
    for piece in pieces {
        if let MessagePiece::Variable(placeholder) = piece
            && placeholder.default.is_none()
            && variable(message, list, placeholder.name).is_none()
        {
            let name = placeholder.name.to_owned();
            return Err(ApiError::UnknownVariable { name, index });
        }
    }
    Ok(())
}

/// The text of a message with its links and variables, and its size.
pub fn fill_and_measure(
    pieces: &[MessagePiece<'_>],
    message: Message,
    list: &ActiveList,
    links: BTreeMap<String, String>,
) -> Result<RenderedMessage, ApiError> {
    let url = |name: &str| links.get(name).map_or("", String::as_str);
    let text = message::render(pieces, url, |name| variable(&message, list, name));
    let text = text.map_err(|name| ApiError::internal(anyhow::anyhow!("{name} has no value")))?;
    let size = sms::measure(&text);
    Ok(RenderedMessage {
        message_id: message.id,
        contact_phone: message.contact_phone,
        text,
        length: size.length,
        encoding: size.encoding,
        segments: size.segments,
        links,
    })
}

/// The value of a variable. `contact.x` may also be given as `x`.
fn variable<'v>(message: &'v Message, list: &'v ActiveList, name: &str) -> Option<&'v str> {
    let value = |name: &str| message.variables.get(name).map(String::as_str);
    match name {
        "contact.phone" => Some(message.contact_phone.as_str()),
        "message_id" | "messageId" | "sendId" => Some(message.id.as_str()),
        "brand_name" => value(name).or(list.brand_name.as_deref()),
        _ => value(name).or_else(|| value(name.strip_prefix("contact.")?)),
    }
}
