//! Faults of the disk under the spool.

use std::{
    fs::{File, OpenOptions},
    os::unix::fs::FileExt as _,
    path::PathBuf,
    time::Duration,
};

use super::{Expected, Stage};
use crate::wait::wait_for;

/// Clicks pile up because RabbitMQ takes none, until the disk has no room.
pub async fn disk_full(stage: &mut Stage) -> Expected {
    stage.servers.rabbitmq.freeze();
    let failed = "waypost_edge_not_recorded_total{reason=\"disk_failed\"}";
    wait_for("the disk to be full", true, async || {
        stage.edge_metric(failed).await >= 10.0
    })
    .await;
    tokio::time::sleep(stage.form.fault).await;
    stage.servers.rabbitmq.thaw();
    let mut expected = Expected::default();
    let is_alarmed = stage.edges[0].service().lines().iter().any(|line| {
        line["level"] == "ERROR" && line["message"] == "a click was redirected without a record"
    });
    if !is_alarmed {
        expected.wrong.push("nobody was told".to_owned());
    }
    // There is room again, and clicks are recorded again.
    let mut before = -1.0;
    wait_for("clicks to be recorded again", true, async || {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let now = stage.edge_metric(failed).await;
        let is_over = now == before;
        before = now;
        is_over
    })
    .await;
    expected
}

/// Of the clicks that RabbitMQ has not seen, one has a byte flipped, and the last
/// is torn.
pub async fn corrupted(stage: &mut Stage) -> Expected {
    stage.servers.rabbitmq.freeze();
    // What is confirmed and stored by now may be destroyed and is not lost.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let before = stage.promised();
    tokio::time::sleep(stage.form.fault).await;
    stage.edges[0].kill();
    let (flipped, torn) = tokio::task::block_in_place(|| destroy(stage, &before));
    stage.servers.rabbitmq.thaw();
    tokio::task::block_in_place(|| stage.edges[0].start());
    let mut expected = Expected::default();
    wait_for("the damage to be counted", 1.0, async || {
        stage.edge_metric("waypost_edge_spool_damaged_total").await
    })
    .await;
    stage.edges[0]
        .service()
        .wait_for_log("a damaged stretch of the spool was skipped");
    stage.edges[0]
        .service()
        .wait_for_log("the torn tail of a spool segment was skipped");
    // The torn one was perhaps not answered any more.
    let promised = stage.promised();
    expected.lost.extend(
        [flipped, torn]
            .into_iter()
            .filter(|id| promised.contains(id)),
    );
    expected
}

/// Destroys two records in the last segment: their click ids.
fn destroy(stage: &Stage, before: &std::collections::BTreeSet<String>) -> (String, String) {
    const KEY: &[u8] = b"{\"click_id\":\"";
    const ID_LEN: usize = 36;
    let path = last_segment(stage.spool_dir(0));
    let bytes = std::fs::read(&path).expect("a segment");
    let ids = bytes.windows(KEY.len()).enumerate();
    let ids = ids.filter(|(_, window)| *window == KEY).map(|(at, _)| {
        let id = &bytes[at + KEY.len()..][..ID_LEN];
        (at, String::from_utf8_lossy(id).into_owned())
    });
    let ids: Vec<_> = ids.filter(|(_, id)| !before.contains(id)).collect();
    let promised = stage.promised();
    // One in the middle that was answered.
    let middle = ids[ids.len() / 2..].iter();
    let (at, flipped) = middle
        .clone()
        .find(|(_, id)| promised.contains(id))
        .expect("clicks were answered")
        .clone();
    let file = OpenOptions::new().write(true).open(&path).expect("it");
    let inside = at + KEY.len() + ID_LEN + 10;
    let byte = bytes[inside] ^ 0xff;
    file.write_all_at(&[byte], inside as u64).expect("a write");
    let (torn_at, torn) = ids.last().expect("clicks").clone();
    cut(&file, torn_at + KEY.len() + ID_LEN + 10);
    (flipped, torn)
}

/// What comes after the last click, a conversion perhaps, goes with it.
fn cut(file: &File, len: usize) {
    file.set_len(len as u64).expect("a cut");
}

fn last_segment(folder: PathBuf) -> PathBuf {
    let files = std::fs::read_dir(folder).expect("the spool");
    let files = files.map(|file| file.expect("a file").path());
    let segments = files.filter(|path| path.extension().is_some_and(|name| name == "seg"));
    segments.max().expect("a segment")
}
