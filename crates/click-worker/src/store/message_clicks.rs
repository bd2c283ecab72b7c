//! The table of message clicks: a merge by the rule of domain::attribution.

use std::collections::BTreeMap;

use ::store::pool::{GenericClient, Transaction};
use domain::{attribution::MessageContact, id::ClickId};

use super::Row;

/// Merges the batch's earliest clicks into what is there: an earlier click
/// takes the place of a later one, whichever came first. `earliest` points
/// into `rows`, and is in the order of its keys.
pub(super) async fn message_click_merge_all(
    transaction: &Transaction<'_>,
    rows: &[Row<'_>],
    earliest: &BTreeMap<MessageContact, (usize, ClickId)>,
) -> Result<(), tokio_postgres::Error> {
    if earliest.is_empty() {
        return Ok(());
    }
    let statement = transaction
        .prepare_cached(
            "INSERT INTO message_clicks AS current
                 (account_id, message_key, contact_key, click_id, clicked_at, link_key, link_id,
                  list_id, offer_id, creative_id, message_id, contact_phone, visitor)
             SELECT *
             FROM unnest(
                 $1::bigint[], $2::text[], $3::text[], $4::uuid[], $5::timestamptz[],
                 $6::bigint[], $7::text[], $8::bigint[], $9::text[], $10::bigint[], $11::text[],
                 $12::text[], $13::text[]
             )
             ON CONFLICT ON CONSTRAINT message_clicks_pkey DO UPDATE
             SET click_id = excluded.click_id,
                 clicked_at = excluded.clicked_at,
                 link_key = excluded.link_key,
                 link_id = excluded.link_id,
                 list_id = excluded.list_id,
                 offer_id = excluded.offer_id,
                 creative_id = excluded.creative_id,
                 message_id = excluded.message_id,
                 contact_phone = excluded.contact_phone,
                 visitor = excluded.visitor
             WHERE (excluded.clicked_at, excluded.click_id) < (current.clicked_at, current.click_id)",
        )
        .await?;
    let keys = || earliest.keys();
    let clicks = || earliest.values().map(|(index, _)| &rows[*index]);
    let events = || clicks().map(|row| row.event);
    transaction
        .execute(
            &statement,
            &[
                &keys().map(|key| key.account_id.0).collect::<Vec<_>>(),
                &keys()
                    .map(|key| key.message_key.as_str())
                    .collect::<Vec<_>>(),
                &keys()
                    .map(|key| key.contact_key.as_str())
                    .collect::<Vec<_>>(),
                &events()
                    .map(|event| event.click_id.as_uuid())
                    .collect::<Vec<_>>(),
                &events()
                    .map(|event| event.click_id.time())
                    .collect::<Vec<_>>(),
                &events().map(|event| event.link_key.0).collect::<Vec<_>>(),
                &events()
                    .map(|event| event.link_id.as_str())
                    .collect::<Vec<_>>(),
                &events()
                    .map(|event| event.list_id.map(|id| id.0))
                    .collect::<Vec<_>>(),
                &events()
                    .map(|event| event.offer_id.map(|id| id.to_string()))
                    .collect::<Vec<_>>(),
                &events()
                    .map(|event| event.creative_id.map(|id| id.0))
                    .collect::<Vec<_>>(),
                &events()
                    .map(|event| event.message_id.as_deref())
                    .collect::<Vec<_>>(),
                &events()
                    .map(|event| event.contact_phone.as_deref())
                    .collect::<Vec<_>>(),
                &clicks()
                    .map(|row| row.visitor.to_string())
                    .collect::<Vec<_>>(),
            ],
        )
        .await?;
    Ok(())
}
