//! Graphs that are more than a line: forks, several stages and sinks, side outputs, streams that meet again.

use crate::{Collected, system};
use potoroo_actors::element::Either;
use potoroo_actors::{Pipeline, SideTag, sink, source};
use proptest::prelude::*;
use std::num::NonZeroUsize;

fn sorted<T: Ord>(mut all: Vec<T>) -> Vec<T> {
    all.sort();
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn a_shared_stream_is_read_whole_by_each_reader(
        numbers in proptest::collection::vec(0_u64..1000, 0..2000),
        workers in 1_usize..4,
        partitions in 1_usize..5,
    ) {
        let system = system(workers);
        let (all, even, sums, met) =
            (Collected::new(), Collected::new(), Collected::<(u64, u64)>::new(), Collected::new());
        let pipeline = Pipeline::new();
        let made = numbers.clone();
        let shared = pipeline
            .source("numbers", source::generate(1, move |_| made.clone().into_iter()))
            .share("shared");
        shared.stream().sink("all", sink::each(all.taker()));
        shared.pick(|n| (n % 2 == 0).then_some(*n)).sink("even", sink::each(even.taker()));
        shared
            .pick(|n| Some(*n))
            .key_by(|n| n % 10)
            .partitions(NonZeroUsize::new(partitions).expect("at least one"))
            .entity("sums", |_| 0, |sum: &mut u64, n, out| {
                *sum += n;
                out.emit((n, *sum));
                Ok(())
            })
            .sink("sums", sink::each(sums.taker()));
        // A diamond: two ways from one producer into one stage.
        let odd = shared.pick(|n| (n % 2 == 1).then_some(*n));
        shared
            .pick(|n| (n % 2 == 0).then_some(*n))
            .merge(odd)
            .key_by(|n| *n)
            .entity("met", |_| (), |(), n, out| {
                out.emit(n);
                Ok(())
            })
            .sink("met", sink::each(met.taker()));
        pipeline.start(&system).wait().expect("the job ends");
        prop_assert_eq!(all.take(), numbers.clone());
        let expected: Vec<u64> = numbers.iter().copied().filter(|n| n % 2 == 0).collect();
        prop_assert_eq!(even.take(), expected);
        let mut so_far = [0; 10];
        let expected = numbers.iter().map(|n| {
            so_far[*n as usize % 10] += n;
            (*n, so_far[*n as usize % 10])
        });
        prop_assert_eq!(sorted(sums.take()), sorted(expected.collect()));
        prop_assert_eq!(sorted(met.take()), sorted(numbers));
    }

    #[test]
    fn forks_move_each_record_one_way(
        numbers in proptest::collection::vec(0_u64..1000, 0..2000),
        workers in 1_usize..4,
    ) {
        let system = system(workers);
        let (small, texts, of_three) = (Collected::new(), Collected::new(), Collected::<(usize, u64)>::new());
        let pipeline = Pipeline::new();
        let made = numbers.clone();
        let (left, right) = pipeline
            .source("numbers", source::generate(1, move |_| made.clone().into_iter()))
            .split("by size", |n| if n < 500 { Either::Left(n) } else { Either::Right(n.to_string()) });
        left.sink("small", sink::each(small.taker()));
        let ways: [_; 3] = right
            .inspect(|text| assert_eq!(text.len(), 3))
            .map(|text| text.parse::<u64>().expect("digits"))
            .branch("by rest", |n| (n % 3) as usize);
        for (index, way) in ways.into_iter().enumerate() {
            let taken = way.map(move |n| (index, n));
            if index == 1 {
                // One way more, through actors of its own.
                taken.rebalance("spread", NonZeroUsize::new(2).expect("two")).sink("one", sink::each(of_three.taker()));
            } else {
                taken.sink("others", sink::each(of_three.taker()));
            }
        }
        let made = numbers.clone();
        pipeline
            .source("again", source::generate(1, move |_| made.clone().into_iter()))
            .filter_map(|n| (n % 7 == 0).then(|| format!("{n} is a multiple")))
            .collect("together")
            .sink("texts", sink::each(texts.taker()));
        pipeline.start(&system).wait().expect("the job ends");
        let (below, above): (Vec<u64>, Vec<u64>) = numbers.iter().partition(|n| **n < 500);
        prop_assert_eq!(small.take(), below);
        let expected: Vec<_> = above.into_iter().map(|n| (n as usize % 3, n)).collect();
        prop_assert_eq!(sorted(of_three.take()), sorted(expected));
        let expected = numbers.iter().filter(|n| *n % 7 == 0).map(|n| format!("{n} is a multiple"));
        prop_assert_eq!(texts.take(), expected.collect::<Vec<_>>());
    }
}

static ODD: SideTag<String> = SideTag::new("odd");
static UNREAD: SideTag<u64> = SideTag::new("unread");

#[test]
fn side_outputs_carry_their_own_types_and_what_nobody_reads_is_counted() {
    let system = system(2);
    let (odd, even) = (Collected::new(), Collected::new());
    let pipeline = Pipeline::new();
    let stage = pipeline
        .source("numbers", source::generate(2, |_| 0..1000_u64))
        .key_by(|n| n % 7)
        .entity(
            "stage",
            |_| (),
            |(), n, out| {
                if n % 100 == 0 {
                    out.side(&UNREAD, n);
                }
                if n % 2 == 1 {
                    out.side(&ODD, n.to_string());
                } else {
                    out.emit(n);
                }
                Ok(())
            },
        );
    // A side output is a stream like any other: it may come back to a stage with the results.
    stage
        .side_output(&ODD)
        .key_by(|text: &String| text.len() as u64)
        .entity(
            "lengths",
            |_| (),
            |(), text, out| {
                out.emit(text);
                Ok(())
            },
        )
        .sink("odd", sink::each(odd.taker()));
    stage.sink("even", sink::each(even.taker()));
    let mut job = pipeline.start(&system);
    while job.wait_for(std::time::Duration::from_secs(1)).is_none() {}
    let twice = |n: u64| [n, n];
    assert_eq!(
        sorted(even.take()),
        (0..1000).step_by(2).flat_map(twice).collect::<Vec<_>>()
    );
    let texts = (1..1000).step_by(2).flat_map(twice).map(|n| n.to_string());
    assert_eq!(sorted(odd.take()), sorted(texts.collect()));
    assert_eq!(job.status().stage("stage").map(|stage| stage.records_dropped), Some(20));
}

#[test]
fn a_stage_that_nobody_takes_anything_of_is_not_deployed() {
    let system = system(1);
    let out = Collected::new();
    let pipeline = Pipeline::new();
    let shared = pipeline
        .source("numbers", source::generate(1, |_| 0..10_u64))
        .share("shared");
    drop(shared.stream().key_by(|n| *n).entity(
        "unused",
        |_| (),
        |(), n, out| {
            out.emit(n);
            Ok(())
        },
    ));
    shared.stream().sink("out", sink::each(out.taker()));
    let mut job = pipeline.start(&system);
    while job.wait_for(std::time::Duration::from_secs(1)).is_none() {}
    assert_eq!(out.take(), (0..10).collect::<Vec<_>>());
    assert_eq!(job.status().stage("unused"), None);
}

#[test]
fn the_graph_is_what_was_written() {
    let pipeline = Pipeline::new();
    let numbers = pipeline.source("numbers", source::generate(3, |_| 0..10_u64));
    let (low, high) = numbers
        .map(|n| n + 1)
        .split("halves", |n| if n < 5 { Either::Left(n) } else { Either::Right(n) });
    let stage = low
        .merge(high.filter(|n| n % 2 == 0))
        .key_by(|n| *n)
        .partitions(NonZeroUsize::new(4).expect("four"))
        .entity(
            "stage",
            |_| (),
            |(), n, out| {
                out.emit(n);
                Ok(())
            },
        );
    stage.side_output(&UNREAD).sink("rest", sink::each(|_| {}));
    stage.sink("out", sink::each(|_| {}));
    let graph = pipeline.graph();
    let expected = "source numbers ×3\n\
                    fork halves\n  <- numbers: map\n\
                    keyed stage ×4\n  <- halves: key_by\n  <- halves: filter, key_by\n\
                    sink rest\n  <- stage: [unread]\n\
                    sink out\n  <- stage\n";
    assert_eq!(graph.to_string(), expected);
    assert!(
        graph
            .to_dot()
            .contains("\"halves\" -> \"stage\" [label=\"filter, key_by\"];")
    );
    assert!(
        graph
            .to_json()
            .contains("{\"from\":2,\"to\":3,\"side\":\"unread\",\"steps\":[]}")
    );
}
