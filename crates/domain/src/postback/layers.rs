//! The mappings by which a postback is read, the most specific one first.

use super::{
    aliases,
    field::Field,
    mapping::{
        AbsentAmount, AmountUnit, EventMeaning, FixedResponse, PostbackMapping, StatusMeaning,
    },
    preset::Preset,
};
use crate::conversion::{ConversionStatus, DEFAULT_CURRENCY, DuplicateMode, EventType};

/// The mappings by which a postback is read: that of the offer prevails over that of the
/// account, that over the preset, and that over what is known of every sender.
#[derive(Debug, Clone, Copy)]
pub struct MappingLayers<'m> {
    layers: [Option<&'m PostbackMapping>; 3],
    preset: Option<&'static Preset>,
    default_currency: &'m str,
}

impl<'m> MappingLayers<'m> {
    /// The preset is the one that the offer names, or else the account.
    pub fn new(offer: Option<&'m PostbackMapping>, account: Option<&'m PostbackMapping>) -> Self {
        let layers = [offer, account, None];
        let preset_name = layers
            .into_iter()
            .flatten()
            .find_map(|mapping| mapping.preset.as_deref());
        let preset = preset_name.and_then(Preset::named);
        Self {
            layers: [offer, account, preset.map(|preset| &preset.mapping)],
            preset,
            default_currency: DEFAULT_CURRENCY,
        }
    }

    /// The currency of amounts without one, if the account has set it.
    pub fn with_default_currency(mut self, currency: Option<&'m str>) -> Self {
        self.default_currency = currency.unwrap_or(DEFAULT_CURRENCY);
        self
    }

    /// Replaces the preset by the one that the request itself names, if there is one.
    pub(super) fn with_preset_named(mut self, name: Option<&str>) -> Self {
        if let Some(preset) = name.and_then(Preset::named) {
            self.layers[2] = Some(&preset.mapping);
            self.preset = Some(preset);
        }
        self
    }

    /// The preset by which the postback is read.
    pub fn preset(&self) -> Option<&'static Preset> {
        self.preset
    }

    pub fn default_currency(&self) -> &'m str {
        self.default_currency
    }

    fn find<T>(&self, find: impl Fn(&'m PostbackMapping) -> Option<T>) -> Option<T> {
        self.layers.into_iter().flatten().find_map(find)
    }

    /// What a parameter of this name means, and how much it is preferred: less is more.
    pub(super) fn field(&self, name: &str, value: &str) -> Option<(Field, u8)> {
        let layers = (1..).zip(self.layers);
        let mut mapped = layers.filter_map(|(rank, layer)| Some((layer?.field(name)?, rank)));
        mapped
            .next()
            .or_else(|| aliases::field(name, value).map(|(field, rank)| (field, rank + 10)))
    }

    /// What a value of the status means, if that is known.
    pub(super) fn status(&self, value: &str) -> Option<StatusMeaning> {
        let mapped = self.find(|mapping| mapping.status(value));
        mapped
            .or_else(|| aliases::status(value))
            .or_else(|| self.find(PostbackMapping::status_of_unknown))
    }

    /// What a value of the event means. A value that is known nowhere is the event that it
    /// names; `None` if it names nothing.
    pub(super) fn event(&self, value: &str) -> Option<EventMeaning> {
        let meaning_of = |event| EventMeaning {
            event: Some(event),
            ignore: false,
            pays: true,
        };
        let mapped = self.find(|mapping| mapping.event(value));
        mapped
            .or_else(|| aliases::known_event(value).map(meaning_of))
            .or_else(|| self.find(PostbackMapping::event_of_unknown))
            .or_else(|| EventType::from_name(value).map(meaning_of))
    }

    /// What the value of an event means together with a detail of it, such as
    /// `invoice.paid subscription_cycle`, if a mapping says that.
    pub(super) fn detailed_event(&self, value: &str, detail: &str) -> Option<EventMeaning> {
        let detailed = format!("{value} {detail}");
        self.find(|mapping| mapping.event(&detailed))
    }

    /// The status that the value of an event names, if it names one.
    pub(super) fn status_of_event(&self, value: &str) -> Option<ConversionStatus> {
        match (
            self.find(|mapping| mapping.event(value)),
            aliases::status(value),
        ) {
            (None, Some(StatusMeaning::Status(status))) => Some(status),
            _ => None,
        }
    }

    pub(super) fn default_event(&self) -> EventType {
        let event = self.find(|mapping| mapping.default_event);
        event.unwrap_or(EventType::Sale)
    }

    pub(super) fn absent_amount(&self) -> AbsentAmount {
        self.find(|mapping| mapping.absent_amount)
            .unwrap_or_default()
    }

    pub(super) fn amount_unit(&self) -> AmountUnit {
        self.find(|mapping| mapping.amount_unit).unwrap_or_default()
    }

    /// What becomes of a postback for a conversion of this event that is stored already.
    pub fn duplicate_mode(&self, event: EventType) -> DuplicateMode {
        let mode = self.find(|mapping| mapping.duplicate_mode(event));
        mode.unwrap_or_default()
    }

    /// The answer to a postback that is accepted, if its sender expects a certain one.
    pub fn response(&self) -> Option<&'m FixedResponse> {
        self.find(|mapping| mapping.response.as_ref())
    }

    /// Whether a postback for a link is refused if it names neither a transaction nor a click.
    pub fn requires_txn_id(&self) -> bool {
        self.find(|mapping| mapping.require_txn_id)
            .unwrap_or_default()
    }
}
