//! Creatives: templates of messages, and rendering messages when they are sent.

mod fill;
mod handlers;
mod message;
mod object;
mod offer_links;
mod preview;
mod render;
mod request;

use domain::macros::InvalidTemplate;
use serde_json::json;

use crate::{
    audit::ObjectKind,
    auth::Scope,
    error::{ApiError, CodedField},
    http::Operation,
};
use handlers::{
    ArchivedCreative, archive_creative, create_creative, get_creative, list_creatives,
    update_creative,
};
use object::{CreatedCreative, CreativeObject, Creatives, UpdatedCreative};
use preview::{PreviewRequest, PreviewResponse, preview_creative};
use render::{RenderRequest, RenderResponse, render_creative};
use request::{CREATE_STATUSES, CreativeRequest};

pub fn operations() -> Vec<Operation> {
    crud_operations()
        .into_iter()
        .chain(message_operations())
        .map(|operation| operation.scope(Scope::Creatives).tag("creatives"))
        .collect()
}

fn crud_operations() -> [Operation; 5] {
    let not_found = || ApiError::NotFound("creative");
    [
        Operation::post("/creatives", create_creative)
            .audits_creation(ObjectKind::Creative, "/creative/id")
            .ignores_unknown_input()
            .summary("Create a creative")
            .description(
                "Each `{{linkN}}` of the message needs an entry in `offer_links`. When a message \
                 is sent, the placeholder becomes a tracked link to that offer, or to the \
                 entry's `url`, with `url_params` as the defaults of `sub1` to `sub5`, `source`, \
                 `creative` and `cost`. `character_count` counts a link as 23 characters and \
                 adds 34 for the texts around the message; `exact` is the size of that text in \
                 GSM-7 or UCS-2. `findings` warns of characters next to a placeholder, since \
                 messengers take a full stop, a bracket or a letter right behind a link as a part \
                 of it, and of what only looks like a placeholder, such as `{name}`.",
            )
            .request_examples([CreativeRequest::example()])
            .required_fields(["name", "message", "offer_links"])
            .response::<CreatedCreative>(201, CreatedCreative::example())
            .errors(field_errors()),
        Operation::get("/creatives", list_creatives)
            .summary("List creatives")
            .description("The newest first; without `status`, the active ones.")
            .response::<Creatives>(200, Creatives::example()),
        Operation::get("/creatives/{creative_id}", get_creative)
            .summary("Get a creative")
            .response::<CreativeObject>(200, CreativeObject::example())
            .errors([not_found()]),
        Operation::put("/creatives/{creative_id}", update_creative)
            .audits_change(ObjectKind::Creative, "/id")
            .summary("Update a creative")
            .description(
                "Updates the given fields. Links of messages that were rendered before stay as \
                 they are.",
            )
            .request_examples([json!({ "status": "archived" })])
            .response::<UpdatedCreative>(200, CreativeObject::example())
            .errors(field_errors())
            .errors([not_found()]),
        Operation::delete("/creatives/{creative_id}", archive_creative)
            .audits_change(ObjectKind::Creative, "/id")
            .summary("Archive a creative")
            .description("It renders no more messages. PUT can restore it by its `status`.")
            .response::<ArchivedCreative>(200, ArchivedCreative::example())
            .errors([not_found()]),
    ]
}

fn message_operations() -> [Operation; 2] {
    [
        Operation::post("/creatives/{creative_id}/render", render_creative)
            .audits_many(ObjectKind::Creative, "messageId")
            .summary("Render messages")
            .description(
                "Creates one tracked link per placeholder and message, which belongs to the \
                 message, contact, creative, list and offer, and returns the finished texts with \
                 their exact length, encoding and segments, in the order of the request. The \
                 list's `prepend_text` and `append_text`, or else the account's, are put around \
                 the text and counted. Variables are `{{name}}`: those that are given for the \
                 message, `{{contact.phone}}`, `{{message_id}}` and `{{brand_name}}`. \
                 `{{name|there}}` has a default for a value that is absent or blank; without \
                 both it is an error. Either all messages are rendered or none, unless `on_error` \
                 is `skip`: then `errors` lists those that cannot be rendered. A \
                 message id is sent once: a further request with it returns the same links. \
                 `findings` warns of characters next to a link.",
            )
            .request_examples([RenderRequest::example()])
            .required_fields(["messages"])
            .response::<RenderResponse>(201, RenderResponse::example())
            .response::<RenderResponse>(200, RenderResponse::example_without_messages())
            .errors(message_errors())
            .errors([
                ApiError::MissingMessages,
                ApiError::TooManyMessages(render::MAX_MESSAGES),
                ApiError::DuplicateMessageId("m-1".into()),
                ApiError::NotFound("creative"),
                ApiError::CreativeNotActive,
                ApiError::OfferNotFound("offer"),
                ApiError::MessageMismatch("m-1".into()),
                ApiError::IdCollision,
            ]),
        Operation::post("/creatives/preview", preview_creative)
            .changes_nothing()
            .summary("Preview a message")
            .description(
                "The estimated size of a creative's messages, and the texts of up to 100 \
                 messages as they would be rendered: links are as long as they will be, and lead \
                 nowhere. Nothing is saved.",
            )
            .request_examples([PreviewRequest::example()])
            .required_fields(["message"])
            .response::<PreviewResponse>(200, PreviewResponse::example())
            .errors([
                ApiError::MissingField(CodedField::Message),
                ApiError::MessageTooLong,
                ApiError::MissingLinkPlaceholder,
                ApiError::TooManyMessages(preview::MAX_MESSAGES),
            ])
            .errors(message_errors()),
    ]
}

/// The errors of a creative's fields, in the order in which they are checked.
fn field_errors() -> [ApiError; 14] {
    [
        ApiError::MissingField(CodedField::Name),
        ApiError::MissingField(CodedField::Message),
        ApiError::MissingOfferLinks,
        ApiError::NameTooLong,
        ApiError::MessageTooLong,
        ApiError::InvalidStatus(CREATE_STATUSES),
        ApiError::InvalidCreativeType,
        ApiError::MissingLinkPlaceholder,
        ApiError::MissingOfferLinksForPlaceholders("link2".into()),
        ApiError::MissingOfferLinkKey(0),
        ApiError::MissingOfferLinkOfferId(0),
        ApiError::DuplicateOfferLinkKey("link1".into()),
        ApiError::InvalidUrl(InvalidTemplate::NotHttp),
        ApiError::OfferLinkOfferNotFound("link1".into()),
    ]
}

/// The errors of a message that is rendered or previewed.
fn message_errors() -> [ApiError; 5] {
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
