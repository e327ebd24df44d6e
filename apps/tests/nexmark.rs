//! Nexmark's queries on the engine give what the loops without an engine give, whatever the workers, sources and partitions.

use potoroo::nexmark::generate::Made;
use potoroo::nexmark::total::Total;
use potoroo::nexmark::{Query, bare, start};
use potoroo_runtime::System;
use std::num::NonZeroUsize;
use std::sync::LazyLock;

/// Twenty-five seconds of event time: two windows of ten seconds and a half, a dozen sliding ones, sessions that end.
const EVENTS: u64 = 250_000;

/// Made once for each number of sources that the tests use.
static MADE: LazyLock<[Made; 3]> = LazyLock::new(|| [1, 2, 3].map(|sources| Made::new(EVENTS, sources, true)));

fn loop_total(query: Query) -> Total {
    bare::run(query, MADE[0].copy().into_iter().flatten())
}

fn engine_total(query: Query, workers: usize, sources: usize, partitions: usize) -> Total {
    let system = System::builder().workers(workers).build().unwrap();
    let partitions = NonZeroUsize::new(partitions).unwrap();
    let (job, total) = start(query, &system, MADE[sources - 1].copy(), partitions);
    job.wait().unwrap();
    system.shutdown();
    total.get()
}

#[test]
fn every_query_gives_what_its_loop_gives() {
    for query in Query::ALL {
        let expected = loop_total(query);
        assert!(expected.out > 0, "{query:?} has nothing to say");
        for (workers, sources, partitions) in [(1, 1, 1), (1, 1, 3), (2, 2, 2), (2, 3, 5)] {
            if query.is_determined(sources, partitions) {
                let total = engine_total(query, workers, sources, partitions);
                assert_eq!(
                    total, expected,
                    "{query:?} on {workers} workers, {sources} sources, {partitions} partitions"
                );
            }
        }
    }
}

#[test]
fn the_averages_of_query_4_change_as_often_whatever_the_partitions() {
    let expected = loop_total(Query::Q4).out;
    for (workers, partitions) in [(1, 3), (2, 2), (2, 5)] {
        assert_eq!(engine_total(Query::Q4, workers, 1, partitions).out, expected);
    }
}

#[test]
fn sources_share_the_same_events() {
    let mut one: Vec<_> = MADE[0].copy().into_iter().flatten().collect();
    let mut three: Vec<_> = MADE[2].copy().into_iter().flatten().collect();
    assert_eq!(one.len() as u64, EVENTS);
    assert!(one.is_sorted_by_key(|event| event.millis()));
    // Within a millisecond the order is any.
    one.sort_by_cached_key(|event| format!("{event:?}"));
    three.sort_by_cached_key(|event| format!("{event:?}"));
    assert!(one == three);
}
