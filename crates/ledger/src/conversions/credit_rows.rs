//! Writing credits to the table `conversions`.

use domain::id::ConversionId;
use postgres::pool::{GenericClient as _, Transaction};

use super::credit::CountedCredit;
use crate::{ClickFacts, unnest::column};

/// A credit that is to be written.
pub(super) struct CreditChange {
    pub conversion_id: ConversionId,
    pub new: CountedCredit,
    /// Whether it is the message click of the conversion's own contact or visitor.
    pub is_own_contact: bool,
}

/// Writes the credits of conversions.
pub(super) async fn conversion_update_credits(
    transaction: &Transaction<'_>,
    changes: &[CreditChange],
) -> Result<(), tokio_postgres::Error> {
    if changes.is_empty() {
        return Ok(());
    }
    let statement = transaction
        .prepare_cached(
            "UPDATE conversions AS c
             SET attribution = n.attribution,
                 credited_click_id = n.click_id,
                 credited_clicked_at = n.clicked_at,
                 credited_link_key = n.link_key,
                 credited_link_id = n.link_id,
                 credited_list_id = n.list_id,
                 credited_offer_id = CASE n.attribution WHEN 'offer' THEN c.offer_id ELSE n.offer_id END,
                 credited_creative_id = n.creative_id,
                 credited_campaign_id = n.campaign_id,
                 credited_message_id = n.message_id,
                 credited_contact_phone = n.contact_phone,
                 credited_country = n.country,
                 credited_device = n.device,
                 credited_to_own_contact = n.is_own_contact,
                 counted_amount = n.counted_amount,
                 currency = n.currency
             FROM unnest(
                 $1::uuid[], $2::text[], $3::uuid[], $4::timestamptz[], $5::bigint[], $6::text[],
                 $7::bigint[], $8::text[], $9::bigint[], $10::text[], $11::text[], $12::text[],
                 $13::text[], $14::text[], $15::boolean[], $16::numeric[], $17::text[]
             ) AS n
                 (conversion_id, attribution, click_id, clicked_at, link_key, link_id, list_id,
                  offer_id, creative_id, campaign_id, message_id, contact_phone, country, device,
                  is_own_contact, counted_amount, currency)
             WHERE c.conversion_id = n.conversion_id",
        )
        .await?;
    let clicks = column(changes, |change| change.new.credit.click());
    transaction
        .execute(
            &statement,
            &[
                &column(changes, |change| change.conversion_id.as_uuid()),
                &column(changes, |change| change.new.credit.name()),
                &column(&clicks, |click| click.map(|c| c.click_id.as_uuid())),
                &column(&clicks, |click| click.map(ClickFacts::time)),
                &column(&clicks, |click| click.map(|c| c.link_key)),
                &column(&clicks, |click| click.map(|c| c.link_id.as_str())),
                &column(&clicks, |click| click.and_then(|c| c.list_id)),
                &column(&clicks, |click| click.and_then(|c| c.offer_id.as_deref())),
                &column(&clicks, |click| click.and_then(|c| c.creative_id)),
                &column(&clicks, |click| {
                    click.and_then(|c| c.campaign_id.as_deref())
                }),
                &column(&clicks, |click| click.and_then(|c| c.message_id.as_deref())),
                &column(&clicks, |click| {
                    click.and_then(|c| c.contact_phone.as_deref())
                }),
                &column(&clicks, |click| click.and_then(|c| c.country.as_deref())),
                &column(&clicks, |click| click.and_then(|c| c.device.as_deref())),
                &column(changes, |change| change.is_own_contact),
                &column(changes, |change| change.new.amount),
                &column(changes, |change| change.new.currency.as_str()),
            ],
        )
        .await?;
    Ok(())
}
