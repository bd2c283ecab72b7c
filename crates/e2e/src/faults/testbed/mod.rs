//! The system that a fault happens to: private servers, services on fixed ports, a load, and
//! the ways to stop, cut off and damage them.

mod files;
mod isolation;
mod observe;
mod proxied;
mod restartable;
mod setup;
mod shut_down;
mod start;
mod wait;

pub use setup::Setup;
pub use start::Testbed;
