//! The whole of Waypost, against real servers.

mod api;
mod broker;
mod crash;
mod edge;
mod event_documents;
mod operations;
mod whole_path;
mod worker;
