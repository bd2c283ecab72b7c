//! Faults of the disk under the spool.

use std::{
    collections::BTreeSet,
    fs::OpenOptions,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{ExpectedEffects, Testbed};
use crate::wait::wait_for;

/// Freezes RabbitMQ until the spool has filled its disk.
pub async fn disk_full(testbed: &mut Testbed) -> ExpectedEffects {
    testbed.servers.rabbitmq.freeze();
    let failed = "waypost_edge_unrecorded_events_total{reason=\"disk_failed\"}";
    wait_for("the disk to be full", true, async || {
        testbed.edge_metric(failed).await >= 10.0
    })
    .await;
    tokio::time::sleep(testbed.profile.fault).await;
    testbed.servers.rabbitmq.thaw();
    let mut expected = ExpectedEffects::default();
    let is_alarmed = testbed.edges[0].service().lines().iter().any(|line| {
        line["level"] == "ERROR" && line["message"] == "click redirected but not recorded"
    });
    if !is_alarmed {
        expected
            .violations
            .push("no unrecorded click was logged".to_owned());
    }
    // The spool shrinks, and no further click is unrecorded.
    let mut before = -1.0;
    wait_for("clicks to be recorded again", true, async || {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let now = testbed.edge_metric(failed).await;
        let is_recording = now == before;
        before = now;
        is_recording
    })
    .await;
    expected
}

/// Flips a byte of a click that was not published yet, and cuts the segment inside its last
/// click, which also destroys all records behind it.
pub async fn corrupted(testbed: &mut Testbed) -> ExpectedEffects {
    testbed.servers.rabbitmq.freeze();
    // Clicks that are stored by now are not lost if their record is destroyed.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let before = testbed.acknowledged_ids();
    tokio::time::sleep(testbed.profile.fault).await;
    let spool_dir = testbed.spool_dir(0);
    wait_for("two clicks in the last segment", true, async || {
        let segment = read_records(&last_segment(&spool_dir));
        segment
            .iter()
            .filter(|record| record.is_new_click(&before))
            .count()
            >= 2
    })
    .await;
    testbed.edges[0].kill();
    let destroyed = tokio::task::block_in_place(|| destroy(testbed, &before));
    testbed.servers.rabbitmq.thaw();
    tokio::task::block_in_place(|| testbed.edges[0].start());
    let mut expected = ExpectedEffects::default();
    wait_for("the damage to be counted", 1.0, async || {
        testbed
            .edge_metric("waypost_edge_spool_damaged_ranges_total")
            .await
    })
    .await;
    testbed.edges[0]
        .service()
        .wait_for_log("skipped a damaged range of the spool");
    testbed.edges[0]
        .service()
        .wait_for_log("skipped the incomplete end of a spool segment");
    // Clicks at the cut may not have been answered.
    let acknowledged = testbed.acknowledged_ids();
    let acknowledged_conversion_ids = testbed.acknowledged_conversion_ids();
    for record in destroyed {
        match record.kind {
            RecordKind::Click if acknowledged.contains(&record.id) => {
                expected.tolerated_loss.clicks.insert(record.id);
            }
            RecordKind::Conversion if acknowledged_conversion_ids.contains(&record.id) => {
                expected.tolerated_loss.conversions.insert(record.id);
            }
            RecordKind::Click | RecordKind::Conversion => {}
        }
    }
    expected
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RecordKind {
    Click,
    Conversion,
}

/// A record of a segment: where its JSON begins, and its click or conversion id.
#[derive(Debug, Clone)]
struct Record {
    kind: RecordKind,
    json_offset: usize,
    id: String,
}

impl Record {
    const ID_LEN: usize = 36;
    const KEYS: [(RecordKind, &[u8]); 2] = [
        (RecordKind::Click, b"{\"click_id\":\""),
        (RecordKind::Conversion, b"{\"conversion_id\":\""),
    ];

    /// The record whose JSON begins at this offset, if one does.
    fn parse_at(bytes: &[u8], json_offset: usize) -> Option<Self> {
        Self::KEYS.into_iter().find_map(|(kind, key)| {
            let id = bytes[json_offset..]
                .strip_prefix(key)?
                .get(..Self::ID_LEN)?;
            let id = String::from_utf8_lossy(id).into_owned();
            Some(Self {
                kind,
                json_offset,
                id,
            })
        })
    }

    fn is_new_click(&self, before: &BTreeSet<String>) -> bool {
        self.kind == RecordKind::Click && !before.contains(&self.id)
    }

    /// An offset in the middle of its JSON.
    fn inside(&self) -> usize {
        self.json_offset + 60
    }
}

fn read_records(segment: &Path) -> Vec<Record> {
    let bytes = std::fs::read(segment).expect("a segment");
    let places = 0..bytes.len();
    places
        .filter_map(|at| Record::parse_at(&bytes, at))
        .collect()
}

/// Flips a byte of one click of the last segment, and cuts the segment inside its last click.
/// Returns all records that this destroys.
fn destroy(testbed: &Testbed, before: &BTreeSet<String>) -> Vec<Record> {
    let path = last_segment(&testbed.spool_dir(0));
    let records = read_records(&path);
    let clicks = records.iter().filter(|record| record.is_new_click(before));
    let clicks: Vec<_> = clicks.collect();
    let (torn, others) = clicks.split_last().expect("clicks in the last segment");
    let flipped = others[others.len() / 2];
    let file = OpenOptions::new().read(true).write(true).open(&path);
    let file = file.expect("the segment is ours");
    let mut byte = [0];
    file.read_exact_at(&mut byte, flipped.inside() as u64)
        .expect("a byte");
    file.write_all_at(&[byte[0] ^ 0xff], flipped.inside() as u64)
        .expect("a write");
    file.set_len(torn.inside() as u64).expect("a cut");
    let cut_off = records
        .iter()
        .filter(|record| record.json_offset >= torn.json_offset);
    cut_off.chain([flipped]).cloned().collect()
}

fn last_segment(folder: &Path) -> PathBuf {
    let files = std::fs::read_dir(folder).expect("the spool");
    let files = files.map(|file| file.expect("a file").path());
    let segments = files.filter(|path| path.extension().is_some_and(|name| name == "seg"));
    segments.max().expect("a segment")
}
