//! The tables: a module for each, with its queries and what they read. Queries take a client
//! or a transaction first, and know nothing of requests.

pub mod changes;
pub mod domain_checks;
pub mod links;
pub mod offers;
