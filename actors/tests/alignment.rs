//! W7: a fast source does not run away from a slow one, in any order of turns.

use potoroo_actors::element::{Mark, Timestamp};
use potoroo_actors::runtime::System;
use potoroo_actors::runtime::sim::{self, Sim};
use potoroo_actors::source::Step;
use potoroo_actors::{Pipeline, sink, source, time};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const DRIFT: i64 = 50;
/// A fast source says how far it is after so many records.
const STRIDE: i64 = 10;
const RECORDS: i64 = 1000;

/// A stage gets records of both and notes how far apart they are. The slow source makes one record a turn; with alignment the
/// fast one keeps within the drift and a stride, whoever gets more turns.
fn fast_and_slow(sim: &Sim, aligned: bool) -> i64 {
    let (slow_at, apart, seen) = (
        Arc::new(AtomicI64::new(0)),
        Arc::new(AtomicI64::new(0)),
        Arc::new(AtomicU64::new(0)),
    );
    let node = sim.node("both");
    let (noted_at, noted, counted) = (slow_at.clone(), apart.clone(), seen.clone());
    node.start(move || {
        let system = System::builder().workers(2).pin(false).build().expect("starts");
        let pipeline = Pipeline::new();
        let together = time::Alignment::new(Duration::from_nanos(if aligned { DRIFT as u64 } else { u64::MAX / 4 }));
        let at = Timestamp::from_nanos;
        // Each source says where it is when it makes a record.
        let (slow_makes, fast_makes) = (noted_at.clone(), (noted_at.clone(), noted.clone()));
        let slow = pipeline.source(
            "slow",
            source::steps(1, move |_| {
                let makes = slow_makes.clone();
                (1..=RECORDS).flat_map(move |n| {
                    makes.store(n, Ordering::Relaxed);
                    [Step::At(at(n), n), Step::Mark(Mark::Watermark(at(n))), Step::Turn]
                })
            }),
        );
        let fast = pipeline.source(
            "fast",
            source::steps(1, move |_| {
                let (slow, apart) = fast_makes.clone();
                (1..=RECORDS).flat_map(move |n| {
                    apart.fetch_max(n - slow.load(Ordering::Relaxed), Ordering::Relaxed);
                    let is_stride = n % STRIDE == 0;
                    let said = is_stride.then_some([Step::Mark(Mark::Watermark(at(n))), Step::Turn]);
                    [Step::At(at(n), n)].into_iter().chain(said.into_iter().flatten())
                })
            }),
        );
        let counted = counted.clone();
        fast.align(&together)
            .merge(slow.align(&together))
            .key_by(|n| n % 3)
            .entity(
                "joined",
                |_| (),
                |(), n, out| {
                    out.emit(n);
                    Ok(())
                },
            )
            .sink(
                "out",
                sink::each(move |_| {
                    counted.fetch_add(1, Ordering::Relaxed);
                }),
            );
        drop(pipeline.start(&system));
        system
    });
    sim.advance(Duration::from_secs(10));
    assert_eq!(
        seen.load(Ordering::Relaxed),
        2 * RECORDS as u64,
        "somebody waits for ever"
    );
    apart.load(Ordering::Relaxed)
}

#[test]
fn w7_a_fast_source_keeps_within_the_drift_of_a_slow_one() {
    sim::explore(|sim: &Sim| {
        let apart = fast_and_slow(sim, true);
        // What the slow one has made and not yet said is one record.
        assert!(apart <= DRIFT + STRIDE + 1, "{apart} apart");
    })
    .random(60)
    .run();
}

#[test]
fn w7_without_alignment_it_would_run_away() {
    let most = Arc::new(Mutex::new(0));
    let seen = most.clone();
    sim::explore(move |sim: &Sim| {
        let apart = fast_and_slow(sim, false);
        let mut most = seen.lock().expect("no panic");
        *most = apart.max(*most);
    })
    .random(5)
    .run();
    assert!(
        *most.lock().expect("no panic") > 2 * DRIFT,
        "the sources kept together by themselves"
    );
}

#[test]
fn w7_a_source_that_is_idle_or_has_ended_holds_nobody() {
    let system = System::builder().workers(2).build().expect("starts");
    let at = Timestamp::from_nanos;
    let pipeline = Pipeline::new();
    let together = time::Alignment::new(Duration::from_nanos(5));
    let marks = move |n: i64| [Step::At(at(n), n), Step::Mark(Mark::Watermark(at(n)))];
    let going = pipeline.source("going", source::steps(1, move |_| (0..5000).flat_map(marks)));
    let idle = pipeline.source(
        "idle",
        source::steps(1, move |_| {
            marks(1).into_iter().chain([Step::Mark(Mark::Idle), Step::Turn])
        }),
    );
    let ending = pipeline.source("ending", source::steps(1, move |_| marks(7).into_iter()));
    going
        .align(&together)
        .merge(idle.align(&together))
        .merge(ending.align(&together))
        .sink("out", sink::each(|_| {}));
    let mut job = pipeline.start(&system);
    while job.wait_for(Duration::from_secs(1)).is_none() {}
    assert_eq!(job.status().stage("out").map(|stage| stage.records_in), Some(5002));
}
