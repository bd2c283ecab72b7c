//! The list of all operations. One that is missing here does not exist: neither in the
//! server nor in the OpenAPI document.

use serde_json::Value;

use crate::{
    http::{self, ApiInfo, Operation},
    resources::{
        accounts, affiliate_links, api_keys, audit_trail, campaigns, clicks, contacts, conversions,
        costs, coupons, creatives, domains, links, lists, macros, me, messages, offers, postbacks,
        rates, reports, sessions, users,
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
        postbacks::operations(),
        affiliate_links::operations(),
        campaigns::operations(),
        reports::operations(),
        costs::operations(),
        clicks::operations(),
        conversions::operations(),
        coupons::operations(),
        messages::operations(),
        contacts::operations(),
        me::operations(),
        sessions::operations(),
        users::operations(),
        api_keys::own_operations(),
        audit_trail::operations(),
        accounts::operations(),
        api_keys::operations(),
        rates::operations(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The OpenAPI document, also of what redirectors serve.
pub fn document() -> Value {
    http::document(&API_INFO, &operations(), postbacks::endpoints::operations())
}

/// The head of the OpenAPI document.
pub const API_INFO: ApiInfo = ApiInfo {
    title: "Waypost links API",
    description: "\
Creates and manages tracked links for SMS and affiliate offers.

**Authentication.** An API key, `trk_` and 32 alphanumerics, as `X-Api-Key` or as \
`Authorization: Bearer`. It is checked before anything else. Browsers of users who have signed in \
(`POST /api/v2/sessions`) send the cookie of their session instead, and with it \
`X-Waypost-Account`, the id of the account, and in requests that change something \
`X-CSRF-Token`. A user can do what the role in the account says; a key wins over a cookie.

**Two APIs.** The v2 API is at `/api/v2`, and at `/v2` as well; its errors are \
`{\"error\", \"code\"}`. The affiliate API is at `/api/links`, `/api/campaigns` and \
`/api/conversions`; its errors are `{\"detail\", \"error_code\", \"status\"}`, and the invalid \
fields of a body are the `fields` of a 422.

**Bodies** are JSON of at most 5 MB, but for imports. `null` is the same as an absent field. In an \
update, an empty text clears a value.

**Names** are accepted in camelCase and in snake_case. What an operation does not know is an \
error, but for the POSTs of the documented products, whose answers name it in \
`Waypost-Ignored`.

**Idempotency.** Any POST takes an `Idempotency-Key`. The same request with the same key within \
24 hours gets the first response again, with `Idempotent-Replayed: true`. A request that failed \
changed nothing, but for imports, and its key can be used again.

**Rate limits** of a key are per minute: `X-RateLimit-Limit`, `X-RateLimit-Remaining`, \
`X-RateLimit-Reset` (Unix seconds), and `Retry-After` (seconds) with 429.

**Ids of other accounts** get the same response as ids that do not exist. Times are UTC.",
    tags: &[
        ("links", "Short links (v2 API)"),
        (
            "creatives",
            "Message templates, and rendering them at send time",
        ),
        ("offers", "SMS offers and partnership offers"),
        ("lists", "Sending lists and domains"),
        ("macros", "Destination templates"),
        ("postbacks", "How networks' postbacks are read"),
        (
            postbacks::endpoints::TAG,
            "What redirectors serve to networks, shops and pages, at any short domain",
        ),
        (
            "coupons",
            "Codes that customers type instead of clicking a link",
        ),
        ("reports", "Performance by any dimension"),
        (
            "costs",
            "What traffic costs, which reports subtract from the revenue",
        ),
        ("clicks", "Raw clicks, and reclassifying them"),
        (
            "conversions",
            "Raw conversions, correcting and importing them, and recording them (affiliate API)",
        ),
        (
            "messages",
            "Messages that were sent, and what became of them",
        ),
        ("contacts", "What happened to a contact"),
        ("affiliate links", "Campaign links (affiliate API)"),
        ("campaigns", "Affiliate programs (affiliate API)"),
        (
            "me",
            "Who sends the request: a key or a user; and the account's API keys",
        ),
        ("sessions", "Signing in and out"),
        (
            "users",
            "The account's users, invitations, and links for new passwords",
        ),
        ("audit", "Who changed what"),
        ("accounts", "Accounts and API keys (operators)"),
        ("rates", "Exchange rates (operators)"),
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_that_changes_something_declares_what_the_audit_trail_says() {
        for operation in operations() {
            // It panics, with the name of the operation, if that is missing.
            operation.audited();
        }
    }
}
