//! Aggregates that begin before the exchange: the same results, wherever batches are cut, and fewer records on the way.

use crate::{Collected, at, finish, system, watermark};
use potoroo_actors::source::Step;
use potoroo_actors::window::{Panes, Windowed, count, max, records, sliding, sum, tumbling};
use potoroo_actors::{Branch, Pipeline, Stream, sink, source};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::time::Duration;

type Record = (u8, i64);

#[derive(Clone, Copy, Debug)]
enum Told {
    /// A key, and so long before or after the watermark.
    Record(u8, i64),
    Watermark(i64),
    Turn,
}

fn told() -> impl Strategy<Value = Vec<Told>> {
    let one = prop_oneof![
        12 => (0..6_u8, -15..30_i64).prop_map(|(key, after)| Told::Record(key, after)),
        2 => (0..12_i64).prop_map(Told::Watermark),
        2 => Just(Told::Turn),
    ];
    prop::collection::vec(one, 0..200)
}

/// The steps of a source; each record knows its place.
fn steps(told: &[Told]) -> Vec<Step<Record>> {
    let mut reached = 100;
    let steps = told.iter().zip(0..).map(|(told, number)| match *told {
        Told::Record(key, after) => Step::At(at(reached + after), (key, number)),
        Told::Watermark(later) => {
            reached += later;
            watermark(reached)
        }
        Told::Turn => Step::Turn,
    });
    steps.collect()
}

/// Windows of all records of each key, with pre-aggregation and without, and how many came late. The list of records also tells
/// their order.
fn windows<W: Panes>(told: &[Told], windows: W, keys_max: Option<usize>, instances: usize) -> (Vec<String>, u64) {
    let system = system(2);
    let out = Collected::new();
    let pipeline = Pipeline::new();
    let steps = steps(told);
    let keyed = pipeline
        .source("steps", source::steps(instances, move |_| steps.clone().into_iter()))
        .key_by(|(key, _): &Record| *key);
    let aggregate = ((count(), sum(|(_, number): &Record| *number)), records());
    type Out = ((u64, i64), Vec<Record>);
    let results: Stream<Windowed<u8, Out>> = match keys_max.and_then(NonZeroUsize::new) {
        Some(keys) => keyed
            .pre_aggregate(aggregate)
            .keys_max(keys)
            .window(windows)
            .aggregate("windows"),
        None => keyed.window(windows).aggregate("windows", aggregate),
    };
    results.sink("out", sink::each(out.taker()));
    let (outcome, status) = finish(pipeline.start(&system));
    assert_eq!(outcome, Ok(()));
    let several = instances > 1;
    let shown = out.take().into_iter().map(|mut result| {
        if several {
            // Between two producers there is no order.
            result.value.1.sort_unstable();
        }
        format!("{result:?}")
    });
    let mut shown: Vec<_> = shown.collect();
    shown.sort_unstable();
    (shown, status.stage("windows").map_or(0, |stage| stage.records_dropped))
}

/// The last total of each key.
fn totals<B: Branch<Record>>(records: Stream<Record, B>, keys_max: usize) -> Stream<(u8, (u64, Option<i64>))> {
    records
        .key_by(|(key, _)| *key)
        .pre_aggregate((count(), max(|(_, number): &Record| *number)))
        .keys_max(NonZeroUsize::new(keys_max).expect("at least one"))
        .totals("totals")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Late records are late in any case, records keep their order, and no window misses one.
    #[test]
    fn windows_are_the_same_with_pre_aggregation(
        told in told(), keys_max in 1..9_usize, size in 1..20_i64, slide in 1..20_i64, offset in 0..20_u64,
    ) {
        let duration = |nanos: i64| Duration::from_nanos(nanos.unsigned_abs());
        let offset = Duration::from_nanos(offset);
        let side_by_side = tumbling(duration(size)).offset(offset);
        let (expected, late) = windows(&told, side_by_side, None, 1);
        let (seen, late_parts) = windows(&told, side_by_side, Some(keys_max), 1);
        prop_assert_eq!(&seen, &expected);
        prop_assert!(late_parts <= late && (late_parts > 0) == (late > 0));
        let overlapping = sliding(duration(size), duration(slide.min(size))).offset(offset);
        prop_assert_eq!(windows(&told, overlapping, Some(keys_max), 1).0, windows(&told, overlapping, None, 1).0);
    }

    #[test]
    fn windows_of_several_producers_are_the_same_where_nothing_is_late(
        mut told in told(), keys_max in 1..9_usize, size in 1..20_i64,
    ) {
        // What is late depends on who is faster.
        for told in &mut told {
            if let Told::Record(_, after) = told {
                *after = after.abs();
            }
        }
        let side_by_side = tumbling(Duration::from_nanos(size.unsigned_abs()));
        prop_assert_eq!(windows(&told, side_by_side, Some(keys_max), 3), windows(&told, side_by_side, None, 3));
    }

    #[test]
    fn the_last_total_of_a_key_is_that_of_all_its_records(told in told(), keys_max in 1..9_usize, instances in 1..4_usize) {
        let steps = steps(&told);
        let mut expected: BTreeMap<u8, (u64, Option<i64>)> = BTreeMap::new();
        for step in &steps {
            if let Step::At(_, (key, number)) = step {
                let (count, most) = expected.entry(*key).or_default();
                *count += instances as u64;
                *most = Some(*number);
            }
        }
        let system = system(2);
        let out = Collected::new();
        let pipeline = Pipeline::new();
        let records = pipeline.source("steps", source::steps(instances, move |_| steps.clone().into_iter()));
        totals(records, keys_max).sink("out", sink::each(out.taker()));
        let (outcome, _) = finish(pipeline.start(&system));
        prop_assert_eq!(outcome, Ok(()));
        let mut seen: BTreeMap<u8, (u64, Option<i64>)> = BTreeMap::new();
        for (key, total) in out.take() {
            let before = seen.insert(key, total);
            prop_assert!(before.is_none_or(|before| before.0 < total.0 && before.1 <= total.1));
        }
        prop_assert_eq!(seen, expected);
    }
}

#[test]
fn few_parts_cross_the_exchange() {
    const RECORDS: i64 = 100_000;
    let parts = |keys_max| {
        let system = system(2);
        let pipeline = Pipeline::new();
        let records = pipeline.source(
            "records",
            source::generate(2, |_| (0..RECORDS).map(|n| ((n % 4) as u8, n))),
        );
        totals(records, keys_max).sink("out", sink::each(|_| {}));
        let (outcome, status) = finish(pipeline.start(&system));
        assert_eq!(outcome, Ok(()));
        status.stage("totals").map_or(0, |stage| stage.records_in)
    };
    // A turn of this source makes at least 64 records before it looks whether there is room.
    let few = parts(4);
    assert!(few <= 2 * RECORDS as u64 / 64 * 4 + 8, "{few} parts");
    // With room for one key, each record is of another than the one before.
    assert_eq!(parts(1), 2 * RECORDS as u64);
}
