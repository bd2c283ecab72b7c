//! What is looked up about conversions before they are stored: the click that each names,
//! and the terms of its offer, campaign and account.

use std::collections::HashMap;

use domain::{
    conversion::DuplicateMode,
    id::{ClickId, LinkKey},
    message_click_key::{message_key, message_key_of_message, phone_contact_key},
    postback::{MappingLayers, PostbackParameters, interpret},
};
use postgres::pool::{GenericClient as _, Transaction};
use rust_decimal::Decimal;
use tokio_postgres::Row;

use super::{
    NewConversion,
    terms::{account_load_postback_policies, campaign_load_windows, offer_load_terms},
};
use crate::{
    keys::{CLICK_CONTACT_KEY, CLICK_MESSAGE_KEY},
    unnest::column,
};

/// What is looked up about a conversion when it is stored.
#[derive(Debug, Clone, Default)]
pub(super) struct ConversionContext {
    /// The keys by which its message click is found.
    pub message_key: Option<String>,
    pub contact_key: Option<String>,
    pub payout: Option<Decimal>,
    pub window_days: Option<i32>,
    /// The conversion names nothing but a click and came without a secret: the redirector
    /// that accepted it could not know what the click's account wants.
    pub is_unchecked: bool,
    /// The click's account or offer wants a secret, or a smaller amount without one, or does
    /// not want the event.
    pub is_rejected: bool,
    pub duplicate_mode: DuplicateMode,
    /// The key, if it is not that of the fields: the event was corrected.
    pub dedupe_key: Option<String>,
}

/// Finds the context of each conversion, and completes its account, offer and campaign from
/// the click that it names.
pub(super) async fn enrich(
    transaction: &Transaction<'_>,
    conversions: Vec<NewConversion>,
) -> Result<Vec<(NewConversion, ConversionContext)>, tokio_postgres::Error> {
    let clicks = click_load_named(transaction, &conversions).await?;
    let mut rows = Vec::with_capacity(conversions.len());
    for mut conversion in conversions {
        let mut context = context_from_link(&conversion);
        // For all other conversions, the redirector has checked what the account wants.
        context.is_unchecked = conversion.account_id.is_none() && !conversion.authenticated;
        if let Some(click) = conversion.click_id.and_then(|id| clicks.get(&id.as_uuid())) {
            let account_id: i64 = click.get("account_id");
            // The click of another account does not count.
            if conversion.account_id.is_none_or(|id| id == account_id) {
                conversion.account_id = Some(account_id);
                let click_offer = || click.get("offer_id");
                conversion.offer_id = conversion.offer_id.or_else(click_offer);
                let click_campaign = || click.get("campaign_id");
                conversion.campaign_id = conversion.campaign_id.or_else(click_campaign);
                context.message_key = click.get("message_key");
                context.contact_key = click.get("contact_key");
            }
        }
        rows.push((conversion, context));
    }
    let offer_ids: Vec<_> = rows
        .iter()
        .filter_map(|(c, _)| c.offer_id.as_deref())
        .collect();
    let offers = offer_load_terms(transaction, &offer_ids).await?;
    let accounts = rows.iter().filter_map(|(c, _)| c.account_id).collect();
    let policies = account_load_postback_policies(transaction, accounts).await?;
    let campaign_ids: Vec<_> = rows
        .iter()
        .filter_map(|(c, _)| c.campaign_id.as_deref())
        .collect();
    let windows = campaign_load_windows(transaction, &campaign_ids).await?;
    for (conversion, context) in &mut rows {
        let offer = conversion.offer_id.as_ref().and_then(|id| offers.get(id));
        let campaign = conversion
            .campaign_id
            .as_ref()
            .and_then(|id| windows.get(id));
        let policy = conversion.account_id.and_then(|id| policies.get(&id));
        let mapping = MappingLayers::new(
            offer.and_then(|offer| offer.mapping.as_ref()),
            policy.and_then(|policy| policy.mapping.as_ref()),
        )
        .with_default_currency(policy.and_then(|policy| policy.default_currency.as_deref()));
        if policy.is_some() && !conversion.parameters.is_empty() {
            context.is_rejected = conversion.interpret_parameters(mapping);
        }
        context.duplicate_mode = mapping.duplicate_mode(conversion.event);
        let payout = offer.and_then(|offer| offer.payout);
        context.payout = payout.filter(|_| !conversion.without_payout);
        context.window_days = offer.map(|offer| offer.window_days).or(campaign.copied());
        if context.is_unchecked {
            let offer_mode = offer.and_then(|offer| offer.postbacks);
            context.is_rejected |=
                policy.is_some_and(|policy| !policy.accepts(conversion.revenue, offer_mode));
        }
    }
    Ok(rows)
}

impl NewConversion {
    /// Reads the parameters of the postback by the mapping of the account and offer, which the
    /// redirector did not know, and drops them: they are kept until then only. Returns whether
    /// the mapping says that the conversion is not to be stored.
    fn interpret_parameters(&mut self, mapping: MappingLayers<'_>) -> bool {
        let mut parameters = PostbackParameters::default();
        for (name, value) in std::mem::take(&mut self.parameters) {
            parameters.add(name, value);
        }
        let details = interpret(&parameters, mapping);
        self.event = details.event;
        self.status = details.status;
        self.revenue = details.revenue;
        self.currency = details.currency;
        self.txn_id = details.txn_id;
        self.refund_id = details.refund_id;
        self.without_payout = details.without_payout;
        self.flags = details.flags;
        details.is_ignored
    }
}

/// Loads the clicks that conversions name, those that are stored, by id.
async fn click_load_named(
    transaction: &Transaction<'_>,
    conversions: &[NewConversion],
) -> Result<HashMap<uuid::Uuid, Row>, tokio_postgres::Error> {
    let ids: Vec<_> = conversions.iter().filter_map(|c| c.click_id).collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let sql = format!(
        "SELECT c.click_id, c.account_id, c.offer_id, c.campaign_id,
                {CLICK_MESSAGE_KEY} AS message_key, {CLICK_CONTACT_KEY} AS contact_key
         FROM unnest($1::uuid[], $2::timestamptz[]) AS n (click_id, clicked_at)
         JOIN clicks c ON c.clicked_at = n.clicked_at AND c.click_id = n.click_id"
    );
    let statement = transaction.prepare_cached(&sql).await?;
    let uuids = column(&ids, ClickId::as_uuid);
    let times = column(&ids, ClickId::time);
    let rows = transaction.query(&statement, &[&uuids, &times]).await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.get("click_id"), row))
        .collect())
}

/// The keys of the message click of a conversion that names a link or a message, not a
/// click.
fn context_from_link(conversion: &NewConversion) -> ConversionContext {
    let names = (
        conversion.click_id,
        conversion.link_key,
        &conversion.message_id,
    );
    let message_key = match names {
        (Some(_), _, _) | (None, None, None) => None,
        (None, Some(link_key), message_id) => {
            Some(message_key(message_id.as_deref(), LinkKey(link_key)))
        }
        (None, None, Some(message_id)) => Some(message_key_of_message(message_id)),
    };
    ConversionContext {
        contact_key: message_key
            .as_ref()
            .and(conversion.contact_phone.as_deref())
            .map(phone_contact_key),
        message_key,
        ..ConversionContext::default()
    }
}
