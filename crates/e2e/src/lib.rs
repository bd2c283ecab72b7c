#![doc = include_str!("../README.md")]
#![expect(
    clippy::string_slice,
    reason = "a wrong place in a text fails the test"
)]

pub mod accounting;
pub mod balancer;
pub mod browser;
pub mod client;
pub mod console;
pub mod faults;
pub mod geoip;
pub mod lag;
pub mod openapi;
pub mod producer;
pub mod proxy;
pub mod servers;
pub mod service;
pub mod wait;
pub mod world;
