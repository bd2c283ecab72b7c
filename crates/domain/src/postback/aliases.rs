//! The names and values that mean the same for every sender. What has another meaning for some
//! sender is in the presets.

use super::{field::Field, mapping::StatusMeaning};
use crate::conversion::{ConversionStatus, EventType};

/// What a parameter of this name means for every sender, and how much it is preferred among
/// several for one field: less is more.
///
/// Networks pass a click id back under many names, which other senders use for other things:
/// they count for a value that has the form of a click id. `tid` is a click at some networks
/// and a transaction at others, and the value tells which.
pub fn field(name: &str, value: &str) -> Option<(Field, u8)> {
    let name = LowerCase::new(name)?;
    let name = name.as_str();
    let is_click_id = || is_click_id_form(value);
    Some(match name {
        "clickid" | "click" | "cid" | "subid" | "sub_id" => {
            (Field::ClickId, if is_click_id() { 0 } else { 2 })
        }
        "tid" if is_click_id() => (Field::ClickId, 1),
        "aff_sub" | "aff_sub1" | "aff_sub2" | "aff_sub3" | "aff_sub4" | "aff_sub5" | "afftrack"
        | "click_ref" | "clickref" | "click_id_1" | "cnv_id" | "customid" | "ext_click_id"
        | "external_id" | "externalid" | "pub_click_id" | "rcid" | "ref_id" | "reqid" | "s1"
        | "s2" | "s3" | "s4" | "s5" | "sid" | "sub" | "sub1" | "sub2" | "sub3" | "sub4"
        | "sub5" | "subid1" | "subid2" | "subid3" | "subid4" | "subid5" | "sub_id1" | "sub_id2"
        | "sub_id3" | "sub_id_1" | "sub_id_2" | "sub_id_3" | "trackingid" | "tracking_id"
        | "u1" | "visitor_id"
            if is_click_id() =>
        {
            (Field::ClickId, 1)
        }
        "linkid" => (Field::LinkId, 0),
        "transaction_id" | "transactionid" | "txnid" | "txid" | "tx_id" | "trans_id"
        | "transid" => (Field::TxnId, 0),
        "order_id" | "orderid" | "order_number" | "ordernumber" | "order_ref" | "receipt" => {
            (Field::TxnId, 1)
        }
        "conversion_id" | "conversionid" | "conv_id" | "action_id" | "actionid" | "sale_id"
        | "saleid" | "lead_id" | "leadid" | "invoice_id" => (Field::TxnId, 2),
        "tid" => (Field::TxnId, 3),
        "refundid" | "reversal_id" => (Field::RefundId, 0),
        "payout" | "commission" => (Field::Revenue, 0),
        "payout_amount" | "payoutamount" | "commission_amount" | "earnings" | "reward" => {
            (Field::Revenue, 1)
        }
        "sum" | "amount" | "rev" => (Field::Revenue, 2),
        "price" => (Field::Revenue, 3),
        "sale_amount" | "saleamount" | "order_amount" | "orderamount" | "order_total"
        | "total_amount" => (Field::Revenue, 4),
        "total" | "value" => (Field::Revenue, 5),
        "cur" | "curr" | "currency_code" | "currencycode" | "payout_currency" | "cnv_currency" => {
            (Field::Currency, 0)
        }
        "event_name" | "eventname" | "goal_name" => (Field::Event, 0),
        "event_type" | "eventtype" | "goal" | "conversion_type" => (Field::Event, 1),
        "transaction_type" | "transactiontype" | "et" => (Field::Event, 2),
        "coupon_code" | "couponcode" | "code" | "promo_code" | "promocode" | "discount_code"
        | "voucher" | "voucher_code" => (Field::Coupon, 0),
        "conversion_status" | "conv_status" | "cnv_status" | "action_status" => (Field::Status, 0),
        "order_status" | "payment_status" => (Field::Status, 1),
        _ => return None,
    })
}

/// Whether a text has the form of a click id: a UUID of version 7, with hyphens or without.
pub fn is_click_id_form(text: &str) -> bool {
    matches!(text.len(), 32 | 36)
        && uuid::Uuid::try_parse(text).is_ok_and(|uuid| uuid.get_version_num() == 7)
}

/// What a value of the status means for every sender.
pub fn status(value: &str) -> Option<StatusMeaning> {
    use ConversionStatus::{Approved, Pending, Rejected, Reversed};

    let name = EventType::from_name(value)?;
    let status = match name.as_str() {
        "approved" | "approve" | "confirmed" | "confirm" | "accepted" | "accept" | "paid"
        | "payable" | "billed" | "valid" | "validated" | "complete" | "completed" | "success"
        | "successful" | "succeeded" | "converted" | "locked" | "closed" | "ok" => Approved,
        "pending" | "hold" | "on_hold" | "onhold" | "new" | "wait" | "waiting" | "processing"
        | "in_process" | "in_progress" | "open" | "unconfirmed" | "unpaid" | "tentative"
        | "review" | "in_review" | "under_review" => Pending,
        "rejected" | "reject" | "declined" | "decline" | "denied" | "cancelled" | "canceled"
        | "cancel" | "trash" | "invalid" | "fraud" | "failed" | "spam" | "fake" | "void"
        | "voided" | "expired" | "disapproved" | "scrubbed" | "not_approved" => Rejected,
        "reversed" | "reversal" | "reverse" | "clawback" | "returned" => Reversed,
        _ => {
            return known_event(value).map(StatusMeaning::Event);
        }
    };
    Some(StatusMeaning::Status(status))
}

/// The event that a value means for every sender.
pub fn known_event(value: &str) -> Option<EventType> {
    let name = EventType::from_name(value)?;
    if !matches!(name, EventType::Custom(_)) {
        return Some(name);
    }
    Some(match name.as_str() {
        "purchase" | "purchased" | "order" | "base" | "base_conversion" | "on_payment"
        | "payment" | "buy" | "checkout" | "conversion" | "default" | "sales" => EventType::Sale,
        "leads" | "on_lead" | "form_submit" => EventType::Lead,
        "bill"
        | "billing"
        | "on_rebill"
        | "recurring"
        | "renewal"
        | "renew"
        | "subscription_renewal" => EventType::Rebill,
        "rfnd" | "refunded" | "on_refund" | "partial_refund" | "partially_refunded" => {
            EventType::Refund
        }
        "cgbk" | "on_chargeback" | "charge_back" | "charged_back" | "chargedback"
        | "chargebacked" | "dispute" | "disputed" => EventType::Chargeback,
        "installs" | "app_install" | "first_open" => EventType::Install,
        "sign_up"
        | "signed_up"
        | "registration"
        | "register"
        | "registered"
        | "reg"
        | "complete_registration"
        | "completeregistration" => EventType::Signup,
        "free_trial" | "start_trial" | "starttrial" | "trial_started" => EventType::Trial,
        _ => return None,
    })
}

/// A short name of ASCII in lower case, without an allocation.
struct LowerCase {
    bytes: [u8; Self::MAX_BYTES],
    length: usize,
}

impl LowerCase {
    /// No name that is known to everybody is longer.
    const MAX_BYTES: usize = 24;

    fn new(name: &str) -> Option<Self> {
        let mut bytes = [0; Self::MAX_BYTES];
        let length = name.len();
        let slots = bytes.get_mut(..length)?;
        slots.copy_from_slice(name.as_bytes());
        slots.make_ascii_lowercase();
        Some(Self { bytes, length })
    }

    fn as_str(&self) -> &str {
        let name = self.bytes.get(..self.length).unwrap_or_default();
        str::from_utf8(name).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const CLICK: &str = "01a11d5c-1e7b-7123-8123-456789abcdef";

    #[rstest]
    #[case("cid", CLICK, Some(Field::ClickId))]
    #[case("CID", "Ab3kX9q", Some(Field::ClickId))]
    #[case("tid", CLICK, Some(Field::ClickId))]
    #[case("tid", "01a11d5c1e7b71238123456789abcdef", Some(Field::ClickId))]
    #[case("tid", "77", Some(Field::TxnId))]
    #[case("s2", CLICK, Some(Field::ClickId))]
    #[case("s2", "summer", None)]
    #[case("OrderId", "77", Some(Field::TxnId))]
    #[case("sum", "3", Some(Field::Revenue))]
    #[case("code", "SUMMER10", Some(Field::Coupon))]
    #[case("offer", "3", None)]
    #[case("a_name_that_is_longer_than_any_alias", "3", None)]
    fn common_names_are_known(
        #[case] name: &str,
        #[case] value: &str,
        #[case] expected: Option<Field>,
    ) {
        assert_eq!(field(name, value).map(|(field, _)| field), expected);
    }

    #[rstest]
    #[case("Approved", "approved")]
    #[case("on hold", "pending")]
    #[case("DECLINED", "rejected")]
    #[case("trash", "rejected")]
    #[case("reversed", "reversed")]
    #[case("refunded", "refund")]
    #[case("sale", "sale")]
    #[case("1", "-")]
    #[case("something", "-")]
    fn common_values_of_the_status_are_known(#[case] value: &str, #[case] expected: &str) {
        let meaning = match status(value) {
            Some(StatusMeaning::Status(status)) => status.as_str().to_owned(),
            Some(StatusMeaning::Event(event)) => event.to_string(),
            None => "-".to_owned(),
        };
        assert_eq!(meaning, expected);
    }

    #[rstest]
    #[case("Base", "sale")]
    #[case("purchase", "sale")]
    #[case("on_payment", "sale")]
    #[case("RFND", "refund")]
    #[case("on_refund", "refund")]
    #[case("CGBK", "chargeback")]
    #[case("on_chargeback", "chargeback")]
    #[case("BILL", "rebill")]
    #[case("on_rebill", "rebill")]
    #[case("Complete Registration", "signup")]
    #[case("Trial", "trial")]
    #[case("deposit", "-")]
    fn common_values_of_the_event_are_known(#[case] value: &str, #[case] expected: &str) {
        let event = known_event(value).map(|event| event.to_string());
        assert_eq!(event.as_deref().unwrap_or("-"), expected);
    }
}
