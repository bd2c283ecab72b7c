#![doc = include_str!("../README.md")]

pub mod client;
pub mod openapi;
pub mod proxy;
pub mod servers;
pub mod service;
pub mod wait;
pub mod world;
