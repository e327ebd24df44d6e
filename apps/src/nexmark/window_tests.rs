//! The operators of windows against models that know everything beforehand: records of several sources, each in order, and out
//! of order among each other.

use super::super::hot::{Hot, HotKeys, PANES, SLIDE_MILLIS};
use super::{GAP_MILLIS, Sessions};
use potoroo_actors::element::{Routed, Timestamp};
use potoroo_actors::{NodeKind, Operator, Pipeline, sink, source, time};
use potoroo_runtime::System;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::sync::mpsc::channel;

/// A key and a time in milliseconds.
type Record = (u64, i64);

/// What two partitions of an operator make of the records of some sources, in order.
fn results<O>(sources: &[Vec<Record>], make: impl Fn() -> O + Send + Sync + 'static) -> Vec<O::Out>
where
    O: Operator<Routed<u64>>,
    O::Out: Ord,
{
    let system = System::builder().workers(1).build().unwrap();
    let (tell, told) = channel();
    let records = sources.to_vec();
    let pipeline = Pipeline::new();
    pipeline
        .source(
            "records",
            source::generate(records.len(), move |index| records[index].clone().into_iter()),
        )
        .timestamps(time::monotonic(|(_, millis): &Record| Timestamp::from_millis(*millis)))
        .map(|(key, _)| key)
        .key_by(|key| *key)
        .partitions(NonZeroUsize::new(2).unwrap())
        .operator("operator", NodeKind::Window, move |_| make())
        .sink("out", sink::each(move |result| tell.send(result).unwrap()));
    pipeline.start(&system).wait().unwrap();
    system.shutdown();
    let mut results: Vec<_> = told.into_iter().collect();
    results.sort();
    results
}

fn sources(millis_max: i64) -> impl Strategy<Value = Vec<Vec<Record>>> {
    let one = prop::collection::vec((0..4_u64, 0..millis_max), 0..30).prop_map(|mut records| {
        records.sort_by_key(|(_, millis)| *millis);
        records
    });
    prop::collection::vec(one, 1..4)
}

fn by_key(sources: &[Vec<Record>]) -> BTreeMap<u64, Vec<i64>> {
    let mut times: BTreeMap<u64, Vec<i64>> = BTreeMap::new();
    for (key, millis) in sources.iter().flatten() {
        times.entry(*key).or_default().push(*millis);
    }
    times.values_mut().for_each(|times| times.sort_unstable());
    times
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn sessions_end_where_nothing_comes_for_the_gap(sources in sources(12 * GAP_MILLIS)) {
        let mut expected = Vec::new();
        for (key, times) in by_key(&sources) {
            for session in times.chunk_by(|one, next| next - one < GAP_MILLIS) {
                expected.push((key, session.len() as u64));
            }
        }
        expected.sort_unstable();
        prop_assert_eq!(results(&sources, Sessions::default), expected);
    }

    #[test]
    fn each_window_knows_the_hottest_keys_of_each_partition(sources in sources(12 * SLIDE_MILLIS)) {
        let times = by_key(&sources);
        let width = PANES * SLIDE_MILLIS;
        let mut windows: BTreeMap<i64, BTreeMap<u64, u64>> = BTreeMap::new();
        for (key, times) in &times {
            for millis in times {
                let first_end = millis - millis.rem_euclid(SLIDE_MILLIS) + SLIDE_MILLIS;
                for end in (first_end..first_end + width).step_by(SLIDE_MILLIS as usize) {
                    *windows.entry(end).or_default().entry(*key).or_default() += 1;
                }
            }
        }
        let hot: BTreeSet<(i64, u64, u64)> = results(&sources, HotKeys::default)
            .into_iter()
            .map(|Hot { end, key, count }| (end.millis(), key, count))
            .collect();
        // Partitions say more than the hottest of all, and nothing that is wrong.
        for (end, counts) in &windows {
            let most = counts.values().max().unwrap();
            for (key, count) in counts.iter().filter(|(_, count)| *count == most) {
                prop_assert!(hot.contains(&(*end, *key, *count)), "{} came {} times before {}", key, count, end);
            }
        }
        for (end, key, count) in hot {
            prop_assert_eq!(windows[&end][&key], count);
        }
    }
}
