//! The list of all operations. One that is missing here does not exist: neither in the
//! server nor in the OpenAPI document.

use crate::{
    http::{ApiInfo, Operation},
    resources::{
        accounts, affiliate_links, api_keys, campaigns, clicks, contacts, conversions, creatives,
        domains, links, lists, macros, messages, offers, reports,
    },
};

/// All operations of the API, in the order of the document.
pub fn operations() -> Vec<Operation> {
    [
        links::operations(),
        offers::operations(),
        lists::operations(),
        domains::operations(),
        creatives::operations(),
        macros::operations(),
        affiliate_links::operations(),
        campaigns::operations(),
        reports::operations(),
        clicks::operations(),
        conversions::operations(),
        messages::operations(),
        contacts::operations(),
        accounts::operations(),
        api_keys::operations(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The head of the OpenAPI document.
pub const API_INFO: ApiInfo = ApiInfo {
    title: "Waypost links API",
    description: "\
Mints and manages tracked links for SMS and affiliate offers.

**Authentication.** An API key, `trk_` and 32 alphanumerics, as `X-Api-Key` or as \
`Authorization: Bearer`. It is checked before anything else.

**Two APIs.** Paths under `/api/v2` answer under `/v2` alike; their errors are \
`{\"error\", \"code\"}`. Paths under `/api/links`, `/api/campaigns` and `/api/conversions` answer \
errors as `{\"detail\", \"error_code\", \"status\"}`, and what is wrong with a body as 422 with `fields`.

**Bodies** are JSON of at most 5 MB. Unknown fields are ignored and `null` is as good as \
absent. Where something is changed, an empty text takes a value away.

**Idempotency.** Any POST takes an `Idempotency-Key`. The same key and request within 24 hours \
is answered with the first answer and `Idempotent-Replayed: true`. A request that was refused \
did nothing and leaves its key free.

**Rate limits**, where a key has one, are per minute: `X-RateLimit-Limit`, \
`X-RateLimit-Remaining`, `X-RateLimit-Reset` (Unix seconds), and `Retry-After` (seconds) with 429.

**Ids of others** answer exactly as ids that do not exist. Times are UTC.",
    tags: &[
    ("links", "Short links (v2 API)"),
    (
        "creatives",
        "Message templates, and rendering them at send time",
    ),
    ("offers", "SMS offers and partnership offers"),
    ("lists", "Sending lists and domains"),
    ("macros", "Destination templates"),
    ("reports", "Performance by any dimension"),
    ("clicks", "Raw clicks, and judging them again"),
    (
        "conversions",
        "Raw conversions, and recording them (affiliate API)",
    ),
    ("contacts", "What became of a message, and of a contact"),
    ("affiliate links", "Campaign links (affiliate API)"),
    ("campaigns", "Affiliate programs (affiliate API)"),
    ("accounts", "Accounts and API keys (operators)"),
],
};
