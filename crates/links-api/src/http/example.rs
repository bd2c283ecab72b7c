use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    audit::ObjectKind,
    auth::Scope,
    error::ApiError,
    http::{
        ApiInfo, Operation, OtherOperations, PathParameter, QueryParameters, RequestBody,
        RequestContext, Response, document,
    },
};

/// The id of a box, in paths: `{box_id}`.
struct BoxId(i64);

impl PathParameter for BoxId {
    const NAME: &'static str = "box_id";
    const DESCRIPTION: &'static str = "The box's id.";
    const RESOURCE: &'static str = "box";

    fn schema() -> Value {
        json!({ "type": "integer", "format": "int64" })
    }

    fn example() -> Value {
        json!(7)
    }

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }
}

/// The query: each field is a parameter, and its comment is the description.
#[derive(Deserialize, JsonSchema)]
struct LabelQuery {
    /// Whether the label is in capitals.
    shout: Option<bool>,
}

impl QueryParameters for LabelQuery {}

/// The JSON body.
#[derive(Deserialize, JsonSchema)]
struct LabelRequest {
    /// At most 20 characters.
    text: String,
}

impl RequestBody for LabelRequest {}

#[derive(Serialize, JsonSchema)]
struct Label {
    box_id: i64,
    text: String,
}

/// The name of the handler is the `operationId`.
async fn create_label(
    _context: RequestContext<'_>,
    body: LabelRequest,
    box_id: BoxId,
    query: LabelQuery,
) -> Result<Response, ApiError> {
    if body.text.chars().count() > 20 {
        return Err(ApiError::invalid_field("text", "it exceeds 20 characters"));
    }
    let text = match query.shout {
        Some(true) => body.text.to_uppercase(),
        Some(false) | None => body.text,
    };
    Response::created(&Label {
        box_id: box_id.0,
        text,
    })
}

fn operation() -> Operation {
    Operation::post("/boxes/{box_id}/labels", create_label)
        .audits_creation(ObjectKind::List, "/box_id")
        .scope(Scope::Lists)
        .tag("boxes")
        .summary("Put a label on a box")
        .request_examples([json!({ "text": "fragile" })])
        .response::<Label>(201, json!({ "box_id": 7, "text": "fragile" }))
        .errors([ApiError::NotFound("box")])
}

#[test]
fn an_operation_is_documented_by_the_arguments_of_its_handler() {
    let info = ApiInfo {
        title: "Boxes",
        description: "",
        tags: &[("boxes", "Boxes and their labels")],
    };
    let document = document(&info, &[operation()], OtherOperations::default());
    let operation = &document["paths"]["/api/v2/boxes/{box_id}/labels"]["post"];
    assert_eq!(operation["operationId"], "create_label");
    let parameters = operation["parameters"].as_array().unwrap();
    let names: Vec<_> = parameters
        .iter()
        .map(|parameter| &parameter["name"])
        .collect();
    assert_eq!(names, ["box_id", "shout", "Idempotency-Key"]);
    assert_eq!(
        operation["requestBody"]["content"]["application/json"]["schema"]["$ref"],
        "#/components/schemas/LabelRequest"
    );
    let examples = &operation["responses"]["404"]["content"]["application/json"]["examples"];
    assert_eq!(
        examples["not_found"]["value"]["error"],
        "There is no such box."
    );
}
