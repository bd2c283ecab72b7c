//! What goes wrong in production, done on purpose under load; afterwards Postgres is compared
//! with what was acknowledged. `scripts/faults` runs them.

mod accounts;
mod broker;
mod cache;
mod catalog;
mod changes;
mod database;
mod fault;
mod outage;
mod outcome;
mod private_servers;
mod processes;
mod profile;
mod spool;
mod testbed;

pub use catalog::FAULTS;
pub use fault::{ExpectedEffects, Fault};
pub use outcome::Outcome;
pub use private_servers::PrivateServers;
pub use profile::Profile;
pub use testbed::{Setup, Testbed};
