//! What a postback says about its conversion.

use std::{
    borrow::Cow,
    collections::{BTreeMap, btree_map::Entry},
};

use rust_decimal::Decimal;
use sha2::{Digest as _, Sha256};

use super::{
    amount::{AmountText, read_currency},
    field::Field,
    field_values::FieldValues,
    layers::MappingLayers,
    mapping::{AbsentAmount, StatusMeaning},
    parameters::PostbackParameters,
    preset::Preset,
};
use crate::{
    conversion::{ConversionFlag, ConversionStatus, EventType, MAX_TXN_ID_BYTES},
    hex,
};

/// The most parameters that an event of a conversion keeps, and their bytes in all.
const MAX_KEPT_PARAMETERS: usize = 50;
const MAX_KEPT_BYTES: usize = 4096;

/// What a postback says about its conversion. There is no postback without a conversion: what
/// cannot be read is flagged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConversionDetails {
    pub event: EventType,
    pub status: ConversionStatus,
    /// The amount that the sender named, 0 or more.
    pub revenue: Option<Decimal>,
    pub currency: String,
    pub txn_id: Option<String>,
    /// The sender's name of a refund or chargeback.
    pub refund_id: Option<String>,
    /// Whether the conversion earns nothing without an amount.
    pub without_payout: bool,
    /// Whether the mapping says that the event is not stored.
    pub is_ignored: bool,
    pub flags: Vec<ConversionFlag>,
    /// What the parameters were taken for.
    pub understood: Vec<UnderstoodParameter>,
    /// The names, as they were sent, of parameters that have no meaning or no value.
    pub ignored: Vec<String>,
}

/// A parameter whose meaning is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnderstoodParameter {
    /// The name as it was sent.
    pub name: String,
    pub field: Field,
    /// The value as it was sent; `None` if it is secret.
    pub value: Option<String>,
}

/// Reads what a postback says about its conversion. The preset that the parameters name
/// replaces that of the mappings.
pub fn interpret(
    parameters: &PostbackParameters<'_>,
    mapping: MappingLayers<'_>,
) -> ConversionDetails {
    Postback::new(parameters, mapping).details()
}

/// The parameters of a postback, assigned to our fields by the mappings.
#[derive(Debug)]
pub struct Postback<'p> {
    values: FieldValues<'p>,
    mapping: MappingLayers<'p>,
}

impl<'p> Postback<'p> {
    /// The preset that the parameters name replaces that of the mappings.
    pub fn new(parameters: &'p PostbackParameters<'p>, mapping: MappingLayers<'p>) -> Self {
        let mapping = mapping.with_preset_named(parameters.get(Field::Preset.as_str()));
        Self {
            values: FieldValues::assign(parameters, mapping),
            mapping,
        }
    }

    /// The value of a field, without blanks around it, if it has one.
    pub fn get(&self, field: Field) -> Option<&'p str> {
        self.values.get(field)
    }

    /// The name under which a field was sent.
    pub fn sent_name(&self, field: Field) -> Option<&'p str> {
        self.values.sent_name(field)
    }

    pub fn mapping(&self) -> MappingLayers<'p> {
        self.mapping
    }

    pub fn details(&self) -> ConversionDetails {
        let mut flags = Vec::new();
        let outcome = self.outcome();
        let amount = self.amount(&mut flags);
        let (event, revenue) = match amount.revenue {
            // The sender takes back what it reported. Where the status undoes the whole
            // conversion already, nothing else is taken back.
            Some(revenue) if amount.is_negative => match outcome.status {
                ConversionStatus::Rejected | ConversionStatus::Reversed => {
                    (outcome.event, Some(revenue))
                }
                _ if outcome.event.is_reversal() => (outcome.event, Some(revenue)),
                _ => (EventType::Refund, Some(revenue)),
            },
            revenue => (outcome.event, revenue),
        };
        let is_unpaid = !outcome.pays && !event.is_reversal();
        let absent_is_zero = self.mapping.absent_amount() == AbsentAmount::Zero;
        let txn_id = self.id(Field::TxnId, &mut flags);
        let refund_id = self.id(Field::RefundId, &mut flags);
        let (understood, ignored) = self.understood_and_ignored();
        ConversionDetails {
            event,
            status: outcome.status,
            revenue: revenue.filter(|_| !is_unpaid),
            currency: amount.currency,
            txn_id,
            refund_id,
            without_payout: is_unpaid || (absent_is_zero && !event.is_reversal()),
            is_ignored: outcome.is_ignored,
            flags,
            understood,
            ignored,
        }
    }

    /// The parameters for an event of a conversion whose account is not known yet. Parameters
    /// whose meaning is known come before the others if not all have room; secrets are left
    /// out.
    pub fn kept_parameters(&self) -> BTreeMap<Cow<'p, str>, Cow<'p, str>> {
        let mut kept = BTreeMap::new();
        let mut n_bytes = 0;
        let fields = || self.values.fields();
        let known = fields().filter(|(_, _, field)| field.is_some_and(|field| !field.is_secret()));
        let unknown = fields().filter(|(_, _, field)| field.is_none());
        for (name, value, field) in known.chain(unknown) {
            // A transaction that was taken for the click stays one.
            let name = match field {
                Some(Field::ClickId) => Field::ClickId.as_str(),
                _ => name,
            };
            let size = name.len() + value.len();
            let has_nul = name.contains('\0') || value.contains('\0');
            if has_nul || n_bytes + size > MAX_KEPT_BYTES || kept.len() == MAX_KEPT_PARAMETERS {
                continue;
            }
            // Of a name that is there twice the first value counts.
            if let Entry::Vacant(entry) = kept.entry(name.into()) {
                entry.insert(value.into());
                n_bytes += size;
            }
        }
        kept
    }

    /// Event and status, which senders mix up: a status may name a refund, and an event may
    /// say that the conversion was declined.
    fn outcome(&self) -> Outcome {
        let mut outcome = Outcome {
            event: self.mapping.default_event(),
            status: ConversionStatus::Approved,
            pays: true,
            is_ignored: false,
        };
        let mut names_event = false;
        if let Some(value) = self.get(Field::Event) {
            let detailed = self
                .event_detail()
                .and_then(|detail| self.mapping.detailed_event(value, detail));
            if let Some(status) = self.mapping.status_of_event(value) {
                outcome.status = status;
            } else if let Some(meaning) = detailed.or_else(|| self.mapping.event(value)) {
                names_event = true;
                outcome.is_ignored = meaning.ignore;
                outcome.event = meaning.event.unwrap_or(outcome.event);
                outcome.pays = meaning.pays;
            }
        }
        let Some(value) = self.get(Field::Status) else {
            return outcome;
        };
        match self.mapping.status(value) {
            Some(StatusMeaning::Status(status)) => outcome.status = status,
            Some(StatusMeaning::Event(event)) => {
                if event.is_reversal() || !names_event {
                    outcome.event = event;
                }
            }
            // Nobody knows whether it counts. As a pending conversion it is neither lost nor
            // booked.
            None => outcome.status = ConversionStatus::Pending,
        }
        // A refund that was reversed would be none.
        if outcome.event.is_reversal() && outcome.status == ConversionStatus::Reversed {
            outcome.status = ConversionStatus::Approved;
        }
        outcome
    }

    /// The parameter that tells apart what the sender gives one name of an event.
    fn event_detail(&self) -> Option<&'p str> {
        let mut names = self.mapping.preset()?.event_details.iter();
        names.find_map(|name| self.values.parameter(name))
    }

    fn amount(&self, flags: &mut Vec<ConversionFlag>) -> Amount {
        let text = self.get(Field::Revenue);
        let parsed = text.map(AmountText::parse);
        let sent_currency = self.get(Field::Currency);
        let currency = sent_currency.and_then(read_currency);
        let currency_of_amount = || parsed.clone()??.currency;
        let currency = currency.or_else(currency_of_amount);
        if currency.is_none() && sent_currency.is_some() {
            flags.push(ConversionFlag::CurrencyUnknown);
        }
        let currency = currency.unwrap_or_else(|| self.mapping.default_currency().to_owned());
        let mut amount = Amount {
            revenue: None,
            is_negative: false,
            currency,
        };
        let Some(parsed) = parsed else {
            return amount;
        };
        let unit = self.mapping.amount_unit();
        let read = parsed
            .as_ref()
            .and_then(|text| text.read(&amount.currency, unit));
        match (read, parsed) {
            (Some(read), Some(text)) => {
                amount.revenue = Some(read.amount);
                amount.is_negative = text.is_negative && !read.amount.is_zero();
                if read.is_rounded {
                    flags.push(ConversionFlag::AmountRounded);
                }
            }
            _ => flags.push(ConversionFlag::AmountUnreadable),
        }
        amount
    }

    /// An id of the sender, or a digest of one that cannot be stored.
    fn id(&self, field: Field, flags: &mut Vec<ConversionFlag>) -> Option<String> {
        let id = self.get(field)?;
        if id.len() <= MAX_TXN_ID_BYTES && !id.contains(char::is_control) {
            return Some(id.to_owned());
        }
        if !flags.contains(&ConversionFlag::TxnIdShortened) {
            flags.push(ConversionFlag::TxnIdShortened);
        }
        Some(format!("sha256:{}", hex::encode(&Sha256::digest(id))))
    }

    fn understood_and_ignored(&self) -> (Vec<UnderstoodParameter>, Vec<String>) {
        let (mut understood, mut ignored) = (Vec::new(), Vec::new());
        for (name, value, field) in self.values.fields() {
            let name = name.to_owned();
            match field {
                Some(field) if self.has_meaning(field, value) => {
                    let value = Some(value.to_owned()).filter(|_| !field.is_secret());
                    understood.push(UnderstoodParameter { name, field, value });
                }
                _ => ignored.push(name),
            }
        }
        (understood, ignored)
    }

    /// Whether a value says something to us: a status that nobody knows does not.
    fn has_meaning(&self, field: Field, value: &str) -> bool {
        match field {
            Field::Status => self.mapping.status(value).is_some(),
            Field::Event => {
                self.mapping.event(value).is_some() || self.mapping.status_of_event(value).is_some()
            }
            Field::Currency => read_currency(value).is_some(),
            Field::Preset => Preset::named(value).is_some(),
            _ => true,
        }
    }
}

struct Outcome {
    event: EventType,
    status: ConversionStatus,
    pays: bool,
    is_ignored: bool,
}

struct Amount {
    revenue: Option<Decimal>,
    is_negative: bool,
    currency: String,
}
