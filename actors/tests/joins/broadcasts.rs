//! Broadcasts: every partition hears everything in order; diamonds of bounded edges come to their end.

use crate::{Collected, at, count, sorted, system};
use potoroo_actors::element::Timestamp;
use potoroo_actors::join::{BroadcastProcess, after};
use potoroo_actors::runtime::{Fault, Turn};
use potoroo_actors::{KeyContext, Pipeline, Timer, sink, source, time};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::time::Duration;

/// Shows what each record finds of the broadcast, and what each key's partition has at the end.
#[derive(Clone)]
struct Show;

/// Whose, which, and what was known; no record at the end.
type Shown = (u64, Option<u64>, Vec<u32>);

impl BroadcastProcess<u64, u64, u32> for Show {
    type Shared = Vec<u32>;
    type State = ();
    type Out = Shown;

    fn shared(&mut self) -> Vec<u32> {
        Vec::new()
    }

    fn state(&mut self, _: &u64) {}

    fn on_broadcast(&mut self, heard: &mut Vec<u32>, record: u32, _: Timestamp) -> Turn {
        heard.push(record);
        Ok(())
    }

    fn on_record(&mut self, _: &mut (), n: u64, heard: &Vec<u32>, ctx: &mut KeyContext<'_, u64, Shown>) -> Turn {
        ctx.set_timer(Timestamp::MAX.before());
        ctx.emit((*ctx.key(), Some(n), heard.clone()));
        Ok(())
    }

    fn on_timer(&mut self, _: Timer, _: &mut (), heard: &Vec<u32>, ctx: &mut KeyContext<'_, u64, Shown>) -> Turn {
        ctx.emit((*ctx.key(), None, heard.clone()));
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn every_partition_hears_the_broadcast_in_order_and_whole(
        records in 0_u64..800,
        heard in 0_u32..120,
        workers in 1_usize..4,
        partitions in 1_usize..6,
    ) {
        const KEYS: u64 = 13;
        let system = system(workers);
        let out = Collected::new();
        let pipeline = Pipeline::new();
        let broadcast = pipeline.source("heard", source::generate(1, move |_| 0..heard)).broadcast();
        pipeline
            .source("records", source::generate(1, move |_| 0..records))
            .key_by(|n| n % KEYS)
            .partitions(count(partitions))
            .with_broadcast(broadcast)
            .process("show", Show)
            .sink("out", sink::each(out.taker()));
        pipeline.start(&system).wait().expect("the job ends");
        let mut by_key: BTreeMap<u64, Vec<(Option<u64>, Vec<u32>)>> = BTreeMap::new();
        for (key, n, known) in out.take() {
            by_key.entry(key).or_default().push((n, known));
        }
        prop_assert_eq!(by_key.len() as u64, records.min(KEYS));
        for (key, mut shown) in by_key {
            let last = shown.pop();
            prop_assert_eq!(last, Some((None, (0..heard).collect())));
            let of_key: Vec<u64> = (0..records).filter(|n| n % KEYS == key).collect();
            prop_assert_eq!(shown.iter().filter_map(|(n, _)| *n).collect::<Vec<_>>(), of_key);
            prop_assert!(shown.is_sorted_by_key(|(_, known)| known.len()));
            for (_, known) in shown {
                prop_assert_eq!(&known, &(0..known.len() as u32).collect::<Vec<_>>());
            }
        }
    }
}

#[test]
fn a_broadcast_handler_that_fails_ends_the_job() {
    let system = system(2);
    let pipeline = Pipeline::new();
    let broken = pipeline.source("broken", source::generate(1, |_| [1_u32, 2].into_iter()));
    pipeline
        .source("records", source::generate(1, |_| 0_u64..))
        .key_by(|n| n % 10)
        .with_broadcast(broken.broadcast())
        .entity(
            "stage",
            || (),
            |(), n| match n {
                2 => Err(Fault::new("two is too much")),
                _ => Ok(()),
            },
            |_| (),
            |(), n, (), out| {
                out.emit(n);
                Ok(())
            },
        )
        .sink("out", sink::each(|_| {}));
    let error = pipeline.start(&system).wait().expect_err("it fails").to_string();
    assert!(error.contains("stage") && error.contains("two is too much"), "{error}");
}

#[test]
fn the_graph_names_joins_and_broadcasts() {
    let pipeline = Pipeline::new();
    let rules = pipeline.source("rules", source::generate(1, |_| 0..3_u32));
    let numbers = pipeline.source("numbers", source::generate(1, |_| 0..3_u64));
    let shown = numbers
        .key_by(|n| *n)
        .with_broadcast(rules.broadcast())
        .process("show", Show);
    let others = pipeline.source("others", source::generate(1, |_| 0..3_u64));
    shown
        .key_by(|(key, ..)| *key)
        .join(others.key_by(|n| *n))
        .enrich()
        .left("join", |(key, ..), _| key)
        .sink("out", sink::each(|_| {}));
    let expected = "source rules ×1\nsource numbers ×1\n\
                    keyed show\n  <- numbers: key_by\n  <- rules: broadcast\n\
                    source others ×1\n\
                    join join\n  <- show: key_by\n  <- others: key_by\n\
                    sink out\n  <- join\n";
    assert_eq!(pipeline.graph().to_string(), expected);
}

/// More records than all edges have credits for, on two ways of which one is longer and gives more.
#[test]
fn b5_a_diamond_with_bounded_buffers_does_not_deadlock() {
    const RECORDS: u64 = 40_000;
    const COPIES: u64 = 3;
    for workers in 1..=2 {
        let system = system(workers);
        let (paired, valid) = (Collected::new(), Collected::new());
        let pipeline = Pipeline::new();
        let shared = pipeline
            .source("numbers", source::generate(1, |_| 0..RECORDS))
            .timestamps(time::monotonic(|n: &u64| at(*n as i64)))
            .share("shared");
        let long_way = |name: &str| {
            shared
                .stream()
                .flat_map(|n, each| (0..COPIES).for_each(|copy| each((n, copy))))
                .rebalance(name, count(2))
        };
        shared
            .stream()
            .key_by(|n| *n)
            .partitions(count(3))
            .join(long_way("first").key_by(|(n, _)| *n))
            .interval(after(Duration::ZERO), after(Duration::ZERO))
            .inner("pairs", |n, (_, copy)| (*n, *copy))
            .sink("paired", sink::each(paired.taker()));
        shared
            .stream()
            .key_by(|n| n % 10)
            .join(long_way("second").key_by(|(n, _)| n % 10))
            .as_of()
            .inner("valid", |n, (version, _)| (n, *version))
            .sink("valid", sink::each(valid.taker()));
        pipeline.start(&system).wait().expect("the job ends");
        let expected = (0..RECORDS).flat_map(|n| (0..COPIES).map(move |copy| (n, copy)));
        assert_eq!(sorted(paired.take()), expected.collect::<Vec<_>>());
        let expected = (0..RECORDS).map(|n| (n, n));
        assert_eq!(sorted(valid.take()), expected.collect::<Vec<_>>());
    }
}

/// Each record goes by key, and by the broadcast to every partition: the slowest of them holds the source.
#[test]
fn b5_a_diamond_with_a_broadcast_does_not_deadlock() {
    const RECORDS: u64 = 40_000;
    let system = system(2);
    let out = Collected::new();
    let pipeline = Pipeline::new();
    let shared = pipeline
        .source("numbers", source::generate(1, |_| 0..RECORDS))
        .share("shared");
    let broadcast = shared.stream().broadcast();
    shared
        .stream()
        .key_by(|n| n % 10)
        .partitions(count(4))
        .with_broadcast(broadcast)
        .entity(
            "sums",
            || 0_u64,
            |heard, n| {
                *heard += n;
                Ok(())
            },
            |_| (),
            |(), n, heard, out| {
                out.emit((n, *heard));
                Ok(())
            },
        )
        .sink("out", sink::each(out.taker()));
    let mut job = pipeline.start(&system);
    while job.wait_for(Duration::from_secs(1)).is_none() {}
    let records: Vec<u64> = sorted(out.take()).into_iter().map(|(n, _)| n).collect();
    assert_eq!(records, (0..RECORDS).collect::<Vec<_>>());
    // One copy of each record for its key, and one for each partition.
    assert_eq!(
        job.status().stage("sums").map(|stage| stage.records_in),
        Some(RECORDS * 5)
    );
}
