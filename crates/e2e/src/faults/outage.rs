//! A server is away for some time.

use std::time::Duration;

use super::{ExpectedEffects, Testbed};
use crate::servers::PrivateServer;

pub async fn stopped(server: &PrivateServer, time: Duration) -> ExpectedEffects {
    tokio::task::block_in_place(|| server.stop());
    tokio::time::sleep(time).await;
    tokio::task::block_in_place(|| server.start_again());
    ExpectedEffects::default()
}

/// It keeps its connections, takes new ones, and answers nothing.
pub async fn frozen(server: &PrivateServer, time: Duration) -> ExpectedEffects {
    server.freeze();
    tokio::time::sleep(time).await;
    server.thaw();
    ExpectedEffects::default()
}

/// links-api keeps its connections, takes new ones, and answers nothing: no record that is
/// not in Redis, and no change.
pub async fn api_frozen(testbed: &mut Testbed) -> ExpectedEffects {
    testbed.load.change_nothing().await;
    testbed.api.service().signal("STOP");
    tokio::time::sleep(testbed.profile.outage).await;
    testbed.api.service().signal("CONT");
    testbed.load.change_again();
    ExpectedEffects::default()
}

/// Neither Redis nor the origin answers: redirectors go on with what they have.
pub async fn cut_off(testbed: &mut Testbed) -> ExpectedEffects {
    testbed.load.change_nothing().await;
    testbed.load.click_all_links().await;
    testbed.servers.redis.freeze();
    testbed.api.service().signal("STOP");
    tokio::time::sleep(testbed.profile.outage).await;
    testbed.api.service().signal("CONT");
    testbed.servers.redis.thaw();
    testbed.load.change_again();
    ExpectedEffects::default()
}
