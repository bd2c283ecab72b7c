//! Postbacks: the requests by which advertisers and networks report conversions. This module
//! reads them as their senders write them: their parameters, whose names and values a
//! [`PostbackMapping`] translates, and their amounts. It neither looks up what they name nor
//! checks secrets.
//!
//! Nothing about a conversion makes a postback invalid, since most senders send it once: what
//! cannot be read is flagged.

mod aliases;
pub mod amount;
mod error;
mod field;
mod field_values;
mod interpret;
mod json;
mod layers;
pub mod log;
mod mapping;
mod mapping_check;
mod multipart;
mod no_value;
mod parameters;
mod preset;
mod proof;
mod signature_scheme;
mod target;
#[cfg(test)]
mod tests;
mod verdict;

pub use self::{
    error::PostbackError,
    field::Field,
    interpret::{ConversionDetails, Postback, UnderstoodParameter, interpret},
    layers::MappingLayers,
    mapping::{
        AbsentAmount, AmountUnit, EventMeaning, FixedResponse, MAX_MAPPING_ENTRIES,
        MAX_MAPPING_NAME_BYTES, MAX_RESPONSE_BYTES, PostbackMapping, StatusMeaning,
    },
    mapping_check::InvalidMapping,
    no_value::is_no_amount,
    parameters::PostbackParameters,
    preset::Preset,
    proof::{PostbackMode, SigningKey, signed_text},
    signature_scheme::SignatureScheme,
    target::{LinkRef, NamedClick},
    verdict::PostbackVerdict,
};
