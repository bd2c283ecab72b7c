//! Merging new clicks into the message clicks.

use std::collections::BTreeMap;

use domain::message_click_key::MessageClickKey;
use postgres::pool::Transaction;

use super::{
    MessageClick, MessageClickChange,
    rows::{message_click_insert_rows, message_click_update_rows},
};
use crate::totals::TotalsDelta;

/// Merges new clicks, the earliest of each key, into the message clicks: an earlier click
/// takes the place of a later one, in whichever order they are stored. `incumbents` are the
/// message clicks that [`super::message_click_load_all`] has loaded for their keys. Needs the
/// lock of each account.
pub async fn message_click_merge_all(
    transaction: &Transaction<'_>,
    candidates: &BTreeMap<MessageClickKey, MessageClick>,
    incumbents: &[MessageClick],
    delta: &mut TotalsDelta,
) -> Result<Vec<MessageClickChange>, tokio_postgres::Error> {
    let incumbents: BTreeMap<_, _> = incumbents
        .iter()
        .map(|incumbent| (&incumbent.key, incumbent))
        .collect();
    let (mut inserted, mut replacements) = (Vec::new(), Vec::new());
    let mut changes = Vec::with_capacity(candidates.len());
    for candidate in candidates.values() {
        let incumbent = incumbents.get(&candidate.key);
        match incumbent {
            Some(incumbent) if incumbent.click.click_id <= candidate.click.click_id => continue,
            Some(incumbent) => {
                incumbent.count(delta, -1);
                replacements.push(candidate);
            }
            None => inserted.push(candidate),
        }
        candidate.count(delta, 1);
        changes.push(MessageClickChange::new(
            incumbent.map(|incumbent| incumbent.click.click_id),
            candidate.clone(),
        ));
    }
    message_click_insert_rows(transaction, &inserted).await?;
    message_click_update_rows(transaction, &replacements).await?;
    Ok(changes)
}
