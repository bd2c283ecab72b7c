#![doc = include_str!("../README.md")]

pub mod admin;
pub mod amqp;
pub mod backoff;
pub mod cache;
pub mod circuit_breaker;
pub mod health;
pub mod occasional;
pub mod service;
pub mod settings;
pub mod telemetry;
pub mod watched;
