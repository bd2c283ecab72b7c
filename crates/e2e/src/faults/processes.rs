//! Faults of the services' processes.

use std::time::Duration;

use rand::RngExt as _;

use super::{ExpectedEffects, Testbed};

/// How many times a process is killed.
const N_KILLS: u32 = 5;

/// Sleeps for a random time, so that kills hit different states.
async fn any_time(longest: Duration) {
    let part: f64 = rand::rng().random();
    tokio::time::sleep(longest.mul_f64(part)).await;
}

pub async fn redirector_killed(testbed: &mut Testbed) -> ExpectedEffects {
    let pause = testbed.profile.fault / (2 * N_KILLS);
    for i in 0..N_KILLS {
        let edge = &mut testbed.edges[i as usize % 2];
        any_time(pause).await;
        edge.kill();
        any_time(pause).await;
        tokio::task::block_in_place(|| edge.start());
        testbed.wait_until_ready(i as usize % 2).await;
    }
    ExpectedEffects::default()
}

/// The worker is killed shortly after its start, when it is storing the backlog.
pub async fn worker_killed(testbed: &mut Testbed) -> ExpectedEffects {
    let pause = testbed.profile.fault / (2 * N_KILLS);
    for _ in 0..N_KILLS {
        testbed.workers[0].kill();
        tokio::time::sleep(pause).await;
        tokio::task::block_in_place(|| testbed.workers[0].start());
        any_time(Duration::from_millis(200)).await;
    }
    testbed.workers[0].kill();
    tokio::task::block_in_place(|| testbed.workers[0].start());
    ExpectedEffects::default()
}

pub async fn api_killed(testbed: &mut Testbed) -> ExpectedEffects {
    let pause = testbed.profile.fault / (2 * N_KILLS);
    for _ in 0..N_KILLS {
        any_time(2 * pause).await;
        testbed.api.kill();
        tokio::time::sleep(pause / 2).await;
        tokio::task::block_in_place(|| testbed.api.start());
    }
    ExpectedEffects::default()
}

pub async fn rolling_restart(testbed: &mut Testbed) -> ExpectedEffects {
    let mut expected = ExpectedEffects::default();
    for i in 0..2 {
        expected.violations.extend(testbed.edges[i].stop().await);
        tokio::task::block_in_place(|| testbed.edges[i].start());
        testbed.wait_until_ready(i).await;
    }
    for worker in &mut testbed.workers {
        expected.violations.extend(worker.stop().await);
        tokio::task::block_in_place(|| worker.start());
    }
    expected
}

pub async fn clock_back(testbed: &mut Testbed) -> ExpectedEffects {
    testbed.set_clock(-60);
    tokio::time::sleep(testbed.profile.fault).await;
    let mut expected = ExpectedEffects::default();
    // The time in the click ids shows that the redirector's clock was set back.
    let ids = testbed.acknowledged_ids();
    let unix_ms = |id: &str| i64::from_str_radix(&id.replace('-', "")[..12], 16);
    let ms = ids.iter().map(|id| unix_ms(id).expect("a UUIDv7"));
    let now = jiff::Timestamp::now().as_millisecond();
    if ms.clone().min().is_none_or(|ms| now - ms < 30_000) {
        expected
            .violations
            .push("the clock did not go back".to_owned());
    }
    testbed.set_clock(0);
    tokio::time::sleep(Duration::from_secs(1)).await;
    expected
}

pub async fn sigterm(testbed: &mut Testbed) -> ExpectedEffects {
    let mut expected = ExpectedEffects::default();
    let services = [
        &mut testbed.edges[0],
        &mut testbed.workers[0],
        &mut testbed.api,
    ];
    for service in services {
        any_time(testbed.profile.fault / 3).await;
        expected.violations.extend(service.stop().await);
        tokio::task::block_in_place(|| service.start());
    }
    expected
}
