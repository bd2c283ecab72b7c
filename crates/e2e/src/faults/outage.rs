//! A server is away for some time.

use std::time::Duration;

use super::Expected;
use crate::servers::PrivateServer;

pub async fn stopped(server: &PrivateServer, time: Duration) -> Expected {
    tokio::task::block_in_place(|| server.stop());
    tokio::time::sleep(time).await;
    tokio::task::block_in_place(|| server.start_again());
    Expected::default()
}

/// It keeps its connections, takes new ones, and answers nothing.
pub async fn frozen(server: &PrivateServer, time: Duration) -> Expected {
    server.freeze();
    tokio::time::sleep(time).await;
    server.thaw();
    Expected::default()
}
