//! The redirectors' endpoints of conversions, for the document. links-api does not serve them.

use domain::postback::{Field, PostbackError};
use serde_json::{Map, Value, json};

use crate::http::OtherOperations;

/// The section of the document.
pub const TAG: &str = "postback endpoints";

/// A path of the redirectors.
struct Endpoint {
    path: &'static str,
    /// The operation ids of GET and POST. `None` if there is no POST.
    get_id: &'static str,
    post_id: Option<&'static str>,
    summary: &'static str,
    description: &'static str,
    /// The parameters that must be there, in the path or in the query.
    required: &'static [Field],
    /// The other parameters that belong to it, before those of every endpoint.
    optional: &'static [Field],
    errors: &'static [PostbackError],
}

/// The parameters of every endpoint.
const COMMON: [Field; 7] = [
    Field::Event,
    Field::Status,
    Field::Revenue,
    Field::Currency,
    Field::RefundId,
    Field::MessageId,
    Field::Token,
];

/// The errors of every endpoint.
const COMMON_ERRORS: [PostbackError; 7] = [
    PostbackError::InvalidToken,
    PostbackError::InvalidSignature,
    PostbackError::RevenueTooLarge,
    PostbackError::InvalidMessageId,
    PostbackError::UnreadableBody,
    PostbackError::TooManyAttempts,
    PostbackError::Unavailable,
];

const ENDPOINTS: [Endpoint; 5] = [
    Endpoint {
        path: "/conv",
        get_id: "report_conversion",
        post_id: Some("post_conversion"),
        summary: "Report a conversion of a link or a click",
        description: "For the platform of an offer: `link_id` or `click_id` names whose \
            conversion it is.",
        required: &[],
        optional: &[
            Field::LinkId,
            Field::ClickId,
            Field::TxnId,
            Field::Preset,
            Field::Signature,
        ],
        errors: &[
            PostbackError::MissingLinkId,
            PostbackError::InvalidClickId,
            PostbackError::LinkNotFound,
            PostbackError::AccountNotFound,
        ],
    },
    Endpoint {
        path: "/conv/offer",
        get_id: "report_offer_conversion",
        post_id: Some("post_offer_conversion"),
        summary: "Report a conversion of an offer",
        description: "Without a click, by the offer's `postback_secret`.",
        required: &[Field::OfferId, Field::PostbackSecret, Field::TxnId],
        optional: &[Field::AccountId, Field::Preset, Field::Signature],
        errors: &[
            PostbackError::MissingOfferId,
            PostbackError::MissingTxnId,
            PostbackError::InvalidPostbackSecret,
            PostbackError::OfferNotFound,
            PostbackError::AccountNotFound,
            PostbackError::AmbiguousOfferId,
        ],
    },
    Endpoint {
        path: "/conv/coupon",
        get_id: "report_coupon_conversion",
        post_id: Some("post_coupon_conversion"),
        summary: "Report a conversion of a coupon",
        description: "Without a click, by the code of one of the account's coupons. The account is \
            that of the host, or the one that `account_id` names.",
        required: &[Field::Coupon, Field::TxnId],
        optional: &[Field::AccountId, Field::Preset, Field::Signature],
        errors: &[
            PostbackError::MissingCoupon,
            PostbackError::MissingTxnId,
            PostbackError::MissingAccountId,
            PostbackError::AccountNotFound,
            PostbackError::CouponNotFound,
            PostbackError::CouponNotActive,
        ],
    },
    Endpoint {
        path: "/api/postbacks/{preset}",
        get_id: "report_conversion_by_preset",
        post_id: Some("post_conversion_by_preset"),
        summary: "Report a conversion in the form of a network",
        description: "As `/conv`, or as `/conv/offer` if neither a link nor a click is named, read \
            by a preset of `GET /postbacks/presets`.",
        required: &[Field::Preset],
        optional: &[
            Field::LinkId,
            Field::ClickId,
            Field::OfferId,
            Field::PostbackSecret,
            Field::AccountId,
            Field::TxnId,
            Field::Signature,
        ],
        errors: &[
            PostbackError::MissingLinkId,
            PostbackError::MissingTxnId,
            PostbackError::InvalidClickId,
            PostbackError::InvalidPostbackSecret,
            PostbackError::UndecryptableBody,
            PostbackError::LinkNotFound,
            PostbackError::OfferNotFound,
            PostbackError::AccountNotFound,
            PostbackError::AmbiguousOfferId,
        ],
    },
    Endpoint {
        path: "/pixel/{link_id}.gif",
        get_id: "get_pixel",
        post_id: None,
        summary: "Report a conversion by an image in a page",
        description: "For the page behind a purchase: always an image of one pixel that is never \
            cached, also if the conversion is refused.",
        required: &[Field::LinkId],
        optional: &[Field::TxnId],
        errors: &[],
    },
];

/// The endpoints as operations of the document, with a server of their own.
pub fn operations() -> OtherOperations {
    let paths = ENDPOINTS.iter().map(|endpoint| {
        let mut methods = Map::new();
        methods.insert("get".to_owned(), endpoint.get());
        methods.extend(endpoint.post().map(|post| ("post".to_owned(), post)));
        (endpoint.path.to_owned(), Value::Object(methods))
    });
    OtherOperations {
        paths: paths.collect(),
        schemas: Map::from_iter([
            ("PostbackBody".to_owned(), body_schema()),
            ("AcceptedPostback".to_owned(), accepted_schema()),
        ]),
    }
}

impl Endpoint {
    fn get(&self) -> Value {
        self.describe(self.get_id, self.summary)
    }

    fn post(&self) -> Option<Value> {
        let mut operation = self.describe(self.post_id?, &format!("{} by POST", self.summary));
        let example: Map<_, _> = self
            .required
            .iter()
            .filter(|field| !self.is_in_path(**field))
            .chain(&[Field::Event, Field::Revenue])
            .map(|field| (field.as_str().to_owned(), json!(example(*field))))
            .collect();
        let schema = json!({ "$ref": "#/components/schemas/PostbackBody" });
        operation["requestBody"] = json!({ "content": {
            "application/json": { "schema": schema, "examples": {
                "example1": { "value": example },
            }},
            "application/x-www-form-urlencoded": { "schema": schema },
        }});
        // They may stand in the body instead.
        let parameters = operation["parameters"].as_array_mut();
        for parameter in parameters.into_iter().flatten() {
            if parameter["in"] == "query" {
                parameter["required"] = json!(false);
            }
        }
        Some(operation)
    }

    fn describe(&self, id: &str, summary: &str) -> Value {
        // A page has no secrets, and its pixel no refunds.
        let common = if self.post_id.is_some() {
            &COMMON[..]
        } else {
            &COMMON[..4]
        };
        let required = self.required.iter().map(|field| (*field, true));
        let optional = self.optional.iter().chain(common);
        let optional = optional.map(|field| (*field, false));
        let parameters = required.chain(optional).map(|(field, is_required)| {
            let place = if self.is_in_path(field) {
                "path"
            } else {
                "query"
            };
            let mut parameter = json!({
                "name": field.as_str(), "in": place, "required": is_required,
                "description": meaning(field), "schema": { "type": "string" },
            });
            if is_required {
                parameter["example"] = json!(example(field));
            }
            parameter
        });
        json!({
            "operationId": id,
            "tags": [TAG],
            "summary": summary,
            "description": format!(
                "{} At any host of the redirectors, without an API key. Other parameters are \
                 accepted, and read as the guide of conversions says.",
                self.description,
            ),
            "servers": [{
                "url": "https://{host}",
                "description": "a redirector",
                "variables": { "host": {
                    "default": "yourdomain.com",
                    "description": "A short domain of the account.",
                }},
            }],
            "security": [],
            "parameters": parameters.collect::<Vec<_>>(),
            "responses": self.responses(),
        })
    }

    fn is_in_path(&self, field: Field) -> bool {
        self.path.contains(&format!("{{{}}}", field.as_str()))
    }

    fn responses(&self) -> Map<String, Value> {
        if self.errors.is_empty() {
            let gif = json!({ "schema": { "type": "string", "format": "binary" } });
            let response = json!({ "description": "The pixel.", "content": { "image/gif": gif } });
            return Map::from_iter([("200".to_owned(), response)]);
        }
        let mut responses = Map::new();
        responses.insert(
            "200".to_owned(),
            json!({
                "description": "The conversion is on disk, or its event is not stored.",
                "content": { "application/json": {
                    "schema": { "$ref": "#/components/schemas/AcceptedPostback" },
                    "example": {
                        "status": "accepted",
                        "conversion_id": "01a11d5d-1e7b-7123-8123-456789abcdef",
                    },
                }},
            }),
        );
        for error in self.errors.iter().chain(&COMMON_ERRORS) {
            let (status, code) = error.status_and_code();
            let body = json!({ "error": error.to_string(), "code": code });
            let response = responses.entry(status.to_string()).or_insert_with(|| {
                json!({ "description": "", "content": { "application/json": {
                    "schema": { "$ref": "#/components/schemas/V2Error" },
                    "examples": {},
                }}})
            });
            let before = response["description"].as_str().unwrap_or_default();
            let comma = if before.is_empty() { "" } else { ", " };
            response["description"] = json!(format!("{before}{comma}`{code}`"));
            response["content"]["application/json"]["examples"][code] =
                json!({ "summary": error.to_string(), "value": body });
        }
        responses
    }
}

fn meaning(field: Field) -> &'static str {
    match field {
        Field::ClickId => "The id that `{click_id}` stood for in the destination.",
        Field::LinkId => "The short id of a link, or the `lnk_...` of a campaign link.",
        Field::OfferId => "The offer's id, or its `external_id`.",
        Field::AccountId => "The account, where the host is not one of its own.",
        Field::TxnId => "The sender's id of the order. It is counted once.",
        Field::RefundId => "The sender's id of a refund, where an order has several.",
        Field::Revenue => "The amount, such as 12.50. By default the offer's payout.",
        Field::Currency => "By ISO 4217, such as USD. By default the account's.",
        Field::Event => "sale (by default), lead, refund or another event.",
        Field::Status => "approved (by default), pending, rejected or reversed.",
        Field::MessageId => "The id of the message whose link was clicked.",
        Field::Coupon => "The code of the coupon.",
        Field::Preset => "The preset by which names and values are read, such as tune.",
        Field::Token => "A postback secret, where the account or offer requires one.",
        Field::Signature => "HMAC-SHA256 of the query, where signed postbacks are required.",
        Field::PostbackSecret => "The offer's `postback_secret`.",
    }
}

fn example(field: Field) -> &'static str {
    match field {
        Field::LinkId => "Ab3kX9q",
        Field::OfferId => "6789abcd1234ef5678901234",
        Field::PostbackSecret => "whsec_51fa0c",
        Field::Coupon => "SPRING20",
        Field::Preset => "tune",
        Field::Event => "sale",
        Field::Revenue => "12.50",
        _ => "order-1",
    }
}

/// The parameters may stand in the body, with any others.
fn body_schema() -> Value {
    let properties = Field::ALL.map(|field| {
        let schema = json!({ "type": "string", "description": meaning(field) });
        (field.as_str().to_owned(), schema)
    });
    json!({
        "type": "object",
        "description": "The parameters of the query, which may stand in the body instead.",
        "properties": Map::from_iter(properties),
        "additionalProperties": true,
    })
}

fn accepted_schema() -> Value {
    let texts = json!({ "type": "array", "items": { "type": "string" } });
    json!({
        "type": "object",
        "required": ["status"],
        "properties": {
            "status": { "type": "string", "enum": ["accepted", "ignored"] },
            "conversion_id": {
                "type": "string",
                "description": "The conversion that is stored: the first one, if this repeats it.",
            },
            "duplicate": { "type": "boolean" },
            "pending": {
                "type": "boolean",
                "description": "Whether the click that it names is not stored yet.",
            },
            "flags": texts,
            "ignored": texts,
        },
    })
}
