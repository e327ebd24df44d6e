//! Joins and broadcasts: results against naive models, what is kept and for how long, any order of turns.

mod bounds;
mod broadcasts;
mod intervals;
mod kept;
mod lookups;
mod models;
mod simulated;
mod windows;

use potoroo_actors::element::{ByKey, Either, Mark, Timestamp};
use potoroo_actors::runtime::System;
use potoroo_actors::source::Step;
use potoroo_actors::{Joining, Pipeline, Port, SideTag, Stream, sink, source};
use proptest::prelude::*;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A record: whose it is, and which.
type Record = (u8, u32);

/// A record of one of two sides.
type Side = Either<Record, Record>;

/// Both sides in one stream from one producer, so that their order is known.
type Sides = Joining<Record, Record, ByKey<fn(&Side) -> u8, u8>, Port<Side>>;

/// Which left record, and which right one.
type Pair = (Option<u32>, Option<u32>);

static LEFT: SideTag<Record> = SideTag::new("rejected left");
static RIGHT: SideTag<Record> = SideTag::new("rejected right");

fn at(nanos: i64) -> Timestamp {
    Timestamp::from_nanos(nanos)
}

fn span(nanos: u64) -> Duration {
    Duration::from_nanos(nanos)
}

fn count(n: usize) -> NonZeroUsize {
    NonZeroUsize::new(n).expect("at least one")
}

fn key_of(side: &Side) -> u8 {
    match side {
        Either::Left((key, _)) | Either::Right((key, _)) => *key,
    }
}

fn sorted<T: Ord>(mut all: Vec<T>) -> Vec<T> {
    all.sort();
    all
}

/// A system whose failures are the test's business and not the terminal's.
fn system(workers: usize) -> System {
    System::builder()
        .workers(workers)
        .on_failure(|_, _, _| {})
        .build()
        .expect("starts")
}

/// Collects what a sink is given.
struct Collected<T>(Arc<Mutex<Vec<T>>>);

impl<T: Send + 'static> Collected<T> {
    fn new() -> Self {
        Self(Arc::default())
    }

    /// A closure for `sink::each`.
    fn taker(&self) -> impl FnMut(T) + Send + use<T> {
        let all = self.0.clone();
        move |record| all.lock().expect("no panic").push(record)
    }

    fn take(&self) -> Vec<T> {
        std::mem::take(&mut *self.0.lock().expect("no panic"))
    }
}

/// What a job or a model gave.
#[derive(Debug, PartialEq, Eq)]
struct Outcome<O> {
    /// With their event times, sorted.
    given: Vec<(O, i64)>,
    left: Vec<Record>,
    right: Vec<Record>,
}

impl<O: Ord> Outcome<O> {
    fn new(given: Vec<(O, i64)>, left: Vec<Record>, right: Vec<Record>) -> Self {
        Self {
            given: sorted(given),
            left: sorted(left),
            right: sorted(right),
        }
    }
}

/// Runs a job of one join over these steps. Its stage is named `join`, and holds nothing at the end but what `left_over` says.
fn run<O: Ord + Send + 'static>(
    steps: &[Step<Side>],
    partitions: usize,
    left_over: u64,
    join: impl FnOnce(Sides) -> Stream<O>,
) -> Outcome<O> {
    let system = system(2);
    let (out, left, right) = (Collected::new(), Collected::new(), Collected::new());
    let steps = steps.to_vec();
    let pipeline = Pipeline::new();
    let sides = pipeline
        .source("steps", source::steps(1, move |_| steps.clone().into_iter()))
        .collect("in one line")
        .key_by(key_of as fn(&Side) -> u8)
        .partitions(count(partitions))
        .join_sides();
    let joined = join(sides);
    joined
        .side_output(&LEFT)
        .sink("rejected left", sink::each(left.taker()));
    joined
        .side_output(&RIGHT)
        .sink("rejected right", sink::each(right.taker()));
    joined
        .map_timed(|record, time| (record, time.nanos()))
        .sink("out", sink::each(out.taker()));
    let mut job = pipeline.start(&system);
    while job.wait_for(Duration::from_secs(1)).is_none() {}
    let status = job.status();
    let stage = status.stage("join").expect("a stage");
    assert_eq!((stage.keys, stage.records_dropped), (left_over, 0));
    Outcome::new(out.take(), left.take(), right.take())
}

/// Streams of some length: records of both sides in any order, watermarks that mean to go back, batches that end anywhere. Event
/// time goes on by about one a step, so that watermarks lie among the records.
fn streams() -> impl Strategy<Value = Vec<Step<Side>>> {
    let step = prop_oneof![
        6 => (0_u8..4, -30_i64..40).prop_map(|(key, time)| (Some(Either::Left(key)), time)),
        6 => (0_u8..4, -30_i64..40).prop_map(|(key, time)| (Some(Either::Right(key)), time)),
        3 => (-50_i64..20).prop_map(|time| (None, time)),
        1 => Just((None, i64::MAX)),
    ];
    proptest::collection::vec(step, 0..250).prop_map(|steps| {
        let steps = (0..).zip(steps);
        let stepped = steps.map(|(n, step)| match step {
            (Some(Either::Left(key)), time) => Step::At(at(i64::from(n) - 100 + time), Either::Left((key, n))),
            (Some(Either::Right(key)), time) => Step::At(at(i64::from(n) - 100 + time), Either::Right((key, n))),
            (None, i64::MAX) => Step::Turn,
            (None, time) => Step::Mark(Mark::Watermark(at(i64::from(n) - 100 + time))),
        });
        stepped.collect()
    })
}
