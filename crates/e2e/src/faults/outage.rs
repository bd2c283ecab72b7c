//! A server is away for some time.

use std::time::Duration;

use super::{Expected, Stage};
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

/// links-api keeps its connections, takes new ones, and answers nothing: no record that is
/// not in Redis, and no change.
pub async fn api_frozen(stage: &mut Stage) -> Expected {
    stage.load.change_nothing().await;
    stage.api.service().signal("STOP");
    tokio::time::sleep(stage.form.outage).await;
    stage.api.service().signal("CONT");
    stage.load.change_again();
    Expected::default()
}

/// Neither Redis nor the origin answers: redirectors go on with what they have.
pub async fn cut_off(stage: &mut Stage) -> Expected {
    stage.load.change_nothing().await;
    stage.load.click_all_links().await;
    stage.servers.redis.freeze();
    stage.api.service().signal("STOP");
    tokio::time::sleep(stage.form.outage).await;
    stage.api.service().signal("CONT");
    stage.servers.redis.thaw();
    stage.load.change_again();
    Expected::default()
}
