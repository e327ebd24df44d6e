//! The mailbox: its local side, and its inbox on one thread, between threads, and with many producers at once.
//!
//! Each measurement checks that what went in came out. The local side has no form outside of an actor, so it is measured
//! with one: a producer and a counter on one worker. What the inbox costs beside another queue: the program
//! `inbox_queues`.

use criterion::{BenchmarkId, Criterion, Throughput};
use potoroo_benches::queues::{BATCH, alone, crossing};
use potoroo_benches::{fan_in, system};
use potoroo_runtime::mailbox::Inbox;
use std::time::Duration;

/// Messages of one iteration.
const MESSAGES: u64 = 80 * BATCH;

fn mailbox(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("mailbox");
    group.throughput(Throughput::Elements(MESSAGES));
    let system = system(1);
    group.bench_function("local", |bencher| {
        bencher.iter_custom(|iterations| fan_in::run(&system, 1, iterations * MESSAGES).elapsed);
    });
    group.bench_function("inbox_on_one_thread", |bencher| {
        bencher.iter_custom(|iterations| alone::<Inbox<u64>>(iterations * MESSAGES));
    });
    for producers in [1, 2, 8] {
        group.bench_function(BenchmarkId::new("inbox_with_producers", producers), |bencher| {
            bencher.iter_custom(|iterations| crossing::<Inbox<u64>>(producers, iterations * MESSAGES));
        });
    }
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    mailbox(&mut criterion);
    criterion.final_summary();
}
