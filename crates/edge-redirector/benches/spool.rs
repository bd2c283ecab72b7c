//! Appending to the spool, from the call until the record is recorded. The disk of the target
//! folder takes part, so that figures of two machines do not compare.

use std::time::Duration;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use edge_redirector::spool::{Spool, SpoolSettings, SyncPolicy};
use futures_util::future::join_all;
use tokio::runtime::{self, Runtime};

/// About the size of a click's JSON line.
const RECORD: [u8; 600] = [b'x'; 600];

fn bench(criterion: &mut Criterion) {
    let runtime = runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime without I/O starts");
    bench_policy(criterion, &runtime, "synced", SyncPolicy::Always);
    let interval = SyncPolicy::Every(Duration::from_secs(1));
    bench_policy(criterion, &runtime, "written, synced each second", interval);
}

/// One caller pays for a whole group commit; 64 callers at once share it.
fn bench_policy(criterion: &mut Criterion, runtime: &Runtime, name: &str, sync: SyncPolicy) {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("the disk is writable");
    let spool = Spool::open(SpoolSettings {
        folder: folder.path().to_owned(),
        max_bytes: 1 << 30,
        segment_bytes: 16 << 20,
        sync,
        timeout: Duration::from_secs(60),
    })
    .expect("the spool opens");

    let mut group = criterion.benchmark_group(format!("spool append, {name}"));
    for n_callers in [1, 64] {
        group.throughput(Throughput::Elements(n_callers));
        group.bench_function(format!("{n_callers} at once"), |bencher| {
            bencher.iter_batched(
                || delete_durable_records(&spool),
                |()| {
                    let appends = (0..n_callers).map(|_| spool.append(&RECORD));
                    for result in runtime.block_on(join_all(appends)) {
                        result.expect("the record is recorded");
                    }
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
    spool.stop();
}

/// Keeps the spool below its limit. It is not measured.
fn delete_durable_records(spool: &Spool) {
    let durable_end = *spool.durable_end().borrow();
    spool.delete_through(durable_end);
}

criterion_group!(benches, bench);
criterion_main!(benches);
