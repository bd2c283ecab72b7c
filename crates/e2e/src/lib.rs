#![doc = include_str!("../README.md")]

pub mod browser;
pub mod client;
pub mod geoip;
pub mod openapi;
pub mod producer;
pub mod proxy;
pub mod servers;
pub mod service;
pub mod wait;
pub mod world;
