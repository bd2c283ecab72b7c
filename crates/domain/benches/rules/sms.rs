//! Measuring a text as an SMS. Rendering does it for each message.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use domain::sms;

const GSM_7_TEXT: &str = "Hi Ada, your order is on its way: https://yourdomain.com/Jutb2QZ \
    Reply STOP to end. Msg & data rates may apply. [Waypost] {10% off}";

pub fn bench(criterion: &mut Criterion) {
    let ucs_2_text = format!("{GSM_7_TEXT} \u{1f389}");
    let mut group = criterion.benchmark_group("sms");
    for (name, text) in [
        ("GSM-7, one segment", GSM_7_TEXT),
        ("GSM-7, several segments", &GSM_7_TEXT.repeat(4)),
        ("UCS-2, several segments", &ucs_2_text),
    ] {
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| sms::measure(black_box(text)));
        });
    }
    group.finish();
}
