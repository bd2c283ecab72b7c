//! Faults of our own processes.

use std::time::Duration;

use rand::RngExt as _;

use super::{Expected, Stage};

/// How many times a process is killed.
const N_KILLS: u32 = 5;

/// A time that nothing is in step with.
async fn any_time(longest: Duration) {
    let part: f64 = rand::rng().random();
    tokio::time::sleep(longest.mul_f64(part)).await;
}

pub async fn redirector_killed(stage: &mut Stage) -> Expected {
    let pause = stage.form.fault / (2 * N_KILLS);
    for i in 0..N_KILLS {
        let edge = &mut stage.edges[i as usize % 2];
        any_time(pause).await;
        edge.kill();
        any_time(pause).await;
        tokio::task::block_in_place(|| edge.start());
        stage.wait_until_ready(i as usize % 2).await;
    }
    Expected::default()
}

/// There is work whenever it starts, and it has begun with it when it is killed.
pub async fn worker_killed(stage: &mut Stage) -> Expected {
    let pause = stage.form.fault / (2 * N_KILLS);
    for _ in 0..N_KILLS {
        stage.workers[0].kill();
        tokio::time::sleep(pause).await;
        tokio::task::block_in_place(|| stage.workers[0].start());
        any_time(Duration::from_millis(200)).await;
    }
    stage.workers[0].kill();
    tokio::task::block_in_place(|| stage.workers[0].start());
    Expected::default()
}

pub async fn api_killed(stage: &mut Stage) -> Expected {
    let pause = stage.form.fault / (2 * N_KILLS);
    for _ in 0..N_KILLS {
        any_time(2 * pause).await;
        stage.api.kill();
        tokio::time::sleep(pause / 2).await;
        tokio::task::block_in_place(|| stage.api.start());
    }
    Expected::default()
}

pub async fn rolling_restart(stage: &mut Stage) -> Expected {
    let mut expected = Expected::default();
    for i in 0..2 {
        expected.wrong.extend(stage.edges[i].stop().await);
        tokio::task::block_in_place(|| stage.edges[i].start());
        stage.wait_until_ready(i).await;
    }
    for worker in &mut stage.workers {
        expected.wrong.extend(worker.stop().await);
        tokio::task::block_in_place(|| worker.start());
    }
    expected
}

pub async fn clock_back(stage: &mut Stage) -> Expected {
    stage.set_clock(-60);
    tokio::time::sleep(stage.form.fault).await;
    let mut expected = Expected::default();
    // A UUIDv7 is its time: the clock went back for the redirector indeed.
    let ids = stage.promised();
    let unix_ms = |id: &str| i64::from_str_radix(&id.replace('-', "")[..12], 16);
    let ms = ids.iter().map(|id| unix_ms(id).expect("a UUIDv7"));
    let now = jiff::Timestamp::now().as_millisecond();
    if ms.clone().min().is_none_or(|ms| now - ms < 30_000) {
        expected.wrong.push("the clock did not go back".to_owned());
    }
    stage.set_clock(0);
    tokio::time::sleep(Duration::from_secs(1)).await;
    expected
}

pub async fn sigterm(stage: &mut Stage) -> Expected {
    let mut expected = Expected::default();
    let services = [&mut stage.edges[0], &mut stage.workers[0], &mut stage.api];
    for service in services {
        any_time(stage.form.fault / 3).await;
        expected.wrong.extend(service.stop().await);
        tokio::task::block_in_place(|| service.start());
    }
    expected
}
