#![doc = include_str!("../README.md")]

pub mod arrival;
pub mod attribution;
pub mod availability;
pub mod bot;
pub mod click;
pub mod client_ip;
pub mod device;
pub mod host;
pub mod id;
pub mod interstitial;
pub mod macros;
pub mod message;
pub mod query;
pub mod record;
pub mod sms;
