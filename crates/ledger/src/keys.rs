//! The keys of message clicks in SQL. `domain::message_click_key` writes the same forms in
//! Rust and says what they mean; a test checks that the prefixes agree.
//!
//! Every statement takes its key expressions from here, except those of `click-worker
//! recount`, which verifies the ledger by means of its own.

/// The message key of a row `c` of `clicks`.
pub const CLICK_MESSAGE_KEY: &str =
    "CASE WHEN c.message_id IS NULL THEN 'l:' || c.link_key ELSE 'm:' || c.message_id END";

/// The contact key of a row `c` of `clicks`.
pub const CLICK_CONTACT_KEY: &str =
    "CASE WHEN c.contact_phone IS NULL THEN 'v:' || c.visitor ELSE 'c:' || c.contact_phone END";

/// Whether a row `c` of `clicks` is the message click of its key, as a condition.
pub fn is_message_click() -> String {
    format!(
        "EXISTS (
             SELECT
             FROM message_clicks m
             WHERE m.account_id = c.account_id
               AND m.message_key = {CLICK_MESSAGE_KEY}
               AND m.contact_key = {CLICK_CONTACT_KEY}
               AND m.click_id = c.click_id
         )"
    )
}

/// The message key of a row `l` of `links`: that of its clicks.
pub const LINK_MESSAGE_KEY: &str =
    "CASE WHEN l.message_id IS NULL THEN 'l:' || l.id ELSE 'm:' || l.message_id END";

/// The contact key of a row of `clicks`, written as in the indexes `clicks_of_messages_idx`
/// and `clicks_of_links_idx`, so that a query can use them.
pub(crate) const INDEXED_CLICK_CONTACT_KEY: &str =
    "coalesce('c:' || contact_phone, 'v:' || visitor)";

/// The contact key of a row `c` of `conversions`: that of the named contact, or else of its
/// own visitor. The index `conversions_own_contact_idx` has this expression.
pub(crate) const CONVERSION_CONTACT_KEY: &str = "coalesce(c.contact_key, 'v:' || c.visitor)";

/// The message id in a `message_key`; NULL if it is the key of a link.
pub(crate) const MESSAGE_ID_OF_KEY: &str =
    "CASE WHEN message_key LIKE 'm:%' THEN substr(message_key, 3) END";

/// The link key in a `message_key`; NULL if it is the key of a message.
pub(crate) const LINK_KEY_OF_KEY: &str =
    "CASE WHEN message_key LIKE 'l:%' THEN substr(message_key, 3)::bigint END";

#[cfg(test)]
mod tests {
    use domain::message_click_key::{LINK_PREFIX, MESSAGE_PREFIX, PHONE_PREFIX, VISITOR_PREFIX};
    use postgres::indexes::definition;

    use super::*;

    #[test]
    fn sql_and_rust_have_the_same_prefixes() {
        for sql in [CLICK_MESSAGE_KEY, LINK_MESSAGE_KEY] {
            assert!(sql.contains(&format!("'{LINK_PREFIX}' ||")), "{sql}");
            assert!(sql.contains(&format!("'{MESSAGE_PREFIX}' ||")), "{sql}");
        }
        for sql in [CLICK_CONTACT_KEY, INDEXED_CLICK_CONTACT_KEY] {
            assert!(sql.contains(&format!("'{PHONE_PREFIX}' ||")), "{sql}");
            assert!(sql.contains(&format!("'{VISITOR_PREFIX}' ||")), "{sql}");
        }
        assert!(CONVERSION_CONTACT_KEY.contains(&format!("'{VISITOR_PREFIX}' ||")));
        assert!(MESSAGE_ID_OF_KEY.contains(&format!("'{MESSAGE_PREFIX}%'")));
        assert!(LINK_KEY_OF_KEY.contains(&format!("'{LINK_PREFIX}%'")));
        assert_eq!([MESSAGE_PREFIX.len(), LINK_PREFIX.len()], [2, 2], "substr");
    }

    #[test]
    fn the_expressions_of_indexes_are_those_of_the_queries() {
        for index in ["clicks_of_messages_idx", "clicks_of_links_idx"] {
            let definition = definition(index).unwrap();
            assert!(definition.contains(INDEXED_CLICK_CONTACT_KEY), "{index}");
        }
        let definition = definition("conversions_own_contact_idx").unwrap();
        assert!(definition.contains(&CONVERSION_CONTACT_KEY.replace("c.", "")));
    }
}
