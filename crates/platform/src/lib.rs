#![doc = include_str!("../README.md")]

pub mod admin;
pub mod amqp;
pub mod backoff;
pub mod bounded_memo;
pub mod build_info;
pub mod circuit_breaker;
pub mod health;
pub mod log_rate_limit;
pub mod redis_cache;
pub mod reloading_file;
pub mod service;
pub mod settings;
pub mod telemetry;
