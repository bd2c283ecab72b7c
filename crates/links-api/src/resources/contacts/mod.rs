//! What happened to a contact; and erasing one.

mod erase;
mod journey;

use crate::{audit::ObjectKind, auth::Scope, error::ApiError, http::Operation};
use erase::{EraseResponse, erase_contact};
use journey::{Journey, get_contact_journey};

pub fn operations() -> Vec<Operation> {
    [
        Operation::get("/contacts/{phone}/journey", get_contact_journey)
            .scope(Scope::ReportsRead)
            .summary("Get a contact's journey")
            .description(
                "The messages that were sent to a contact, its clicks and its conversions, the \
                 newest first. There is no error for a contact that is not known: it has none.",
            )
            .response::<Journey>(200, Journey::example()),
        Operation::delete("/contacts/{phone}", erase_contact)
            .audits_many(ObjectKind::Contact, "id")
            .scope(Scope::LinksWrite)
            .summary("Erase a contact")
            .description(
                "Removes the number, addresses, user agents, referrers, parameters and metadata \
                 from the contact's messages, links, clicks and conversions. Message clicks, \
                 credits and totals stay: they are then of a pseudonym. Clicks that are on their \
                 way at this moment may still have the number: erase the contact again a minute \
                 later.",
            )
            .response::<EraseResponse>(200, EraseResponse::example()),
    ]
    .into_iter()
    .map(|operation| {
        operation
            .tag("contacts")
            .errors([ApiError::InvalidPhone("phone")])
    })
    .collect()
}
