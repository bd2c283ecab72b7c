//! `POST /api/v2/creatives/{creative_id}/render`: the texts of up to 1,000
//! messages, with a tracked link for each placeholder of each.
//!
//! A message id is rendered once: its row in `messages` is what makes two
//! renders of it, at once or later, one send with the same links.

use std::collections::{BTreeMap, HashMap, HashSet};

use actix_web::http::Method;
use domain::{
    id::{CreativeId, OfferId},
    message::{self, MessagePiece},
    record::LinkRecord,
    sms::{self, Encoding},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio_postgres::Row;

use super::{
    fields::{CreativeFields, OfferLink},
    findings,
    query::creative_find,
    sends::count_sends,
};
use crate::{
    db::domains::ShortDomain,
    db::lists::{self, ActiveList},
    error::ApiError,
    fields::ListSelector,
    fields::{PhoneNumber, Text, non_empty},
    http::{Operation, RequestContext, Response},
    minting::{LinkAttributes, MessagePlaceholder, NewLink, mint_links},
    objects::finding::FindingObject,
};

const MAX_MESSAGES: usize = 1_000;
const MAX_VARIABLES: usize = 100;

pub fn operation() -> Operation {
    Operation::platform(
        Method::POST,
        "/creatives/{creative_id}/render",
        "render_creative",
        render_creative,
    )
    .summary("Render messages")
    .description(
        "Makes one tracked link per placeholder and message, bound to message, contact, creative, \
         list and offer, and answers the finished texts with their exact length, encoding and \
         segments, in the order asked. The list's `prepend_text` and `append_text`, or else the \
         account's, are put around and counted. Variables are `{{name}}`: what is given for the \
         message, `{{contact.phone}}`, `{{message_id}}` and `{{brand_name}}`; one without a value \
         is an error. All messages or none. A message id is sent once: asked again, its links \
         come back. `findings` warns of what touches a link.",
    )
    .request_body::<RenderRequest>([request_example()])
    .required_fields(["messages"])
    .response::<RenderAnswer>(201, answer_example())
    .errors(errors())
    .errors([
        ApiError::MissingMessages,
        ApiError::TooManyMessages(MAX_MESSAGES),
        ApiError::DuplicateMessageId("m-1".into()),
        ApiError::NotFound("creative"),
        ApiError::CreativeNotActive,
        ApiError::OfferNotFound("offer"),
        ApiError::MessageMismatch("m-1".into()),
        ApiError::IdCollision,
    ])
}

/// What rendering and its preview have in common.
pub fn errors() -> [ApiError; 5] {
    [
        ApiError::MissingListIdentifier,
        ApiError::InvalidPhone("contactPhone"),
        ApiError::UnknownVariable {
            name: "contact.first_name".into(),
            index: 0,
        },
        ApiError::ListNotFound,
        ApiError::NoDomainConfigured,
    ]
}

fn request_example() -> serde_json::Value {
    json!({
        "listId": 42,
        "messages": [{
            "messageId": "m-1",
            "contactPhone": "+18005550100",
            "variables": { "contact.first_name": "Ada" },
        }],
    })
}

pub fn answer_example() -> serde_json::Value {
    json!({
        "success": true,
        "messages": [{
            "messageId": "m-1",
            "contactPhone": "+18005550100",
            "text": "Hi Ada! Shop now: https://yourdomain.com/Ab3kX9q",
            "length": 48,
            "encoding": "GSM-7",
            "segments": 1,
            "links": { "link1": "https://yourdomain.com/Ab3kX9q" },
        }],
    })
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct RenderRequest {
    /// The sending list's id.
    list_id: Option<i64>,
    /// The sending list's number in E.164; `listId` beats it.
    phone_number: Option<Text>,
    /// 1 to 1,000.
    #[schemars(length(min = 1, max = 1000))]
    messages: Option<Vec<MessageRequest>>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MessageRequest {
    /// 1 to 255 characters. Required.
    #[schemars(length(max = 255))]
    pub message_id: Option<Text>,
    /// In E.164. Required.
    #[schemars(extend("pattern" = r"^(\+[1-9][0-9]{6,14})?$"))]
    pub contact_phone: Option<Text>,
    /// Texts of at most 1,600 characters by the names of variables.
    pub variables: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub struct RenderAnswer {
    pub success: bool,
    pub messages: Vec<RenderedMessage>,
    /// Of the message with what is put around it. Absent where there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<FindingObject>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RenderedMessage {
    pub message_id: String,
    pub contact_phone: String,
    pub text: String,
    /// Septets, or UTF-16 units.
    pub length: usize,
    pub encoding: Encoding,
    pub segments: usize,
    /// URLs by the names of placeholders.
    pub links: BTreeMap<String, String>,
}

/// A message whose form is right.
#[derive(Debug)]
pub struct Message {
    pub id: String,
    pub contact_phone: String,
    variables: BTreeMap<String, String>,
}

async fn render_creative(context: RequestContext<'_>) -> Result<Response, ApiError> {
    let body: RenderRequest = context.json()?;
    let wanted_list = ListSelector::from_fields(body.list_id, &body.phone_number)?;
    wanted_list.validate()?;
    let messages = check_all(body.messages.unwrap_or_default())?;

    let id: CreativeId = context.path("creative_id", "creative")?;
    let row = creative_find(context, id, "FOR SHARE").await?;
    let creative = CreativeFields::read(&row);
    if creative.status != "active" {
        return Err(ApiError::CreativeNotActive);
    }
    let (list, domain) = list_find(context, &wanted_list).await?;
    let framed = list.message_frame().wrap(&creative.message);
    let pieces = message::parse_pieces(&framed);
    let placeholders = message::link_placeholders(&framed);
    for (index, message) in messages.iter().enumerate() {
        require_variables(&pieces, message, &list, index)?;
    }
    let entries = offer_links(context, &creative, &placeholders).await?;

    let send = Send {
        creative_id: id,
        list: &list,
        domain: &domain,
    };
    let (urls, new_links) = mint_messages(context, send, &messages, &entries).await?;
    let mut rendered = Vec::with_capacity(messages.len());
    for message in messages {
        let links = urls.get(&message.id).cloned().unwrap_or_default();
        rendered.push(finish(&pieces, message, &list, links)?);
    }
    let answer = RenderAnswer {
        success: true,
        messages: rendered,
        findings: findings(&framed),
    };
    Ok(Response::created(&answer)?.with_new_links(new_links))
}

fn check_all(sent: Vec<MessageRequest>) -> Result<Vec<Message>, ApiError> {
    match sent.len() {
        0 => return Err(ApiError::MissingMessages),
        1..=MAX_MESSAGES => {}
        _ => return Err(ApiError::TooManyMessages(MAX_MESSAGES)),
    }
    let mut seen = HashSet::with_capacity(sent.len());
    let mut messages = Vec::with_capacity(sent.len());
    for (index, message) in sent.into_iter().enumerate() {
        let message = check(index, message)?;
        if !seen.insert(message.id.clone()) {
            return Err(ApiError::DuplicateMessageId(message.id));
        }
        messages.push(message);
    }
    Ok(messages)
}

/// A message by itself, `index` of the request.
pub fn check(index: usize, sent: MessageRequest) -> Result<Message, ApiError> {
    let place = |field: &str| format!("messages[{index}].{field}");
    let id = non_empty(&sent.message_id);
    let id = id.ok_or_else(|| ApiError::invalid_field(place("messageId"), "it is required"))?;
    if id.chars().count() > 255 {
        return Err(ApiError::invalid_field(
            place("messageId"),
            "it exceeds 255 characters",
        ));
    }
    let phone = non_empty(&sent.contact_phone);
    let phone =
        phone.ok_or_else(|| ApiError::invalid_field(place("contactPhone"), "it is required"))?;
    let phone =
        PhoneNumber::parse(phone).ok_or_else(|| ApiError::InvalidPhoneAt(place("contactPhone")))?;
    let variables = sent.variables.unwrap_or_default();
    if variables.len() > MAX_VARIABLES {
        return Err(ApiError::invalid_field(
            place("variables"),
            "there are more than 100",
        ));
    }
    for (name, value) in &variables {
        if value.contains('\0') || value.chars().count() > 1_600 {
            return Err(ApiError::invalid_field(
                place(&format!("variables.{name}")),
                "it exceeds 1,600 characters or has U+0000",
            ));
        }
    }
    Ok(Message {
        id: id.to_owned(),
        contact_phone: phone.as_str().to_owned(),
        variables,
    })
}

/// The list that a request names, with a domain for its links. What is wanted
/// must have been checked.
pub async fn list_find(
    context: RequestContext<'_>,
    wanted: &ListSelector,
) -> Result<(ActiveList, ShortDomain), ApiError> {
    let list = lists::find_active(context.db, context.caller.account_id, wanted).await?;
    let list = list.ok_or(ApiError::ListNotFound)?;
    let domain = list.short_domain()?.clone();
    Ok((list, domain))
}

/// The value of a variable of a message. `contact.x` may also be given as `x`.
fn variable<'v>(message: &'v Message, list: &'v ActiveList, name: &str) -> Option<&'v str> {
    let value = |name: &str| message.variables.get(name).map(String::as_str);
    match name {
        "contact.phone" => Some(message.contact_phone.as_str()),
        "message_id" | "messageId" | "sendId" => Some(message.id.as_str()),
        "brand_name" => value(name).or(list.brand_name.as_deref()),
        _ => value(name).or_else(|| value(name.strip_prefix("contact.")?)),
    }
}

/// Before anything is minted: every variable has a value.
pub fn require_variables(
    pieces: &[MessagePiece<'_>],
    message: &Message,
    list: &ActiveList,
    index: usize,
) -> Result<(), ApiError> {
    for piece in pieces {
        if let MessagePiece::Variable(name) = piece
            && variable(message, list, name).is_none()
        {
            let name = (*name).to_owned();
            return Err(ApiError::UnknownVariable { name, index });
        }
    }
    Ok(())
}

/// The text of a message with its links, measured.
pub fn finish(
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

/// A placeholder with its entry and the offer it leads to.
struct Placeholder<'c> {
    name: &'c str,
    offer_id: OfferId,
    entry: &'c OfferLink,
}

/// The entries of the placeholders; their offers must be active.
async fn offer_links<'c>(
    context: RequestContext<'_>,
    creative: &'c CreativeFields,
    placeholders: &[&'c str],
) -> Result<Vec<Placeholder<'c>>, ApiError> {
    let mut found = Vec::with_capacity(placeholders.len());
    for name in placeholders {
        let entry = creative.offer_links.iter().find(|link| link.key == *name);
        // A frame's text may have a placeholder that no entry was asked for.
        let entry =
            entry.ok_or_else(|| ApiError::MissingOfferLinksForPlaceholders((*name).to_owned()))?;
        let offer_id = OfferId::parse(&entry.offer_id).map_err(ApiError::internal)?;
        found.push(Placeholder {
            name,
            offer_id,
            entry,
        });
    }
    let ids: HashSet<String> = found.iter().map(|p| p.offer_id.to_string()).collect();
    let ids: Vec<String> = ids.into_iter().collect();
    let statement = context
        .db
        .prepare_cached(
            "SELECT count(*) AS n_active
             FROM offers
             WHERE account_id = $1 AND id = ANY($2) AND status = 'active'",
        )
        .await?;
    let account_id = context.caller.account_id.0;
    let row = context
        .db
        .query_one(&statement, &[&account_id, &ids])
        .await?;
    let n_active: i64 = row.get("n_active");
    if usize::try_from(n_active) != Ok(ids.len()) {
        return Err(ApiError::OfferNotFound("offer"));
    }
    Ok(found)
}

/// What all messages of a render have in common.
#[derive(Clone, Copy)]
struct Send<'s> {
    creative_id: CreativeId,
    list: &'s ActiveList,
    domain: &'s ShortDomain,
}

/// URLs by placeholder, by message.
type Urls = HashMap<String, BTreeMap<String, String>>;

/// The links of all messages: those of messages that were sent before, and new
/// ones, which are also given by themselves.
async fn mint_messages(
    context: RequestContext<'_>,
    send: Send<'_>,
    messages: &[Message],
    placeholders: &[Placeholder<'_>],
) -> Result<(Urls, Vec<LinkRecord>), ApiError> {
    let new = message_insert_all(context, send, messages).await?;
    let mut urls = if new.len() == messages.len() {
        Urls::new()
    } else {
        let old: Vec<_> = messages.iter().filter(|m| !new.contains(&m.id)).collect();
        message_require_same(context, send, &old).await?;
        link_find_of_messages(context, &old).await?
    };
    let mut new_links = Vec::with_capacity(new.len() * placeholders.len());
    let mut places = Vec::with_capacity(new_links.capacity());
    for message in messages {
        let has = urls.get(&message.id);
        for placeholder in placeholders {
            // A creative that was given another placeholder since gets its link.
            if has.is_some_and(|links| links.contains_key(placeholder.name)) {
                continue;
            }
            places.push((message, placeholder.name));
            new_links.push(new_link(send, message, placeholder));
        }
    }
    let mut records = Vec::with_capacity(new_links.len());
    for ((message, name), minted) in places
        .into_iter()
        .zip(mint_links(context, new_links).await?)
    {
        let record = minted?.record;
        let url = record.short_url();
        let links = urls.entry(message.id.clone()).or_default();
        links.insert(name.to_owned(), url);
        records.push(record);
    }
    count_sends(context, &new, &records).await?;
    Ok((urls, records))
}

fn new_link(send: Send<'_>, message: &Message, placeholder: &Placeholder<'_>) -> NewLink {
    NewLink {
        domain: send.domain.clone(),
        slug: None,
        tracker_host: None,
        campaign: None,
        placeholder: Some(MessagePlaceholder {
            creative_id: send.creative_id,
            name: placeholder.name.to_owned(),
        }),
        list_id: Some(send.list.id),
        offer_id: Some(placeholder.offer_id),
        destination: placeholder.entry.url.clone(),
        default_parameters: placeholder.entry.default_parameters(),
        attributes: LinkAttributes {
            message_id: Some(message.id.clone()),
            contact_phone: Some(message.contact_phone.clone()),
            ..LinkAttributes::default()
        },
    }
}

/// The ids of those that were not sent before. Waits for a render of the same
/// message that is under way.
async fn message_insert_all(
    context: RequestContext<'_>,
    send: Send<'_>,
    messages: &[Message],
) -> Result<HashSet<String>, ApiError> {
    let statement = context
        .db
        .prepare_cached(
            "INSERT INTO messages (account_id, creative_id, list_id, message_id, contact_phone)
             SELECT $1, $2, $3, message_id, contact_phone
             FROM unnest($4::text[], $5::text[]) AS m (message_id, contact_phone)
             -- In one order, so that two renders never wait for each other.
             ORDER BY message_id
             ON CONFLICT ON CONSTRAINT messages_pkey DO NOTHING
             RETURNING message_id",
        )
        .await?;
    let ids: Vec<&str> = messages.iter().map(|m| m.id.as_str()).collect();
    let phones: Vec<&str> = messages.iter().map(|m| m.contact_phone.as_str()).collect();
    let account_id = context.caller.account_id.0;
    let rows = context
        .db
        .query(
            &statement,
            &[
                &account_id,
                &send.creative_id.0,
                &send.list.id.0,
                &ids,
                &phones,
            ],
        )
        .await?;
    Ok(rows.iter().map(|row| row.get("message_id")).collect())
}

/// A message id means one creative, list and contact. Others that render these
/// messages wait: a placeholder is given its link once.
async fn message_require_same(
    context: RequestContext<'_>,
    send: Send<'_>,
    messages: &[&Message],
) -> Result<(), ApiError> {
    let statement = context
        .db
        .prepare_cached(
            "SELECT message_id, creative_id, list_id, contact_phone
             FROM messages
             WHERE account_id = $1 AND message_id = ANY($2)
             ORDER BY message_id
             FOR UPDATE",
        )
        .await?;
    let phones: HashMap<&str, &str> = messages
        .iter()
        .map(|m| (m.id.as_str(), m.contact_phone.as_str()))
        .collect();
    let ids: Vec<&str> = phones.keys().copied().collect();
    let account_id = context.caller.account_id.0;
    for row in context.db.query(&statement, &[&account_id, &ids]).await? {
        let id: &str = row.get("message_id");
        let is_same = row.get::<_, i64>("creative_id") == send.creative_id.0
            && row.get::<_, i64>("list_id") == send.list.id.0
            && phones.get(id) == Some(&row.get("contact_phone"));
        if !is_same {
            return Err(ApiError::MessageMismatch(id.to_owned()));
        }
    }
    Ok(())
}

async fn link_find_of_messages(
    context: RequestContext<'_>,
    messages: &[&Message],
) -> Result<Urls, ApiError> {
    let statement = context
        .db
        .prepare_cached(
            "SELECT l.message_id, l.placeholder, d.host, l.short_id
             FROM links l
             JOIN domains d ON d.id = l.domain_id
             WHERE l.account_id = $1
               AND l.message_id = ANY($2)
               AND l.placeholder IS NOT NULL",
        )
        .await?;
    let ids: Vec<&str> = messages.iter().map(|m| m.id.as_str()).collect();
    let account_id = context.caller.account_id.0;
    let rows = context.db.query(&statement, &[&account_id, &ids]).await?;
    let mut urls = Urls::new();
    for row in &rows {
        let text = |column: &str| -> String { row.get(column) };
        let url = short_url(row);
        let links = urls.entry(text("message_id")).or_default();
        links.insert(text("placeholder"), url);
    }
    Ok(urls)
}

fn short_url(row: &Row) -> String {
    let (host, id): (&str, &str) = (row.get("host"), row.get("short_id"));
    format!("https://{host}/{id}")
}
