//! Storing an import piece by piece.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{body::ImportBody, piece::Importer, response::ImportResponse};
use crate::{
    db::import_targets::find_import_terms,
    error::ApiError,
    http::{QueryParameters, RequestContext, Response},
};

/// The most rows that are stored in one transaction.
const MAX_PIECE_ROWS: usize = 1_000;

#[derive(Debug, Deserialize, JsonSchema)]
pub struct ImportQuery {
    /// Whether rows bring back conversions that were deleted. By default they fail.
    #[schemars(extend("default" = false))]
    restore_deleted: Option<bool>,
}

impl QueryParameters for ImportQuery {}

pub async fn import_conversions(
    context: RequestContext<'_>,
    body: ImportBody,
    query: ImportQuery,
) -> Result<Response, ApiError> {
    let importer = Importer {
        state: context.state,
        caller: context.caller,
        author: context.caller.author()?,
        audit: context.audit,
        terms: find_import_terms(context.db, context.caller.account_id).await?,
        restores_deleted: query.restore_deleted.unwrap_or_default(),
    };
    let mut response = ImportResponse::default();
    for piece in body.0.chunks(MAX_PIECE_ROWS) {
        let stored = importer.store(piece, &response).await?;
        response.append(stored);
    }
    let nothing = ImportResponse::default();
    context.audit.set_summary(response.summary_with(&nothing));
    Response::ok(&response)
}
