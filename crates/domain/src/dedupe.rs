//! Which conversions are the same one, sent twice.

use crate::{
    conversion::EventType,
    id::{ClickId, LinkKey},
};

/// The fields that conversions are deduplicated by. Of the conversions of one account whose
/// [`DedupeFields::dedupe_key`] is the same, the earliest is stored and the others are not.
#[derive(Debug, Clone, Copy)]
pub struct DedupeFields<'a> {
    pub event: EventType,
    pub txn_id: Option<&'a str>,
    pub click_id: Option<ClickId>,
    pub link_key: Option<LinkKey>,
    /// The visitor hash, which changes every day (UTC).
    pub visitor: &'a str,
}

impl DedupeFields<'_> {
    /// The event and the transaction (`t:`); without a transaction the click (`c:`); without
    /// a click the link and the visitor (`l:`). So a visitor may convert once a day where
    /// the sender names neither transaction nor click.
    pub fn dedupe_key(&self) -> String {
        let event = self.event;
        match (self.txn_id, self.click_id, self.link_key) {
            (Some(txn_id), _, _) => transaction_key(event, txn_id),
            (None, Some(click_id), _) => format!("c:{event}:{click_id}"),
            (None, None, link_key) => {
                let link_key = link_key.map_or(0, |key| key.0);
                format!("l:{event}:{link_key}:{}", self.visitor)
            }
        }
    }
}

/// The dedupe keys that the conversions of one transaction can have: one for each event.
pub fn transaction_dedupe_keys(txn_id: &str) -> impl Iterator<Item = String> {
    EventType::ALL
        .into_iter()
        .map(move |event| transaction_key(event, txn_id))
}

fn transaction_key(event: EventType, txn_id: &str) -> String {
    format!("t:{event}:{txn_id}")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(Some("order-1"), true, "t:lead:order-1")]
    #[case(Some("order-1"), false, "t:lead:order-1")]
    #[case(None, true, "c:lead:01a11d5c-1e7b-7123-8123-456789abcdef")]
    #[case(None, false, "l:lead:7:abc")]
    fn a_conversion_is_deduplicated_by_transaction_else_click_else_visitor(
        #[case] txn_id: Option<&str>,
        #[case] has_click: bool,
        #[case] expected: &str,
    ) {
        let click_id = ClickId::parse("01a11d5c-1e7b-7123-8123-456789abcdef").ok();
        let fields = DedupeFields {
            event: EventType::Lead,
            txn_id,
            click_id: click_id.filter(|_| has_click),
            link_key: Some(LinkKey(7)),
            visitor: "abc",
        };
        assert_eq!(fields.dedupe_key(), expected);
    }

    #[test]
    fn a_transaction_has_a_key_for_each_event() {
        let keys: Vec<_> = transaction_dedupe_keys("order-1").collect();
        assert_eq!(keys.len(), EventType::ALL.len());
        assert!(keys.contains(&"t:refund:order-1".to_owned()), "{keys:?}");
    }
}
