//! Windows against naive models: random streams, out of order and late, cut into batches anywhere.

use crate::window_models::{Given, LATE, Outcome, Record, Said, aligned_model, at, session_model, span};
use crate::{Collected, system};
use potoroo_actors::element::Mark;
use potoroo_actors::source::Step;
use potoroo_actors::window::{
    Firing, Late, Span, Windowed, Windows, by_count, fold, global, records, session, sliding, tumbling,
};
use potoroo_actors::{Pipeline, sink, source};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::num::{NonZeroU64, NonZeroUsize};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Runs a job of windows over these steps.
fn run(steps: &[Step<Record>], windows: impl Windows, said: Said) -> Outcome {
    let system = system(2);
    let (out, late) = (Collected::new(), Collected::new());
    let steps = steps.to_vec();
    let pipeline = Pipeline::new();
    let windowed = pipeline
        .source("steps", source::steps(1, move |_| steps.clone().into_iter()))
        .key_by(|(key, _): &Record| *key)
        .partitions(NonZeroUsize::new(said.partitions).expect("at least one"))
        .window(windows)
        .lateness(span(said.lateness))
        .late(said.late);
    let windowed = match said.early.and_then(NonZeroU64::new) {
        Some(every) => windowed.early_every(every),
        None => windowed,
    };
    let results = windowed.aggregate("windows", records());
    results.side_output(&LATE).sink("late", sink::each(late.taker()));
    results.sink("out", sink::each(out.taker()));
    let mut job = pipeline.start(&system);
    while job.wait_for(Duration::from_secs(1)).is_none() {}
    let mut outcome = Outcome {
        late: late.take(),
        dropped: job.status().stage("windows").expect("a stage").records_dropped,
        ..Outcome::default()
    };
    outcome.late.sort_unstable();
    for Windowed {
        key,
        span,
        value,
        firing,
    } in out.take()
    {
        let ids = value.into_iter().map(|(_, id): Record| id);
        outcome.give(key, (span.start.nanos(), span.end.nanos()), firing, ids);
    }
    outcome
}

/// Streams of some length: records in any order, watermarks that mean to go back, batches that end anywhere. Event time goes on
/// by about one a step, so that watermarks lie among the records.
fn streams() -> impl Strategy<Value = Vec<Step<Record>>> {
    let step = prop_oneof![
        12 => (0_u8..4, -40_i64..40).prop_map(|(key, time)| (Some(key), time)),
        3 => (-60_i64..20).prop_map(|time| (None, time)),
        1 => Just((None, i64::MAX)),
    ];
    proptest::collection::vec(step, 0..300).prop_map(|steps| {
        let steps = (0..).zip(steps);
        let stepped = steps.map(|(n, step)| match step {
            (Some(key), time) => Step::At(at(i64::from(n) - 100 + time), (key, n)),
            (None, i64::MAX) => Step::Turn,
            (None, time) => Step::Mark(Mark::Watermark(at(i64::from(n) - 100 + time))),
        });
        stepped.collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn tumbling_windows_are_those_of_the_model(
        steps in streams(),
        size in 1_u64..40,
        offset in 0_u64..40,
        lateness in prop_oneof![Just(0_u64), 1_u64..50],
        early in proptest::option::of(1_u64..4),
        partitions in 1_usize..4,
    ) {
        let said = Said { lateness, early, partitions, ..Said::nothing() };
        let windows = tumbling(span(size)).offset(span(offset));
        let model = aligned_model(&steps, size as i64, size as i64, offset as i64, said);
        prop_assert_eq!(run(&steps, windows, said), model);
    }

    #[test]
    fn sliding_windows_are_those_of_the_model(
        steps in streams(),
        slide in 1_u64..12,
        more in 0_u64..40,
        offset in 0_u64..40,
        lateness in prop_oneof![Just(0_u64), 1_u64..50],
        partitions in 1_usize..4,
    ) {
        let said = Said { lateness, partitions, ..Said::nothing() };
        let size = slide + more;
        let windows = sliding(span(size), span(slide)).offset(span(offset));
        let model = aligned_model(&steps, size as i64, slide as i64, offset as i64, said);
        prop_assert_eq!(run(&steps, windows, said), model);
    }

    #[test]
    fn sessions_are_those_of_the_model(
        steps in streams(),
        gap in 1_u64..30,
        lateness in prop_oneof![Just(0_u64), 1_u64..50],
        partitions in 1_usize..4,
    ) {
        let said = Said { lateness, partitions, ..Said::nothing() };
        prop_assert_eq!(run(&steps, session(span(gap)), said), session_model(&steps, gap as i64, said));
    }

    #[test]
    fn counted_windows_are_chunks(
        steps in streams(),
        size in 1_u64..7,
        partitions in 1_usize..4,
    ) {
        let said = Said { partitions, ..Said::nothing() };
        let mut by_key: BTreeMap<u8, Vec<u32>> = BTreeMap::new();
        for step in &steps {
            if let Step::At(_, (key, id)) = step {
                by_key.entry(*key).or_default().push(*id);
            }
        }
        let chunks = |ids: Vec<u32>| ids.chunks(size as usize).map(<[u32]>::to_vec).collect();
        let expected: BTreeMap<u8, Vec<Vec<u32>>> = by_key.into_iter().map(|(key, ids)| (key, chunks(ids))).collect();
        let given = run(&steps, by_count(NonZeroU64::new(size).expect("at least one")), said).given;
        let ids = |given: Vec<Given>| given.into_iter().map(|(.., ids)| ids).collect();
        let found: BTreeMap<u8, Vec<Vec<u32>>> = given.into_iter().map(|(key, all)| (key, ids(all))).collect();
        prop_assert_eq!(found, expected);
    }
}

fn record(time: i64, id: u32) -> Step<Record> {
    Step::At(at(time), (1, id))
}

fn watermark(time: i64) -> Step<Record> {
    Step::Mark(Mark::Watermark(at(time)))
}

fn lateness(lateness: u64) -> Said {
    Said {
        lateness,
        ..Said::nothing()
    }
}

#[test]
fn t5_a_window_is_late_when_its_end_and_the_lateness_are_not_after_the_watermark() {
    for (allowed, gone) in [(14, false), (15, true)] {
        let steps = [record(3, 1), watermark(allowed), record(4, 2)];
        let outcome = run(&steps, tumbling(span(10)), lateness(5));
        let expected: &[Record] = if gone { &[(1, 2)] } else { &[] };
        assert_eq!(outcome.late, expected, "a watermark of {allowed}");
    }
    let steps = [record(9, 1), watermark(10), record(9, 2), watermark(9), record(10, 3)];
    let outcome = run(&steps, tumbling(span(10)), lateness(0));
    assert_eq!(outcome.late, [(1, 2)]);
    let expected = [(0, 10, Firing::OnTime, vec![1]), (10, 20, Firing::OnTime, vec![3])];
    assert_eq!(outcome.given[&1], expected);
}

#[test]
fn s1_a_bridge_makes_one_session_of_two_and_nothing_is_left_of_them() {
    let steps = [
        record(0, 1),
        record(15, 2),
        watermark(5),
        record(8, 3),
        watermark(24),
        watermark(25),
        watermark(100),
    ];
    let outcome = run(&steps, session(span(10)), lateness(0));
    assert_eq!(outcome.given[&1], [(0, 25, Firing::OnTime, vec![1, 2, 3])]);
}

#[test]
fn s2_a_late_bridge_into_a_session_that_is_not_late_counts() {
    let steps = [
        record(15, 1),
        watermark(14),
        record(3, 2),
        record(8, 3),
        record(3, 4),
        watermark(99),
    ];
    let outcome = run(&steps, session(span(10)), lateness(0));
    assert_eq!(outcome.late, [(1, 2)], "its own session would have ended at 13");
    assert_eq!(outcome.given[&1], [(3, 25, Firing::OnTime, vec![1, 3, 4])]);
}

#[test]
fn s3_a_merge_with_a_session_that_was_told_takes_it_back() {
    let steps = [
        record(0, 1),
        record(18, 2),
        record(36, 3),
        watermark(30),
        record(9, 4),
        record(27, 5),
        watermark(99),
    ];
    let outcome = run(&steps, session(span(10)), lateness(50));
    let expected = [
        (0, 10, Firing::OnTime, vec![1]),
        (18, 28, Firing::OnTime, vec![2]),
        (0, 10, Firing::Retracted, vec![1]),
        (18, 28, Firing::Retracted, vec![2]),
        (0, 28, Firing::Late, vec![1, 2, 4]),
        (0, 28, Firing::Retracted, vec![1, 2, 4]),
        (0, 46, Firing::OnTime, vec![1, 2, 3, 4, 5]),
    ];
    assert_eq!(outcome.given[&1], expected);
}

#[test]
fn s4_a_result_never_ends_after_the_watermark_that_completes_it() {
    let steps = [
        record(0, 1),
        watermark(9),
        record(9, 2),
        watermark(18),
        record(18, 3),
        watermark(27),
        watermark(28),
    ];
    let outcome = run(&steps, session(span(10)), lateness(0));
    assert_eq!(outcome.given[&1], [(0, 28, Firing::OnTime, vec![1, 2, 3])]);
}

#[test]
fn s5_after_a_session_was_given_and_forgotten_a_new_one_begins() {
    let steps = [record(0, 1), watermark(10), record(10, 2), record(5, 3), watermark(99)];
    let outcome = run(&steps, session(span(10)), lateness(0));
    let expected = [(0, 10, Firing::OnTime, vec![1]), (5, 20, Firing::OnTime, vec![2, 3])];
    assert_eq!(outcome.given[&1], expected);
}

/// How many combinations sliding windows of this overlap take, for a record in each pane.
fn combinations(overlap: u64) -> (u64, u64) {
    const PANES: u64 = 20_000;
    let system = system(1);
    let (combined, results) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let (counted, given) = (combined.clone(), results.clone());
    let pipeline = Pipeline::new();
    pipeline
        .source(
            "steps",
            source::steps(1, |_| {
                let step = |n| [Step::At(at(n), n as u64), Step::Mark(Mark::Watermark(at(n)))];
                (0..PANES as i64).flat_map(step)
            }),
        )
        .key_by(|_| ())
        .window(sliding(span(overlap), span(1)))
        .aggregate(
            "largest",
            fold(
                0,
                |largest: &mut u64, n: u64| *largest = n.max(*largest),
                move |largest: &mut u64, later: &u64| {
                    counted.fetch_add(1, Ordering::Relaxed);
                    *largest = *later.max(largest);
                },
            ),
        )
        .sink(
            "out",
            sink::each(move |result: Windowed<(), u64>| {
                let last = (result.span.end.nanos() as u64 - 1).min(PANES - 1);
                assert_eq!(result.value, last);
                given.fetch_add(1, Ordering::Relaxed);
            }),
        );
    pipeline.start(&system).wait().expect("the job ends");
    (combined.load(Ordering::Relaxed), results.load(Ordering::Relaxed))
}

#[test]
fn s6_sliding_windows_cost_the_same_whatever_the_overlap() {
    for overlap in [2, 10, 1000] {
        let (combined, results) = combinations(overlap);
        assert_eq!(results, 20_000 + overlap - 1);
        assert!(
            combined <= 6 * results,
            "{combined} combinations for {results} results of {overlap} panes"
        );
    }
}

#[test]
fn s7_windows_by_count_and_of_everything_tell_what_is_left_at_the_end() {
    let steps: Vec<Step<Record>> = (0..7).map(|n| record(i64::from(n), n)).collect();
    let outcome = run(&steps, by_count(NonZeroU64::new(3).expect("three")), lateness(0));
    let expected = [
        (0, 3, Firing::OnTime, vec![0, 1, 2]),
        (3, 6, Firing::OnTime, vec![3, 4, 5]),
        (6, 7, Firing::OnTime, vec![6]),
    ];
    assert_eq!(outcome.given[&1], expected);
    let said = Said {
        early: Some(4),
        ..Said::nothing()
    };
    let outcome = run(&steps, global(), said);
    let expected = [
        (0, 4, Firing::Early, vec![0, 1, 2, 3]),
        (0, 7, Firing::OnTime, vec![0, 1, 2, 3, 4, 5, 6]),
    ];
    assert_eq!(outcome.given[&1], expected);
}

#[test]
fn s8_windows_at_the_ends_of_time_and_before_1970() {
    let steps = [
        record(-1, 1),
        record(-10, 2),
        record(-11, 3),
        record(i64::MAX, 4),
        record(i64::MIN, 5),
    ];
    for allowed in [0, u64::MAX] {
        for windows in [10, 20] {
            let outcome = run(&steps, sliding(span(windows), span(10)), lateness(allowed));
            let all: Vec<u32> = outcome.given[&1].iter().flat_map(|(.., ids)| ids.clone()).collect();
            assert!((1..=5).all(|id| all.contains(&id)), "{outcome:?}");
            assert_eq!(outcome.late, []);
        }
        let outcome = run(&steps, tumbling(span(10)), lateness(allowed));
        let before_1970 = [
            (-20, -10, Firing::OnTime, vec![3]),
            (-10, 0, Firing::OnTime, vec![1, 2]),
        ];
        assert_eq!(outcome.given[&1][1..3], before_1970);
        let outcome = run(&steps, session(span(10)), lateness(allowed));
        assert_eq!(outcome.given[&1].len(), 3, "{outcome:?}");
    }
}

#[test]
fn late_records_go_where_wallaroos_policies_send_them() {
    let steps = [record(3, 1), watermark(25), record(4, 2), record(28, 3)];
    let with = |late| Said {
        late,
        ..Said::nothing()
    };
    let on_time = (0, 10, Firing::OnTime, vec![1]);
    let dropped = run(&steps, tumbling(span(10)), with(Late::Drop));
    assert_eq!(dropped.given[&1], [on_time.clone(), (20, 30, Firing::OnTime, vec![3])]);
    assert_eq!((dropped.dropped, dropped.late), (1, vec![]));
    let fired = run(&steps, tumbling(span(10)), with(Late::FirePerRecord));
    assert_eq!(fired.given[&1][1], (0, 10, Firing::Late, vec![2]));
    assert_eq!(fired.dropped, 0);
    for windows in [10, 20] {
        let placed = run(&steps, sliding(span(windows), span(10)), with(Late::PlaceInOldest));
        let all: Vec<u32> = placed.given[&1].iter().flat_map(|(.., ids)| ids.clone()).collect();
        assert!(all.contains(&2), "{placed:?}");
        let oldest = placed.given[&1]
            .iter()
            .find(|(.., ids)| ids.contains(&2))
            .expect("it was placed");
        assert!(oldest.0 <= 25 && oldest.1 > 25, "{placed:?}");
    }
    let placed = run(&steps, tumbling(span(10)), with(Late::PlaceInOldest));
    assert_eq!(placed.given[&1], [on_time, (20, 30, Firing::OnTime, vec![2, 3])]);
}

#[test]
fn the_results_of_windows_can_be_windowed_again() {
    let system = system(2);
    let out = Collected::new();
    let pipeline = Pipeline::new();
    let count = || fold(0, |count: &mut u64, _: u64| *count += 1, |count, later| *count += later);
    pipeline
        .source(
            "steps",
            source::steps(1, |_| (0..600).map(|n| Step::At(at(n), n as u64))),
        )
        .key_by(|n| n % 3)
        .window(tumbling(span(10)))
        .aggregate("by ten", count())
        .map(|windowed: Windowed<u64, u64>| windowed.value)
        .key_by(|_| ())
        .window(tumbling(span(100)))
        .aggregate(
            "by hundred",
            fold(0, |sum: &mut u64, n: u64| *sum += n, |sum, later| *sum += later),
        )
        .sink("out", sink::each(out.taker()));
    pipeline.start(&system).wait().expect("the job ends");
    let found: Vec<(Span, u64)> = out
        .take()
        .into_iter()
        .map(|w: Windowed<(), u64>| (w.span, w.value))
        .collect();
    let hundred = |n: i64| Span {
        start: at(n * 100),
        end: at(n * 100 + 100),
    };
    assert_eq!(found, (0..6).map(|n| (hundred(n), 100)).collect::<Vec<_>>());
}
