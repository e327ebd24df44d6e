//! Prints how long keys wait while their stage gets more or fewer partitions.
//!
//! `cargo run --release -p potoroo-benches --bin rescale [-- --quick]`. Counts by key on two workers: a million keys that all
//! have a state, records that come as fast as they are taken. The stage goes from one partition to four, to two, to four and
//! to one, over and over; a pause is what `Job::rescale` says of each key group that has moved. At the end all records are
//! accounted for.

use hdrhistogram::Histogram;
use potoroo_actors::{Pipeline, sink, source};
use potoroo_benches::system;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

const KEYS: u64 = 1_000_000;
const QUICK_KEYS: u64 = 10_000;
/// How often the partitions are changed.
const CHANGES: usize = 20;
const QUICK_CHANGES: usize = 4;
/// How long the job runs for a rate without changes.
const UNDISTURBED: Duration = Duration::from_secs(2);
const PARTITIONS: [usize; 4] = [4, 2, 4, 1];

fn main() {
    let quick = std::env::args().any(|word| word == "--quick");
    let (keys, changes) = if quick {
        (QUICK_KEYS, QUICK_CHANGES)
    } else {
        (KEYS, CHANGES)
    };
    let system = system(2);
    let (enough, counted) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let pipeline = Pipeline::new();
    let (stop, sum) = (enough.clone(), counted.clone());
    pipeline
        .source("records", {
            source::generate(1, move |_| {
                let stop = stop.clone();
                // Each key in turn, in an order in which neighbours are far apart.
                let records = (0_u64..).map(move |n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15) % keys);
                records.take_while(move |_| !stop.load(Ordering::Relaxed))
            })
        })
        .key_by(|key| *key)
        .partitions(NonZeroUsize::MIN)
        .partitions_max(NonZeroUsize::new(4).expect("not zero"))
        .entity(
            "counts",
            |_| 0_u64,
            |count, _, out| {
                *count += 1;
                out.emit(());
                Ok(())
            },
        )
        .sink(
            "counted",
            sink::each(move |()| {
                sum.fetch_add(1, Ordering::Relaxed);
            }),
        );
    let job = pipeline.start(&system);
    while job.status().stage("counts").is_none_or(|stage| stage.keys < keys / 2) {
        std::thread::sleep(Duration::from_millis(10));
    }
    let rate = |since: Instant, before: u64| {
        (counted.load(Ordering::Relaxed) - before) as f64 / since.elapsed().as_secs_f64() / 1e6
    };
    let (since, before) = (Instant::now(), counted.load(Ordering::Relaxed));
    std::thread::sleep(if quick { UNDISTURBED / 20 } else { UNDISTURBED });
    println!("without changes: {:.2} M records/s, {keys} keys", rate(since, before));

    let mut pauses: Histogram<u64> = Histogram::new(3).expect("3 digits are allowed");
    let (since, before) = (Instant::now(), counted.load(Ordering::Relaxed));
    for (at, partitions) in PARTITIONS.into_iter().cycle().take(changes).enumerate() {
        let began = Instant::now();
        let rescaled = job
            .rescale("counts", partitions)
            .wait()
            .expect("the job answers")
            .expect("can be done");
        eprintln!(
            "change {} of {changes}: to {partitions} partitions, {} groups in {:.1} ms",
            at + 1,
            rescaled.pauses.len(),
            began.elapsed().as_secs_f64() * 1e3
        );
        for (_, pause) in rescaled.pauses {
            pauses
                .record(u64::try_from(pause.as_nanos()).unwrap_or(u64::MAX))
                .expect("a histogram of u64");
        }
    }
    println!("while changing:  {:.2} M records/s", rate(since, before));
    let us = |quantile| pauses.value_at_quantile(quantile) as f64 / 1e3;
    println!(
        "{} moves of key groups; records of one could wait p50 {:.0} µs, p99 {:.0} µs, at most {:.0} µs",
        pauses.len(),
        us(0.5),
        us(0.99),
        us(1.0)
    );
    enough.store(true, Ordering::Relaxed);
    let mut job = job;
    while job.wait_for(Duration::from_secs(1)).is_none() {}
    let status = job.status();
    let (taken, given) = (
        status.stage("records").map(|s| s.records_out),
        counted.load(Ordering::Relaxed),
    );
    assert_eq!(taken, Some(given), "records were lost or came twice");
    println!("{given} records, all accounted for");
}
