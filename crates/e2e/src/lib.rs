#![doc = include_str!("../README.md")]
#![expect(
    clippy::string_slice,
    reason = "a wrong place in a text fails the test"
)]

pub mod balancer;
pub mod browser;
pub mod client;
pub mod console;
pub mod faults;
pub mod geoip;
pub mod lag;
pub mod load;
pub mod openapi;
pub mod producer;
pub mod proxy;
pub mod servers;
pub mod service;
pub mod test_environment;
pub mod user;
pub mod wait;
