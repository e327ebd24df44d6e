//! Criterion's view of the workloads, with history: each at 1 and 2 workers.
//!
//! One measurement is one run of a multiple of [`PER_ITERATION`] messages (fewer where a message is heavier), timed by
//! the workload itself, so that setting up is not in it. It lacks the bare loop, which `compare` shows beside.

use criterion::{BenchmarkId, Criterion, Throughput};
use potoroo_benches::{ALL, MANY, system};
use std::time::Duration;

/// Messages of one iteration. Large enough that a run of one iteration (`--test`) is a run.
const PER_ITERATION: u64 = 10 * MANY;

fn messages(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("messages");
    for workload in ALL {
        let per_iteration = PER_ITERATION / workload.heavier;
        group.throughput(Throughput::Elements(per_iteration));
        for workers in [1_usize, 2] {
            let system = system(workers);
            group.bench_function(BenchmarkId::new(workload.name, workers), |bencher| {
                bencher.iter_custom(|iterations| {
                    let asked_for = iterations * per_iteration;
                    let outcome = (workload.run)(&system, asked_for.max(MANY));
                    // Some workloads come in lumps, and have a little more or less than asked for.
                    outcome.elapsed.mul_f64(asked_for as f64 / outcome.messages as f64)
                });
            });
        }
    }
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    messages(&mut criterion);
    criterion.final_summary();
}
