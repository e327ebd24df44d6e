//! Results are a function of the input: against a map and a loop, for any number of workers and partitions.

use crate::{Collected, system};
use potoroo_actors::{Pipeline, sink, source};
use proptest::prelude::*;
use std::collections::HashMap;
use std::num::NonZeroUsize;

/// Running sums per key, computed by a pipeline: (key, sum after each record).
fn running_sums(records: &[(u16, u64)], workers: usize, partitions: usize, instances: usize) -> Vec<(u16, u64)> {
    let system = system(workers);
    let out = Collected::new();
    let pipeline = Pipeline::new();
    let records = records.to_vec();
    pipeline
        .source(
            "records",
            source::generate(instances, move |instance| {
                // Each key comes from one instance, so that its order is that of the input.
                let share: Vec<_> = records
                    .iter()
                    .copied()
                    .filter(|(key, _)| usize::from(*key) % instances == instance)
                    .collect();
                share.into_iter()
            }),
        )
        .key_by(|(key, _): &(u16, u64)| *key)
        .partitions(NonZeroUsize::new(partitions).expect("at least one"))
        .entity(
            "sums",
            |_| 0_u64,
            |sum: &mut u64, (key, n), out| {
                *sum += n;
                out.emit((key, *sum));
                Ok(())
            },
        )
        .sink("out", sink::each(out.taker()));
    pipeline.start(&system).wait().expect("the job ends");
    out.take()
}

fn by_key(records: impl IntoIterator<Item = (u16, u64)>) -> HashMap<u16, Vec<u64>> {
    let mut all: HashMap<u16, Vec<u64>> = HashMap::new();
    for (key, value) in records {
        all.entry(key).or_default().push(value);
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn keyed_sums_are_those_of_a_loop(
        records in proptest::collection::vec((0_u16..50, 0_u64..1000), 0..3000),
        workers in 1_usize..4,
        partitions in 1_usize..9,
        instances in 1_usize..4,
    ) {
        let mut sums: HashMap<u16, u64> = HashMap::new();
        let expected = by_key(records.iter().map(|(key, n)| {
            let sum = sums.entry(*key).or_default();
            *sum += n;
            (*key, *sum)
        }));
        prop_assert_eq!(by_key(running_sums(&records, workers, partitions, instances)), expected);
    }
}

#[test]
fn fused_steps_do_what_iterators_do() {
    let system = system(2);
    let out = Collected::new();
    let pipeline = Pipeline::new();
    pipeline
        .source("numbers", source::generate(1, |_| 0..10_000_u64))
        .map(|n| n * 3)
        .filter(|n| n % 2 == 0)
        .flat_map(|n, each| {
            each(n);
            if n % 5 == 0 {
                each(n + 1);
            }
        })
        .sink("out", sink::each(out.taker()));
    pipeline.start(&system).wait().expect("the job ends");
    let expected: Vec<u64> = (0..10_000)
        .map(|n| n * 3)
        .filter(|n| n % 2 == 0)
        .flat_map(|n| std::iter::once(n).chain((n % 5 == 0).then_some(n + 1)))
        .collect();
    assert_eq!(out.take(), expected, "one producer and one sink: in order");
}

#[test]
fn two_stages_of_state_and_a_merge() {
    let system = system(3);
    let out = Collected::new();
    let pipeline = Pipeline::new();
    let odd = pipeline.source("odd", source::generate(1, |_| (1..2000_u64).step_by(2)));
    pipeline
        .source("even", source::generate(1, |_| (0..2000_u64).step_by(2)))
        .merge(odd)
        .key_by(|n| n % 100)
        .entity(
            "counts",
            |_| 0_u64,
            |count: &mut u64, n, out| {
                *count += 1;
                out.emit((n % 100, *count));
                Ok(())
            },
        )
        // Every key of the first stage ends at 20, and only then reaches the second.
        .filter(|(_, count)| *count == 20)
        .key_by(|_| ())
        .entity(
            "total",
            |()| 0_u64,
            |total: &mut u64, (_, count), out| {
                *total += count;
                out.emit(*total);
                Ok(())
            },
        )
        .sink("out", sink::each(out.taker()));
    pipeline.start(&system).wait().expect("the job ends");
    assert_eq!(out.take(), (1..=100).map(|n| n * 20).collect::<Vec<_>>());
}
