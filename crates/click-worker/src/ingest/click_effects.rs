//! What new clicks change by themselves, computed from the events alone.

use std::collections::BTreeMap;

use domain::{attribution::earliest_click_per_key, message_click_key::MessageClickKey};
use ledger::{message_clicks::MessageClick, totals::TotalsDelta};

use super::click_row::ClickRow;

pub(super) struct ClickEffects {
    /// The clicks that may become message clicks: of each key the earliest that is not a
    /// bot's.
    pub candidates: BTreeMap<MessageClickKey, MessageClick>,
    pub delta: TotalsDelta,
}

impl ClickEffects {
    pub fn from_rows(rows: &[&ClickRow<'_>]) -> Self {
        let mut delta = TotalsDelta::default();
        for row in rows {
            row.count(&mut delta);
        }
        let events_with_keys = rows.iter().map(|row| {
            let key = MessageClickKey::for_click(row.event, &row.visitor);
            (row.event, key)
        });
        let candidates = earliest_click_per_key(events_with_keys)
            .into_iter()
            .map(|(key, (index, _))| (key.clone(), rows[index].message_click(key)))
            .collect();
        Self { candidates, delta }
    }
}
