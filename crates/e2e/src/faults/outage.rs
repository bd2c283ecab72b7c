//! Servers that are stopped or frozen for some time.

use std::time::Duration;

use super::{ExpectedEffects, Testbed};
use crate::servers::PrivateServer;

pub async fn stopped(server: &PrivateServer, time: Duration) -> ExpectedEffects {
    tokio::task::block_in_place(|| server.stop());
    tokio::time::sleep(time).await;
    tokio::task::block_in_place(|| server.start_again());
    ExpectedEffects::default()
}

/// The frozen server keeps its connections, accepts new ones, and never answers.
pub async fn frozen(server: &PrivateServer, time: Duration) -> ExpectedEffects {
    server.freeze();
    tokio::time::sleep(time).await;
    server.thaw();
    ExpectedEffects::default()
}

/// links-api hangs: it loads no records that Redis lacks, and makes no changes. So the load
/// neither creates nor changes links meanwhile.
pub async fn api_frozen(testbed: &mut Testbed) -> ExpectedEffects {
    testbed.load.change_nothing().await;
    testbed.api.service().signal("STOP");
    tokio::time::sleep(testbed.profile.outage).await;
    testbed.api.service().signal("CONT");
    testbed.load.change_again();
    ExpectedEffects::default()
}

/// Redis and the origin hang: redirectors continue with their cached links.
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
