//! The table `message_clicks`.

use domain::message_click_key::MessageClickKey;
use postgres::{
    copy::RowCopy,
    pool::{GenericClient, Transaction},
};
use tokio_postgres::{Row, types::Type};

use super::MessageClick;
use crate::unnest::column;

const COLUMNS: &str = "
    account_id, message_key, contact_key, click_id, link_key, link_id, list_id, offer_id,
    creative_id, campaign_id, message_id, contact_phone, country, device
";

/// Inserts message clicks whose keys have none.
pub(super) async fn message_click_insert_rows(
    transaction: &Transaction<'_>,
    clicks: &[&MessageClick],
) -> Result<(), tokio_postgres::Error> {
    if clicks.is_empty() {
        return Ok(());
    }
    let columns = [
        ("account_id", Type::INT8),
        ("message_key", Type::TEXT),
        ("contact_key", Type::TEXT),
        ("click_id", Type::UUID),
        ("clicked_at", Type::TIMESTAMPTZ),
        ("link_key", Type::INT8),
        ("link_id", Type::TEXT),
        ("list_id", Type::INT8),
        ("offer_id", Type::TEXT),
        ("creative_id", Type::INT8),
        ("campaign_id", Type::TEXT),
        ("message_id", Type::TEXT),
        ("contact_phone", Type::TEXT),
        ("country", Type::TEXT),
        ("device", Type::TEXT),
    ];
    let mut copy = RowCopy::begin(transaction, "message_clicks", &columns).await?;
    for MessageClick { key, click } in clicks {
        copy.write(&[
            &key.account_id.0,
            &key.message_key,
            &key.contact_key,
            &click.click_id.as_uuid(),
            &click.time(),
            &click.link_key,
            &click.link_id,
            &click.list_id,
            &click.offer_id,
            &click.creative_id,
            &click.campaign_id,
            &click.message_id,
            &click.contact_phone,
            &click.country,
            &click.device,
        ])
        .await?;
    }
    copy.finish().await
}

/// Puts other clicks in the place of the message clicks of their keys.
pub(super) async fn message_click_update_rows(
    transaction: &Transaction<'_>,
    clicks: &[&MessageClick],
) -> Result<(), tokio_postgres::Error> {
    if clicks.is_empty() {
        return Ok(());
    }
    let statement = transaction
        .prepare_cached(
            "UPDATE message_clicks AS m
             SET click_id = n.click_id,
                 clicked_at = n.clicked_at,
                 link_key = n.link_key,
                 link_id = n.link_id,
                 list_id = n.list_id,
                 offer_id = n.offer_id,
                 creative_id = n.creative_id,
                 campaign_id = n.campaign_id,
                 message_id = n.message_id,
                 contact_phone = n.contact_phone,
                 country = n.country,
                 device = n.device
             FROM unnest(
                 $1::bigint[], $2::text[], $3::text[], $4::uuid[], $5::timestamptz[],
                 $6::bigint[], $7::text[], $8::bigint[], $9::text[], $10::bigint[], $11::text[],
                 $12::text[], $13::text[], $14::text[], $15::text[]
             ) AS n
                 (account_id, message_key, contact_key, click_id, clicked_at, link_key, link_id,
                  list_id, offer_id, creative_id, campaign_id, message_id, contact_phone, country,
                  device)
             WHERE (m.account_id, m.message_key, m.contact_key)
                 = (n.account_id, n.message_key, n.contact_key)
             RETURNING m.click_id",
        )
        .await?;
    query_with_clicks(transaction, &statement, clicks).await?;
    Ok(())
}

/// Runs a statement whose parameters are the columns of message clicks.
async fn query_with_clicks(
    transaction: &Transaction<'_>,
    statement: &tokio_postgres::Statement,
    clicks: &[&MessageClick],
) -> Result<Vec<Row>, tokio_postgres::Error> {
    transaction
        .query(
            statement,
            &[
                &column(clicks, |click| click.key.account_id.0),
                &column(clicks, |click| click.key.message_key.as_str()),
                &column(clicks, |click| click.key.contact_key.as_str()),
                &column(clicks, |click| click.click.click_id.as_uuid()),
                &column(clicks, |click| click.click.time()),
                &column(clicks, |click| click.click.link_key),
                &column(clicks, |click| click.click.link_id.as_str()),
                &column(clicks, |click| click.click.list_id),
                &column(clicks, |click| click.click.offer_id.as_deref()),
                &column(clicks, |click| click.click.creative_id),
                &column(clicks, |click| click.click.campaign_id.as_deref()),
                &column(clicks, |click| click.click.message_id.as_deref()),
                &column(clicks, |click| click.click.contact_phone.as_deref()),
                &column(clicks, |click| click.click.country.as_deref()),
                &column(clicks, |click| click.click.device.as_deref()),
            ],
        )
        .await
}

/// The keys as rows of SQL, the parameters of [`query_with_keys`].
pub(super) const KEYS: &str = "
    unnest($1::bigint[], $2::text[], $3::text[]) AS k (account_id, message_key, contact_key)
";

/// Runs a query that has [`KEYS`].
pub(super) async fn query_with_keys(
    client: &impl GenericClient,
    sql: &str,
    keys: &[&MessageClickKey],
) -> Result<Vec<Row>, tokio_postgres::Error> {
    let statement = client.prepare_cached(sql).await?;
    client
        .query(
            &statement,
            &[
                &column(keys, |key| key.account_id.0),
                &column(keys, |key| key.message_key.as_str()),
                &column(keys, |key| key.contact_key.as_str()),
            ],
        )
        .await
}

/// Loads the message clicks of some keys. Any connection may do it while the account's lock
/// is held, since nobody else changes them then.
pub async fn message_click_load_all(
    client: &impl GenericClient,
    keys: &[&MessageClickKey],
) -> Result<Vec<MessageClick>, tokio_postgres::Error> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!(
        "SELECT {COLUMNS}
         FROM {KEYS}
         JOIN message_clicks m USING (account_id, message_key, contact_key)"
    );
    let rows = query_with_keys(client, &sql, keys).await?;
    Ok(rows.iter().filter_map(MessageClick::from_row).collect())
}

/// Deletes the message clicks of some keys.
pub(super) async fn message_click_delete_rows(
    transaction: &Transaction<'_>,
    keys: &[&MessageClickKey],
) -> Result<(), tokio_postgres::Error> {
    if keys.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "DELETE FROM message_clicks m
         USING {KEYS}
         WHERE m.account_id = k.account_id
           AND m.message_key = k.message_key
           AND m.contact_key = k.contact_key"
    );
    query_with_keys(transaction, &sql, keys).await?;
    Ok(())
}
